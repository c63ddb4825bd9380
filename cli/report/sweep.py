"""One account through time: the moments of chains and of histories at the money.

A moment at which anything that is held is not listed is a gap, with the names of what is missing: no figure is made of
the rest.                                                                                   specs/market.md#sweep
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zkmargin.cli.figures import exact, money
from zkmargin.cli.output import format_time, print_pairs, print_table
from zkmargin.cli.report.figures import Moment
from zkmargin.errors import MarketSource

if TYPE_CHECKING:
    from zkmargin.cli.report.reprice import Repricer
    from zkmargin.margin.atm_history import Curve
    from zkmargin.margin.chain import Chain
    from zkmargin.margin.market import Market

GAPS_SHOWN = 6
MOMENTS_SHOWN = 20


@dataclass(frozen=True)
class Prices:
    """Chains and curves by their time, of the coins that were asked for."""

    chains: dict[int, list[Chain]] = field(default_factory=dict)
    curves: dict[int, list[Curve]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.chains or self.curves)

    def of_snapshot(self, market: Market) -> list[Chain]:
        """The chains of a snapshot's own time, a coin of its listing each, in its order; none where one is not here."""
        coins = dict.fromkeys(instrument.underlying for instrument in market.listing.instruments)
        found = {chain.underlying: chain for chain in self.chains.get(market.price_time, ())}
        return [found[coin] for coin in coins] if found.keys() >= coins.keys() else []


def read_prices(paths: Sequence[Path], market: Market) -> Prices:
    """What files have of a market's coins: compact chains, Deribit chain files (of several coins), histories.

    Raises MarketSource where a coin has two chains, or two curves, of one moment.
    """
    from zkmargin.cli.inputs import chains_of
    from zkmargin.margin.atm_history import read_history
    from zkmargin.margin.delimited import read_text

    coins = dict.fromkeys(instrument.underlying for instrument in market.listing.instruments)
    prices = Prices()
    for path in paths:
        text, _ = read_text(path)
        if text.startswith("history,"):
            for curve in read_history(path).curves:
                if curve.underlying in coins:
                    _add(prices.curves, curve, path)
            continue
        for chain in chains_of(path, list(coins)):
            if chain.underlying in coins:
                _add(prices.chains, chain, path)
    return prices


def _add(held: dict[int, list[Any]], entry: Any, path: Path) -> None:
    moment = held.setdefault(entry.time, [])
    if any(other.underlying == entry.underlying for other in moment):
        raise MarketSource(f"there are two prices of {entry.underlying} at one moment", where=path.name)
    moment.append(entry)


def compute_sweep(repricer: Repricer, prices: Prices) -> list[Moment]:
    """The account at every moment, by time; a chain stands before a history of the same second."""
    moments = [repricer.moment(time, chains) for time, chains in prices.chains.items()]
    moments += [repricer.moment_of_curves(time, curves) for time, curves in prices.curves.items()]
    return sorted(moments, key=lambda moment: (moment.time, moment.source))


def as_json(moments: Sequence[Moment]) -> list[dict[str, Any]]:
    """As data; a gap has no figures, and the positions that make it one."""
    return [
        {
            "time": str(moment.time),
            "source": moment.source,
            "equity": None if moment.headroom is None else exact(moment.headroom.equity),
            "requirement": None if moment.headroom is None else exact(moment.headroom.requirement),
            "headroom": None if moment.headroom is None else exact(moment.headroom.slack),
            "missing": [{"instrument": entry.instrument, "reason": entry.reason} for entry in moment.missing],
        }
        for moment in moments
    ]


def show(moments: Sequence[Moment], unit: str) -> None:
    """For people: the moments of least headroom by time, and how many are gaps, with what is missing most often."""
    priced = [(moment, moment.headroom) for moment in moments if moment.headroom is not None]
    lowest = sorted(priced, key=lambda entry: entry[1].slack)[:MOMENTS_SHOWN]
    rows = [
        [format_time(moment.time), moment.source, *map(money, (found.equity, found.requirement, found.slack))]
        for moment, found in sorted(lowest, key=lambda entry: (entry[0].time, entry[0].source))
    ]
    if rows:
        title = "sweep" if len(rows) == len(priced) else f"sweep: the {len(rows)} of {len(priced)} with least headroom"
        print_table(("at", "of", f"equity ({unit})", "requirement", "headroom"), rows, title=title, right=(2, 3, 4))
    counts: dict[tuple[str, str], int] = {}
    for moment in moments:
        for entry in moment.missing:
            counts[entry.instrument, entry.reason] = counts.get((entry.instrument, entry.reason), 0) + 1
    if gaps := len(moments) - len(priced):
        most = sorted(counts.items(), key=lambda counted: -counted[1])[:GAPS_SHOWN]
        pairs = [(f"{name}, {reason}", f"at {count} moments") for (name, reason), count in most]
        left = len(counts) - len(most)
        pairs += [(f"... {left} more", "--json has all")] if left else []
        print_pairs(pairs, title=f"no figures at {gaps} of {len(moments)} moments, where something held is not listed")
