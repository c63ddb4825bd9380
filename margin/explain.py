"""What lies behind a margin result, for the trader alone: worst scenarios, contributions, headroom.

Pure functions over plaintext results, exact throughout (``Fraction`` of a USD). A claim asks, for every
element of the axes that equity and requirement keep (usually one):

    equity * denominator >= max(0, requirement) * numerator
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from zkmargin.errors import SchemaType
from zkmargin.margin.strict import IntArray
from zkmargin.margin.tables import INSTRUMENT_AXIS, Column, Listing, Tables


@dataclass(frozen=True)
class Claim:
    """At least ``numerator / denominator`` times the requirement."""

    numerator: int = 1
    denominator: int = 1

    def __post_init__(self) -> None:
        if not self.numerator >= self.denominator >= 1:
            raise SchemaType("a claim has numerator >= denominator >= 1")


@dataclass(frozen=True)
class ScenarioResult:
    """P&L of the account's positions of one group (an underlying) in one scenario; a loss is negative."""

    group: str
    scenario: str
    pnl: Fraction = field(repr=False)


@dataclass(frozen=True)
class Contribution:
    """What one position adds to the P&L of one scenario. ``size`` is in contracts."""

    instrument: str
    size: Fraction = field(repr=False)
    pnl: Fraction = field(repr=False)


@dataclass(frozen=True)
class Headroom:
    """One element of a claim. ``slack``: equity less numerator / denominator x requirement."""

    equity: Fraction = field(repr=False)
    requirement: Fraction = field(repr=False)
    slack: Fraction = field(repr=False)

    @property
    def holds(self) -> bool:
        """Whether the claim holds for this element."""
        return self.slack >= 0

    @property
    def coverage(self) -> Fraction | None:
        """Equity over requirement; None where nothing is required."""
        return self.equity / self.requirement if self.requirement > 0 else None


def compute_headroom(equity: Fraction, requirement: Fraction, claim: Claim) -> Headroom:
    """Headroom of one element. A requirement below zero counts as zero."""
    needed = max(Fraction(0), requirement)
    return Headroom(equity, needed, equity - needed * claim.numerator / claim.denominator)


def scenario_results(
    sizes: Sequence[int], tables: Tables, lot_decimals: int, column: str = "pnl", label: str | None = None
) -> list[ScenarioResult]:
    """P&L in every scenario of ``column`` (instrument, scenario), per group of ``label``, in table order.

    ``sizes`` are lots over the active rows (more, zero, entries are allowed).
    """
    pnl = _pnl(tables, column)
    groups: tuple[str, ...] = ("",)
    membership: Sequence[int] = (0,) * pnl.values.shape[0]
    if label is not None:
        groups, membership = tables.names[tables.labels[label].target], tables.labels[label].indices
    totals = [[0] * pnl.values.shape[1] for _ in groups]
    for row, group in enumerate(membership):
        if group >= 0 and (size := sizes[row]):
            totals[group] = [t + size * v for t, v in zip(totals[group], pnl.values[row].tolist(), strict=True)]
    scale = 10 ** (lot_decimals + pnl.decimals)
    return [
        ScenarioResult(group, scenario, Fraction(total, scale))
        for group, row in zip(groups, totals, strict=True)
        for scenario, total in zip(tables.names[pnl.axes[1]], row, strict=True)
    ]


def split_sizes(sizes: IntArray, axes: Sequence[str], keep: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Sizes over ``axes`` as one vector over instruments for each element of the axes ``keep``, whose name it has
    (``account 2``); along other axes (venues that offset each other, say) they add up.
    """
    kept = [axis for axis in axes if axis in keep and axis != INSTRUMENT_AXIS]
    gone = tuple(place for place, axis in enumerate(axes) if axis not in (*kept, INSTRUMENT_AXIS))
    order = [*kept, INSTRUMENT_AXIS]
    left = [axis for axis in axes if axis in order]
    summed = sizes.sum(axis=gone) if gone else sizes
    rows = summed.transpose([left.index(axis) for axis in order])
    places = np.ndindex(*rows.shape[:-1])
    return [
        (", ".join(f"{axis} {at + 1}" for axis, at in zip(kept, place, strict=True)), rows[place].tolist())
        for place in places
    ]


def worst_scenarios(results: Sequence[ScenarioResult], count: int = 5) -> list[ScenarioResult]:
    """The ``count`` results with the lowest P&L, lowest first; ties in table order."""
    return sorted(results, key=lambda result: result.pnl)[:count]


def contributions(
    sizes: Sequence[int], tables: Tables, lot_decimals: int, scenario: str, column: str = "pnl"
) -> list[Contribution]:
    """What each position adds to the P&L of one scenario, largest loss first. They sum to its total."""
    pnl = _pnl(tables, column)
    if scenario not in (names := tables.names[pnl.axes[1]]):
        raise SchemaType(f"there is no scenario `{scenario}`")
    at = names.index(scenario)
    scale = 10**lot_decimals
    found = [
        Contribution(name, Fraction(size, scale), Fraction(size * value, scale * 10**pnl.decimals))
        for name, size, value in zip(tables.names[INSTRUMENT_AXIS], sizes, pnl.values[:, at].tolist(), strict=False)
        if size
    ]
    return sorted(found, key=lambda contribution: contribution.pnl)


def position_values(sizes: Mapping[str, int], listing: Listing, mark: Column) -> dict[str, Fraction]:
    """Size times mark of each position, in USD."""
    scale = 10 ** (listing.lot_decimals + mark.decimals)
    marks = mark.values.tolist()
    return {name: Fraction(size * marks[listing.row(name)], scale) for name, size in sizes.items()}


def _pnl(tables: Tables, column: str) -> Column:
    pnl = tables.columns.get(column)
    if pnl is None or len(pnl.axes) != 2 or pnl.axes[0] != INSTRUMENT_AXIS:
        raise SchemaType(f"the tables have no scenario column `{column}`")
    return pnl
