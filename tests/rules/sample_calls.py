"""A rule set with every kind of axis, label and private column, and random expressions of every built-in over it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from zkmargin.circuits.rules import RuleProblems, RuleSet, parse_rules

HEAD = """\
rules: 1
name: calls
venues: 2
axes:
  i: {capacity: 4}
  o: {like: i}
  s: {size: 4}
  g: {size: 3}
  h: {like: g}
  k: {size: 2}
  r: {capacity: 3}
  t: {capacity: 4, pad: repeat}
public:
  price: {axes: [i], unit: usd/lot, decimals: 1, min: 1, max: 9}
  pnl: {axes: [i, s], unit: usd/lot, decimals: 1, min: -9, max: 9}
  cor: {axes: [i, o], decimals: 1, min: -1, max: 1}
  tilt: {axes: [s], decimals: 1, min: -2, max: 2}
  band: {axes: [t], unit: usd, decimals: 0, min: -50, max: 50}
  fee: {axes: [t], unit: usd, decimals: 1, min: 0, max: 9}
  cut: {axes: [t], unit: usd, decimals: 1, min: -9, max: 9}
  odd: {axes: [t], unit: usd, decimals: 1, min: -9, max: 9}
  mix: {axes: [g, r], decimals: 1, min: -3, max: 3}
  blend: {axes: [i, r], decimals: 0, min: -2, max: 2}
  quantum: {axes: [g], unit: usd, decimals: 1, min: 0.1, max: 3}
  near: {label: i > g}
  side: {label: g > k, fixed: [0, 1, 1]}
  loose: {label: g > k, fixed: [-1, 0, 0]}
parameters:
  tick: {unit: usd, decimals: 2, min: 0.1, max: 2}
  factor: {decimals: 1, min: 1, max: 3}
private:
  size: {axes: [venue, i], unit: lot, decimals: 1, min: -20, max: 20, from: venue}
  cash: {axes: [venue], unit: usd, decimals: 2, min: -100, max: 100, from: venue}
  net: {axes: [g], unit: usd, decimals: 1, min: -20, max: 20, from: prover}
  gross: {axes: [g], unit: usd, decimals: 0, min: 0, max: 30, from: chain}
  lever: {decimals: 1, min: 0, max: 3, from: prover}
