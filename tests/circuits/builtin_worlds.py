"""A small rule set for every built-in that rounds, ranks or chooses, with each on the sides on which it can stand."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from zkmargin.circuits.compile import CompiledCircuit, compile_rules
from zkmargin.circuits.rules import RuleSet, parse_rules

_HEADER = """
rules: 1
name: {name}
binding: public
{venues}axes:
  i: {{capacity: 4}}
  o: {{like: i}}
  s: {{size: 5}}
  g: {{size: 3}}
  h: {{size: 2}}
  t: {{capacity: 3, pad: repeat}}
  r: {{capacity: 3}}
public:
  mark: {{axes: [i], unit: usd/lot, decimals: 2, min: 0, max: 1e4}}
  pnl: {{axes: [i, s], unit: usd/lot, decimals: 2, min: -1e4, max: 1e4}}
  weight: {{axes: [i, g], decimals: 1, min: -2, max: 2}}
  tick: {{axes: [g], unit: usd, decimals: 2, min: 0.01, max: 50}}
  bound: {{axes: [t], unit: usd, decimals: 0, min: -1e4, max: 1e7}}
  rate: {{axes: [t], decimals: 3, min: 0, max: 1}}
  ups: {{axes: [t], decimals: 3, min: -1, max: 1}}
  ratio: {{axes: [i, r], decimals: 1, min: -3, max: 3}}
  worth: {{axes: [r], unit: usd/lot, decimals: 0, min: 0, max: 100}}
  cross: {{axes: [g], decimals: 1, min: -3, max: 3}}
  back: {{label: g > h, fixed: [0, 1, 0]}}
  some: {{label: g > h, fixed: [1, -1, 1]}}
parameters:
  least: {{unit: usd, decimals: 2, min: 0.01, max: 10}}
  lot_value: {{unit: usd/lot^2, decimals: 0, min: 0, max: 10}}
  factor: {{decimals: 1, min: 0, max: 3}}
private:
  size: {{axes: [{axes}i], unit: lot, decimals: 1, min: -1e3, max: 1e3, from: venue}}
  cash: {{{cash}unit: usd, decimals: 2, min: -1e12, max: 1e12, from: venue}}
"""

_HELD = "  held: sum(size * mark * weight, over=i)\n  loss: -sum(size * pnl, over=i)\n  net: sum(size * mark, over=i)\n"

RULES: Mapping[str, str] = {
    "labels": _HELD
    + """  grouped: positive(sum(abs(held), by=back)) - positive(sum(held, by=some))
  looked: sum(at(positive(sum(held, by=back)), by=back) + at(positive(sum(held, by=some)), by=some), over=g)
  paired: sum(sum(at(abs(size), by=o) * abs(size), over=o), over=i)
equity: cash + sum(sum(held, by=some), over=h)
requirements:
  maintenance: sum(grouped, over=h) + looked + paired * lot_value / 1000
conditions: []
""",
    "venues": """  total: sum(size, over=venue)
  apart: sum(sum(abs(size), over=venue) * mark, over=i)
  together: sum(abs(total) * mark, over=i)
equity: sum(cash, over=venue) + sum(total * mark, over=i)
requirements:
  maintenance: apart / 10 + together / 5
""",
    "rounding": _HELD
    + """  good: div(positive(held), max(abs(held), tick), decimals=3)
  bad: div(-positive(held), max(abs(net), least), decimals=2)
  both: floor(held, tick)
  up: ceil(abs(held), tick)
equity: cash + sum(floor(held, tick), over=g) - sum(ceil(held, 7), over=g) + sum(good * least, over=g)
requirements:
  maintenance: sum(up, over=g) + sum(both - 2 * floor(-held, least), over=g) - sum(bad * least, over=g)
""",
    "roots": _HELD
    + """  spread: sqrt(sum(held * held, over=g), decimals=2)
  mixed: sqrt(net * least, decimals=1)
equity: cash + sqrt(net * least, decimals=3) - sqrt(-net * least, decimals=2)
requirements:
  maintenance: spread + positive(mixed - least * factor) + 2 * sqrt(positive(held) * least, decimals=0) * factor
""",
    "tiers": _HELD
    + """  charged: sum(step(abs(held), bound, rate, over=t) * abs(held), over=g)
  gained: step(net, bound, rate, over=t)
  odd: step(net, bound, ups, over=t)
equity: cash + gained * least - step(-net, bound, rate, over=t) * least + odd * least
requirements:
  maintenance: charged + step(net, bound, rate, over=t) * least
conditions:
  - rising(rate, over=t)
""",
    "measures": _HELD
    + """  worst: value_at_risk(loss, over=s, worst=2)
  shared: value_at_risk(loss, over=s, worst=3)
  tail: expected_shortfall(loss, over=s, worst=2)
  part: expected_shortfall(loss, over=s, worst=2.5)
  joint: expected_shortfall(loss, over=s, worst=1.5)
  whole: expected_shortfall(loss, over=s, worst=3)
equity: cash + value_at_risk(loss, over=s, worst=4) + expected_shortfall(-loss, over=s, worst=1.75) - shared
  + expected_shortfall(-loss, over=s, worst=4) + joint * 2 - value_at_risk(-loss, over=s, worst=5) + whole
requirements:
  maintenance: worst - shared * 2 + tail + part - joint + positive(whole - least)
""",
    "picks": _HELD
    + """  chosen: pick(abs(held), held * cross, over=g)
  named: pick(tick, held, over=g)
equity: cash + chosen + pick(-abs(held), -held, over=g)
requirements:
  maintenance: pick(abs(held), held, over=g) + named
""",
    "spreads": _HELD
    + """  formed: match(size, ratio, over=i)
  finer: match(size, ratio, over=i, decimals=1)
equity: cash + sum(formed * worth, over=r)
requirements:
  maintenance: sum(finer * worth, over=r) / 2 + sum(abs(size) * mark, over=i)
""",
}


@cache
def rules_of(name: str) -> RuleSet:
    several = name == "venues"
    header = _HEADER.format(
        name=name,
        venues="venues: 2\n" if several else "",
        axes="venue, " if several else "",
        cash="axes: [venue], " if several else "",
    )
    text = header + "define:\n" + RULES[name].replace("conditions: []\n", "").strip("\n") + "\n"
    return parse_rules(text.encode(), f"{name}.yaml")


@cache
def compiled(name: str) -> CompiledCircuit:
    return compile_rules(rules_of(name), cache=False)
