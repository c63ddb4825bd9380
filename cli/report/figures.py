"""What a report shows, as plain data: exact amounts in the listing's cash unit, names of the trade, unix seconds.

Amounts are the trader's secrets: they stand in no repr.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from zkmargin.margin.explain import Contribution, Headroom, ScenarioResult
from zkmargin.prover.risk import Risk


@dataclass(frozen=True)
class GridPoint:
    """P&L of one group in one scenario. ``move`` (0.16: up 16%) and ``volatility`` are None where its name tells none.

    ``is_whole``: the scenario counts in full; of others the P&L is what is left after damping.
    """

    scenario: str
    move: Decimal | None
    volatility: str | None
    is_whole: bool
    pnl: Fraction = field(repr=False)


@dataclass(frozen=True)
class Group:
    """An underlying (of one element of the claim): its scenarios in table order, its worst one, its positions there."""

    name: str
    points: Sequence[GridPoint] = field(repr=False)
    worst: ScenarioResult = field(repr=False)
    positions: Sequence[Contribution] = field(repr=False)


@dataclass(frozen=True)
class PricePoint:
    """The coin's price moved by ``move``: equity, and what the claim asks for (None: the tables do not tell)."""

    move: Decimal
    equity: Fraction = field(repr=False)
    asked: Fraction | None = field(repr=False)


@dataclass(frozen=True)
class PriceCurve:
    """Points by ascending move, of one coin alone. ``price``: today's, in USD, where it is known."""

    underlying: str
    price: float | None
    points: Sequence[PricePoint] = field(repr=False)

    @property
    def is_revalued(self) -> bool:
        """Whether every point is a full revaluation, of what is asked for too."""
        return all(point.asked is not None for point in self.points)


@dataclass(frozen=True)
class Missing:
    """A position in what is not listed at a moment: ``expired``, ``not listed`` or ``no prices of its coin``."""

    instrument: str
    reason: str


@dataclass(frozen=True)
class Moment:
    """The account at another time. ``headroom`` is None where something that it holds is ``missing`` there.

    ``source``: ``chain`` (quotes of every strike) or ``history`` (one volatility per expiry).
    """

    time: int
    source: str
    indices: Mapping[str, float]
    headroom: Headroom | None = field(repr=False)
    missing: Sequence[Missing] = field(repr=False)


@dataclass(frozen=True)
class Report:
    """One page. ``headroom``: that of the claim's tightest element; ``elements``: of several all, by name."""

    claim: str
    unit: str
    rules: str
    time: int
    headroom: Headroom = field(repr=False)
    elements: Sequence[tuple[str, Headroom]] = field(repr=False)
    risk: Risk = field(repr=False)
    groups: Sequence[Group] = field(repr=False)
    curves: Sequence[PriceCurve] = field(repr=False)
    moments: Sequence[Moment] = field(repr=False)
    sources: Sequence[tuple[str, str]]

    @property
    def asked(self) -> Fraction:
        """What the claim asks equity to be, today."""
        return self.headroom.equity - self.headroom.slack