"""
CONDITIONS = ("rising(fee, over=t)", "falling(cut, over=t)")

Expression = tuple[str, frozenset[str]]


def _axes(names: str) -> frozenset[str]:
    return frozenset(names.split())


LEAVES: list[Expression] = [
    ("cash", _axes("venue")),
    ("sum(cash, over=venue)", _axes("")),
    ("net", _axes("g")),
    ("gross", _axes("g")),
    ("size * price", _axes("venue i")),
    ("positive(-size) * price", _axes("venue i")),
    ("-sum(sum(size, over=venue) * pnl, over=i)", _axes("s")),
    ("sum(size * pnl, by=near)", _axes("venue g s")),
    ("sum(sum(size, over=venue) * price, by=near)", _axes("g")),
    ("net * tilt", _axes("g s")),
    ("fee", _axes("t")),
    ("quantum", _axes("g")),
    ("lever * tick", _axes("")),
]


def expression(random: Random, depth: int) -> Expression:
    """A random expression in usd and its axes; of the right types, perhaps refused for width or padding."""
    if depth == 0:
        return random.choice(LEAVES)
    x, axes = expression(random, depth - 1)
    if random.random() < 0.45:
        return random.choice(UNARY)(random, x, axes)
    if axes and random.random() < 0.4:
        return reduced(random, x, axes)
    y, more = expression(random, depth - 1)
    return random.choice(BINARY)(random, x, axes, y, more)


Unary = Callable[[Random, str, frozenset[str]], Expression]
Binary = Callable[[Random, str, frozenset[str], str, frozenset[str]], Expression]


def _decimals(random: Random) -> str:
    return random.choice(("", ", decimals=1", ", decimals=3"))


def _step(random: Random, x: str, axes: frozenset[str]) -> Expression:
    value = random.choice(("fee", "cut", "odd", "-2 * fee"))
    return (x, axes) if "t" in axes else (f"step({x}, band, {value}, over=t)", axes)


def _at(random: Random, x: str, axes: frozenset[str]) -> Expression:
    if "i" in axes and not axes & _axes("o g"):
        return random.choice([(f"at({x}, by=o)", axes - {"i"} | {"o"}), (f"sum({x}, by=near)", axes - {"i"} | {"g"})])
    if "g" not in axes:
        return x, axes
    choices = []
    if "h" not in axes:
        choices.append((f"at({x}, by=h)", axes - {"g"} | {"h"}))
    if "i" not in axes:
        choices.append((f"at({x}, by=near)", axes - {"g"} | {"i"}))
    if "k" not in axes:
        label = random.choice(("side", "loose"))
        choices.append((f"sum({x}, by={label})", axes - {"g"} | {"k"}))
        choices.append((f"at(sum({x}, by={label}), by={random.choice(('side', 'loose'))})", axes))
    return random.choice(choices) if choices else (x, axes)


UNARY: list[Unary] = [
    lambda _, x, axes: (f"-({x})", axes),
    lambda random, x, axes: (f"({x}) * {random.choice(('factor', '-1.5', '2', 'lever'))}", axes),
    lambda random, x, axes: (f"{random.choice(('positive', 'abs'))}({x})", axes),
    lambda random, x, axes: (f"{random.choice(('floor', 'ceil'))}({x}, {random.choice(('tick', '0.25', '3'))})", axes),
    lambda random, x, axes: (f"nearest({x}, {random.choice(('tick', '0.25', '3'))})", axes),
    lambda _, x, axes: (f"ceil({x}, quantum)", axes | {"g"}),
    lambda random, x, axes: (f"div({x}, tick{_decimals(random)}) * tick", axes),
    lambda random, x, axes: (f"div({x}, quantum{_decimals(random)}) * tick", axes | {"g"}),
    lambda random, x, axes: (f"sqrt(({x}) * tick{_decimals(random)})", axes),
    lambda random, x, axes: (f"sqrt(abs({x}) * tick + ({x}) * ({x}){_decimals(random)})", axes),
    _step,
    _step,
    _at,
    _at,
]

BINARY: list[Binary] = [
    lambda random, x, axes, y, more: (f"({x} {random.choice('+-')} {y})", axes | more),
    lambda random, x, axes, y, more: (f"{random.choice(('max', 'min'))}({x}, {y})", axes | more),
    lambda random, x, axes, y, more: (f"div({x}, max(abs({y}), tick){_decimals(random)}) * tick", axes | more),
    lambda _, x, axes, y, more: (f"div({x}, tick + positive({y})) * tick", axes | more),
    lambda random, x, axes, y, more: (f"sqrt(({x}) * ({y}){_decimals(random)})", axes | more),
    lambda random, x, axes, y, more: _pick(random, x, axes, y, more),
]


def _pick(random: Random, x: str, axes: frozenset[str], y: str, more: frozenset[str]) -> Expression:
    shared = sorted(axes & more & _axes("s g h k t venue"))
    if not shared:
        return f"({x} + {y})", axes | more
    axis = random.choice(shared)
    return f"pick({x}, {y}, over={axis})", (axes | more) - {axis}


def reduced(random: Random, x: str, axes: frozenset[str]) -> Expression:
    """One axis less."""
    axis = random.choice(sorted(axes))
    left = axes - {axis}
    ways = []
    if axis != "t":
        ways.append(f"sum({x}, over={axis})")
    if axis not in ("i", "o", "r"):
        ways.append(f"{random.choice(('max', 'min'))}({x}, over={axis})")
    if axis in ("s", "g", "h", "k", "venue"):
        ways.append(f"value_at_risk({x}, over={axis}, worst={random.choice((1, 2))})")
        ways.append(f"expected_shortfall({x}, over={axis}, worst={random.choice(('1', '1.5', '2', '1.25'))})")
    if axis in ("g", "i") and "r" not in axes:
        ratio = "mix" if axis == "g" else "blend"
        ways += [f"sum(match({x}, {ratio}, over={axis}{_decimals(random)}), over=r)"] * 2
    return random.choice(ways), left


def rules_of(definitions: dict[str, str], equity: str, maintenance: str) -> RuleSet:
    """The sample rule set with these expressions. Raises RuleProblems."""
    lines = [HEAD + "define:", *(f'  {name}: "{text}"' for name, text in definitions.items())]
    lines += [f'equity: "{equity}"', "requirements:", f'  maintenance: "{maintenance}"', "conditions:"]
    lines += [f"  - {condition}" for condition in CONDITIONS]
    return parse_rules("\n".join(lines).encode(), "calls.yaml")


def random_rules(random: Random) -> tuple[RuleSet, dict[str, str]]:
    """An accepted rule set of random expressions, and its texts by name."""
    while True:
        texts: dict[str, str] = {}
        for name in ("a", "b", "equity", "maintenance"):
            text, axes = expression(random, random.randrange(1, 4))
            while axes and (name == "equity" or name == "maintenance"):
                text, axes = reduced(random, text, axes)
            texts[name] = text
        try:
            named = {name: texts[name] for name in ("a", "b")}
            return rules_of(named, texts["equity"], texts["maintenance"]), texts
        except RuleProblems as refused:
            if not {problem.kind for problem in refused.problems} <= {"pad", "field", "axis"}:
                raise
