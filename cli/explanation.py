"""What `check` shows and what `prove` says when it refuses, computed once. For the trader alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import click

from zkmargin.cli.output import print_pairs, print_table

if TYPE_CHECKING:
    from zkmargin.attestations.context import Claim
    from zkmargin.circuits.rules import Evaluation, RuleSet
    from zkmargin.circuits.rules.operations import IntArray
    from zkmargin.margin.explain import Contribution, Headroom, ScenarioResult
    from zkmargin.margin.market import Market

SCENARIOS_SHOWN = 5
POSITIONS_SHOWN = 5
ELEMENTS_SHOWN = 10


@dataclass(frozen=True)
class Explanation:
    """A claim on an account in the open. Amounts are in the listing's cash unit.

    ``headroom`` is that of the tightest element; ``elements``, where the claim holds for each of several
    (sub-accounts, venues), has all by name.
    """

    claim: str
    unit: str
    headroom: Headroom = field(repr=False)
    elements: Sequence[tuple[str, Headroom]] = field(repr=False)
    deposit: Fraction = field(repr=False)
    scenarios: Sequence[ScenarioResult] = field(repr=False)
    worst: Sequence[Contribution] = field(repr=False)

    @property
    def holds(self) -> bool:
        """Whether the account meets the claim."""
        return self.headroom.holds


def explain(rules: RuleSet, market: Market, private: Mapping[str, IntArray], claim: Claim) -> Explanation:
    """Compute a claim in the open, exactly. ``private``: the rule set's private columns by name."""
    from zkmargin.circuits.rules import evaluate
    from zkmargin.margin.explain import (
        Claim as Ratio,
    )
    from zkmargin.margin.explain import (
        compute_headroom,
        contributions,
        scenario_results,
        smallest_deposit,
        split_sizes,
    )
    from zkmargin.margin.tables import INSTRUMENT_AXIS

    tables, listing = market.tables, market.listing
    kind = claim.kind.name.lower()
    evaluation = evaluate(rules, tables, private)
    ratio = Ratio(claim.num, claim.den)
    elements = [
        (
            name,
            compute_headroom(
                Fraction(equity, evaluation.denominators["equity"]),
                Fraction(requirement, evaluation.denominators[kind]),
                ratio,
            ),
        )
        for name, equity, requirement in _elements(evaluation, kind, market)
    ]
    found = [headroom for _, headroom in elements]
    tightest = min(found, key=lambda element: element.slack)
    deposit = Fraction(smallest_deposit(found, listing.cash_decimals), 10**listing.cash_decimals)
    results: Sequence[ScenarioResult] = ()
    worst: Sequence[Contribution] = ()
    pnl = tables.columns.get("pnl")
    if pnl is not None and len(pnl.axes) == 2 and INSTRUMENT_AXIS in axes_of(rules, "size"):
        label = "underlying" if "underlying" in tables.labels else None
        kept = evaluation.axes["equity"] + evaluation.axes[kind]
        split = [
            (name, sizes, result)
            for name, sizes in split_sizes(private["size"], axes_of(rules, "size"), kept)
            for result in scenario_results(sizes, tables, listing.lot_decimals, label=label)
        ]
        split = sorted(split, key=lambda entry: entry[2].pnl)[:SCENARIOS_SHOWN]
        results = [replace(result, group=", ".join(filter(None, (name, result.group)))) for name, _, result in split]
        worst = contributions(split[0][1], tables, listing.lot_decimals, results[0].scenario)[:POSITIONS_SHOWN]
    return Explanation(str(claim), listing.cash_unit.upper(), tightest, elements, deposit, results, worst)


def axes_of(rules: RuleSet, name: str) -> tuple[str, ...]:
    """The axes of a column; none where there is no such column."""
    return rules.columns[name].axes if name in rules.columns else ()


