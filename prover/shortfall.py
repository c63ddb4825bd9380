"""Why an account cannot prove a claim: for the trader alone, before anything is proven."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from zkmargin.attestations.context import Claim
from zkmargin.attestations.positions import SIZE
from zkmargin.circuits.rules import Evaluation, RuleSet, evaluate
from zkmargin.errors import MarginShort
from zkmargin.margin.explain import ScenarioResult, scenario_results, split_sizes, worst_scenarios
from zkmargin.margin.market import Market
from zkmargin.margin.tables import INSTRUMENT_AXIS
from zkmargin.prover.holdings import Holdings
from zkmargin.prover.remedies import smallest_deposit

SCENARIO_COLUMN = "pnl"


@dataclass(frozen=True, repr=False)
class Shortfall:
    """What is missing. Amounts are exact, in the unit of equity; nothing of it shows in a repr.

    ``missing``: requirement times the buffer, less equity, of the worst element of the claim. ``deposit``:
    the least number of cash units (``10**-cash_decimals``) with which the claim holds (``remedies``); None where no
    cash restores it.
    ``worst``: the scenarios with the largest losses, where the rule set's tables have scenarios.
    """

    claim: Claim
    equity: Fraction
    requirement: Fraction
    missing: Fraction
    deposit: int | None
    cash_decimals: int
    worst: tuple[ScenarioResult, ...]

    def __repr__(self) -> str:
        return "<Shortfall (private)>"


def require_margin(rules: RuleSet, market: Market, private: Mapping[str, Any], claim: Claim) -> Evaluation:
    """Return the plaintext reading if the account meets the claim; raise MarginShort otherwise.

    The error's ``explanation`` is a Shortfall; its message carries no amount.
    """
    found = evaluate(rules, market.tables, private)
    kind = claim.kind.name.lower()
    if found.holds(kind, claim.num, claim.den):
        return found
    error = MarginShort(
        "the account does not meet the claim: no proof is made",
        expected=str(claim),
        hint="`zkmargin check` shows the worst scenarios and the smallest deposit",
    )
    error.explanation = explain_shortfall(rules, market, private, claim, found)
    raise error


def explain_shortfall(
    rules: RuleSet, market: Market, private: Mapping[str, Any], claim: Claim, found: Evaluation
) -> Shortfall:
    """Take a failed claim apart."""
    kind = claim.kind.name.lower()
    slack, denominator = found.slack(kind, claim.num, claim.den)
    worst = min(int(value) for value in slack.ravel().tolist())
    missing = Fraction(-worst, denominator * claim.den)
    equity = Fraction(min(map(int, found.equity.ravel().tolist())), found.denominators["equity"])
    deposit = smallest_deposit(Holdings.of(rules, market, private), claim)
    required = max(map(int, found.requirements[kind].ravel().tolist()))
    return Shortfall(
        claim=claim,
        equity=equity,
        requirement=Fraction(required, found.denominators[kind]),
        missing=missing,
        deposit=None if deposit is None else deposit.units,
        cash_decimals=market.listing.cash_decimals if deposit is None else deposit.decimals,
        worst=_worst(rules, market, private, (*found.axes["equity"], *found.axes[kind])),
    )


def _worst(
    rules: RuleSet, market: Market, private: Mapping[str, Any], kept: Sequence[str]
) -> tuple[ScenarioResult, ...]:
    pnl = market.tables.columns.get(SCENARIO_COLUMN)
    axes = rules.columns[SIZE].axes if SIZE in private else ()
    if pnl is None or len(pnl.axes) != 2 or INSTRUMENT_AXIS not in axes:
        return ()
    results = [
        replace(result, group=name)
        for name, sizes in split_sizes(np.asarray(private[SIZE], dtype=object), axes, kept)
        for result in scenario_results(sizes, market.tables, market.listing.lot_decimals)
    ]
    return tuple(worst_scenarios(results))
