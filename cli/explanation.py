"""What `check` shows and what `prove` says when it refuses, computed once. For the trader alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import click

from zkmargin.cli.figures import exact, money
from zkmargin.cli.output import print_pairs, print_table
from zkmargin.cli.risk import deposit_words, deposits_json, risk_json, show_risk

if TYPE_CHECKING:
    from zkmargin.attestations.context import Claim
    from zkmargin.circuits.rules import RuleSet
    from zkmargin.circuits.rules.operations import IntArray
    from zkmargin.margin.explain import Contribution, Headroom, ScenarioResult
    from zkmargin.margin.market import Market
    from zkmargin.prover.remedies import Deposit
    from zkmargin.prover.risk import Risk

SCENARIOS_SHOWN = 5
POSITIONS_SHOWN = 5
ELEMENTS_SHOWN = 10


@dataclass(frozen=True)
class Explanation:
    """A claim on an account in the open. Amounts are in the listing's cash unit.

    ``headroom`` is that of the tightest element; ``elements``, where the claim holds for each of several
    (sub-accounts, venues), has all by name. ``deposit``: None where none restores the claim. ``risk``: where asked for.
    """

    claim: str
    unit: str
    headroom: Headroom = field(repr=False)
    elements: Sequence[tuple[str, Headroom]] = field(repr=False)
    deposit: Deposit | None = field(repr=False)
    scenarios: Sequence[ScenarioResult] = field(repr=False)
    worst: Sequence[Contribution] = field(repr=False)
    risk: Risk | None = field(default=None, repr=False)

    @property
    def holds(self) -> bool:
        """Whether the account meets the claim."""
        return self.headroom.holds


def explain(
    rules: RuleSet, market: Market, private: Mapping[str, IntArray], claim: Claim, risk: Risk | None = None
) -> Explanation:
    """Compute a claim in the open, exactly. ``private``: the rule set's private columns by name."""
    from zkmargin.circuits.rules import evaluate
    from zkmargin.margin.explain import Claim as Ratio
    from zkmargin.margin.explain import contributions, scenario_results, split_sizes
    from zkmargin.margin.tables import INSTRUMENT_AXIS
    from zkmargin.prover.holdings import Holdings
    from zkmargin.prover.remedies import smallest_deposit
    from zkmargin.prover.risk import elements as elements_of

    tables, listing = market.tables, market.listing
    kind = claim.kind.name.lower()
    evaluation = evaluate(rules, tables, private)
    elements = elements_of(evaluation, kind, market, Ratio(claim.num, claim.den))
    tightest = min((headroom for _, headroom in elements), key=lambda element: element.slack)
    deposit = risk.deposit if risk is not None else smallest_deposit(Holdings.of(rules, market, private), claim)
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
    return Explanation(str(claim), listing.cash_unit.upper(), tightest, elements, deposit, results, worst, risk)


def axes_of(rules: RuleSet, name: str) -> tuple[str, ...]:
    """The axes of a column; none where there is no such column."""
    return rules.columns[name].axes if name in rules.columns else ()


def as_json(explanation: Explanation, before: Explanation | None = None) -> dict[str, Any]:
    """As data; amounts are decimal strings with all digits. ``before``: the account without the trades thought of."""
    headroom = explanation.headroom
    coverage = headroom.coverage
    return {
        "holds": explanation.holds,
        "claim": explanation.claim,
        "unit": explanation.unit,
        "equity": exact(headroom.equity),
        "requirement": exact(headroom.requirement),
        "headroom": exact(headroom.slack),
        **({} if before is None else {"headroomBefore": exact(before.headroom.slack)}),
        "coverage": None if coverage is None else round(float(coverage), 6),
        "smallestDeposit": None if explanation.deposit is None else exact(explanation.deposit.total),
        "deposits": deposits_json(explanation.deposit),
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
        **({} if explanation.risk is None else risk_json(explanation.risk)),
    }


def show(explanation: Explanation, *, positions: bool = True, before: Explanation | None = None) -> None:
    """For people: figures, scenarios, the positions that lose most in the worst one, verdict.

    ``before``: the account without the trades thought of.
    """
    unit, headroom = explanation.unit, explanation.headroom
    coverage = headroom.coverage
    pairs = [
        ("claim", explanation.claim),
        ("equity", money(headroom.equity, unit)),
        ("requirement", money(headroom.requirement, unit)),
        ("headroom", money(headroom.slack, unit)),
    ]
    if before is not None:
        pairs.append(("before the trades", money(before.headroom.slack, unit)))
    if coverage is not None:
        pairs.append(("coverage", f"{float(coverage):.1%}"))
    several = len(explanation.elements) > 1
    if not explanation.holds:
        pairs.append(("smallest deposit", deposit_words(explanation.deposit, unit)))
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
    if explanation.risk is not None:
        show_risk(explanation.risk, unit, holds=explanation.holds)
    if explanation.holds:
        click.echo(click.style("holds", fg="green", bold=True) + ": the account meets the claim")
    else:
        missing = money(-headroom.slack, unit)
        click.echo(click.style("falls short", fg="red", bold=True) + f": {missing} missing")