def _elements(evaluation: Evaluation, kind: str, market: Market) -> list[tuple[str, int, int]]:
    """Name, equity and requirement of every element of the axes that they keep, as integers."""
    import numpy as np

    from zkmargin.circuits.rules.plaintext import spread

    kept = evaluation.axes["equity"] + evaluation.axes[kind]
    axes = tuple(axis for axis in evaluation.rules.axes if axis in kept)
    sides = [spread(evaluation.values[name], evaluation.axes[name], axes) for name in ("equity", kind)]
    equity, requirement = np.broadcast_arrays(*sides)
    names = {**market.tables.names, **market.listing.axes}

    def named(place: tuple[int, ...]) -> str:
        rows = ((axis, names[axis][at] if axis in names else at + 1) for axis, at in zip(axes, place, strict=True))
        return ", ".join(f"{axis} {row}" for axis, row in rows)

    return [(named(place), int(equity[place]), int(requirement[place])) for place in np.ndindex(*equity.shape)]


def money(value: Fraction, unit: str = "") -> str:
    """Rounded to cents, for people."""
    cents = round(value * 100)
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole:,}.{rest:02d}" + (f" {unit}" if unit else "")


def exact(value: Fraction, *, group: bool = False) -> str:
    """All digits, as a plain decimal (every amount here has a power of ten below it)."""
    from decimal import Context, Decimal

    quotient = Context(prec=120).divide(Decimal(value.numerator), Decimal(value.denominator))
    text = format(quotient, ",f" if group else "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def as_json(explanation: Explanation) -> dict[str, Any]:
    """As data; amounts are decimal strings with all digits."""
    headroom = explanation.headroom
    coverage = headroom.coverage
    return {
        "holds": explanation.holds,
        "claim": explanation.claim,
        "unit": explanation.unit,
        "equity": exact(headroom.equity),
        "requirement": exact(headroom.requirement),
        "headroom": exact(headroom.slack),
        "coverage": None if coverage is None else round(float(coverage), 6),
        "smallestDeposit": exact(explanation.deposit),
        "elements": [
            {
                "name": name,
                "equity": exact(element.equity),
                "requirement": exact(element.requirement),
                "headroom": exact(element.slack),
            }
            for name, element in explanation.elements
            if name
        ],
        "worstScenarios": [
            {"group": result.group or None, "scenario": result.scenario, "pnl": exact(result.pnl)}
            for result in explanation.scenarios
        ],
        "worstPositions": [
            {"instrument": entry.instrument, "size": exact(entry.size), "pnl": exact(entry.pnl)}
            for entry in explanation.worst
        ],
    }


def show(explanation: Explanation, *, positions: bool = True) -> None:
    """For people: figures, scenarios, the positions that lose most in the worst one, verdict."""
    unit, headroom = explanation.unit, explanation.headroom
    coverage = headroom.coverage
    pairs = [
        ("claim", explanation.claim),
        ("equity", money(headroom.equity, unit)),
        ("requirement", money(headroom.requirement, unit)),
        ("headroom", money(headroom.slack, unit)),
    ]
    if coverage is not None:
        pairs.append(("coverage", f"{float(coverage):.1%}"))
    several = len(explanation.elements) > 1
    if not explanation.holds and not several:
        pairs.append(("smallest deposit", f"{exact(explanation.deposit, group=True)} {unit}"))
    print_pairs(pairs)
    if several:
        tightest = sorted(explanation.elements, key=lambda element: element[1].slack)[:ELEMENTS_SHOWN]
        rows = [[name, *map(money, (h.equity, h.requirement, h.slack))] for name, h in tightest]
        print_table(("the claim for", f"equity ({unit})", "requirement", "headroom"), rows, right=(1, 2, 3))
    if explanation.scenarios:
        headings, right = ["worst scenarios", f"P&L ({unit})"], 1
        rows = [[result.scenario, money(result.pnl)] for result in explanation.scenarios]
        if any(result.group for result in explanation.scenarios):
            headings, right = [headings[0], "group", headings[1]], 2
            rows = [[r.scenario, r.group, money(r.pnl)] for r in explanation.scenarios]
        print_table(headings, rows, right=(right,))
    if explanation.worst and positions:
        rows = [[entry.instrument, exact(entry.size), money(entry.pnl)] for entry in explanation.worst]
        print_table((f"in {explanation.scenarios[0].scenario}", "size", f"P&L ({unit})"), rows, right=(1, 2))
    if explanation.holds:
        click.echo(click.style("holds", fg="green", bold=True) + ": the account meets the claim")
    else:
        missing = money(-headroom.slack, unit)
        click.echo(click.style("falls short", fg="red", bold=True) + f": {missing} missing")
