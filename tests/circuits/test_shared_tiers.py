"""Steps of one number along the same bounds share the tier, on the sides that all of them ask for together."""

from __future__ import annotations

from random import Random

import pytest
from worlds import Claimed, is_provable, random_tables, smallest_cash

from zkmargin.circuits.compile import CompiledCircuit, compile_rules
from zkmargin.circuits.names import without_indices
from zkmargin.circuits.rules import parse_rules

TEXT = """rules: 1
name: shared
binding: public
axes:
  i: {{capacity: 3}}
  t: {{capacity: 4, pad: repeat}}
public:
  bound: {{axes: [i, t], unit: lot, decimals: 0, min: 0, max: 1e3}}
  other: {{axes: [i, t], unit: lot, decimals: 0, min: 0, max: 1e3}}
  rate: {{axes: [i, t], unit: usd, decimals: 1, min: 0, max: 9}}
  fee: {{axes: [i, t], unit: usd, decimals: 1, min: 0, max: 9}}
parameters:
  price: {{unit: usd/lot, decimals: 1, min: 0, max: 9}}
private:
  size: {{axes: [i], unit: lot, decimals: 0, min: -1e3, max: 1e3, from: venue}}
  cash: {{unit: usd, decimals: 1, min: -1e9, max: 1e9, from: venue}}
equity: cash
requirements:
  maintenance: {maintenance}
conditions:
  - rising(bound, over=t)
  - rising(rate, over=t)
  - rising(fee, over=t)
"""
RATE, FEE = "step(abs(size), bound, rate, over=t)", "step(abs(size), bound, fee, over=t)"
CUT, ODD = "step(abs(size), bound, -fee, over=t)", "step(abs(size), other, fee, over=t)"


def _compile(charge: str) -> CompiledCircuit:
    text = TEXT.format(maintenance=f'"sum({charge}, over=i)"')
    return compile_rules(parse_rules(text.encode(), "shared.yaml"), cache=False)


def _checks(compiled: CompiledCircuit) -> tuple[int, int, int]:
    """Places that are chosen, and how many of them are compared with their bound and with the one before."""
    paths = [(without_indices(path), count) for path, count in compiled.names.paths]
    ends = ("step/one", "step/x<=bound/recompose", "step/x>bound before/recompose")
    found = [sum(count for path, count in paths if path.endswith(end)) for end in ends]
    return found[0], found[1], found[2]


@pytest.mark.parametrize(
    ("charge", "checks"),
    [
        (RATE, (3, 3, 0)),
        (f"{RATE} + {FEE}", (3, 3, 0)),  # both from above: a later tier never helps
        (f"9 * {RATE} - {FEE}", (3, 3, 3)),
        (f"{RATE} - {CUT}", (3, 3, 0)),  # less of what falls rises
        (f"{RATE} + {CUT}", (3, 3, 3)),
        (f"abs(size) * price - {RATE} - {FEE}", (3, 0, 3)),
        (f"{RATE} + {ODD}", (6, 6, 0)),  # other bounds are other tiers
        (f"{RATE} - {ODD}", (6, 3, 3)),
    ],
)
def test_a_tier_is_placed_once_and_circuit_and_plaintext_agree(charge: str, checks: tuple[int, int, int]) -> None:
    compiled, random = _compile(charge), Random(charge)
    assert _checks(compiled) == checks
    proven = 0
    for _ in range(12):
        tables = random_tables(compiled.rules, random)
        edges = [int(value) for value in tables.columns["bound"].values.ravel().tolist()]
        sizes = [
            random.choice((-1, 1)) * min(random.choice(edges) + random.randint(0, 1), 1000)
            for _ in range(tables.sizes["i"])
        ]
        least = smallest_cash(compiled.rules, tables, {"size": sizes}, Claimed())
        if least is None:
            continue
        market = compiled.plan.bind(tables)
        assert is_provable(compiled, {"size": sizes, "cash": least}, Claimed(), market)
        assert not is_provable(compiled, {"size": sizes, "cash": least - 1}, Claimed(), market)
        proven += 1
    assert proven > 5
