"""How much of the collateral is proven and how much only observed: by value where prices are given, by amounts else."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from zkmargin.attestations.collateral.bundle_checks import Held
from zkmargin.attestations.collateral.documents import LeafOpening
from zkmargin.margin.market import Market
from zkmargin.verifier.audit.report import AssetCoverage, Coverage, Finding, ObservedLine, ValueCoverage
from zkmargin.verifier.audit.work import Work

ASSETS, UNIT_VALUE = "asset", "unit_value"
PROVEN, OBSERVED, UNSHOWN = range(3)
_LINE = re.compile(r"leaves\[([0-9]{1,9})\]")


@dataclass(frozen=True)
class Prices:
    """Unit values of assets in ``10**-decimals`` of ``unit`` per atomic unit."""

    unit: str
    decimals: int
    values: Mapping[str, int]


def prices_of(market: Market | None) -> Prices | None:
    """The unit values in a market's asset table, where it has one."""
    column = market.tables.columns.get(UNIT_VALUE) if market is not None else None
    if market is None or column is None or column.axes != (ASSETS,):
        return None
    values = zip(market.tables.names[ASSETS], column.values.tolist(), strict=True)
    return Prices(market.listing.cash_unit, column.decimals, {name: value for name, value in values if value >= 0})


def cover(work: Work, findings: Iterable[Finding]) -> Coverage:
    """Lines whose evidence holds and with which no step found fault are shown; all of a balance or none of it."""
    doubted = _doubted(work, findings)
    kinds = [_kind(work, at, line, doubted) for at, line in enumerate(work.lines)]
    prices = prices_of(work.market)
    assets: dict[str, list[int]] = {}
    counts: dict[str, int] = {}
    for line, kind in zip(work.lines, kinds, strict=True):
        assets.setdefault(line.asset, [0, 0, 0])[kind] += line.amount
        counts[line.asset] = counts.get(line.asset, 0) + 1
    known = prices.values if prices is not None else {}
    return Coverage(
        lines=len(kinds),
        proven_lines=kinds.count(PROVEN),
        observed_lines=kinds.count(OBSERVED),
        unshown_lines=kinds.count(UNSHOWN),
        value=None if prices is None else _value(prices, assets),
        assets=tuple(
            AssetCoverage(
                asset=asset, lines=counts[asset], proven=amounts[PROVEN], observed=amounts[OBSERVED],
                unshown=amounts[UNSHOWN], unit_value=known.get(asset),
            )
            for asset, amounts in sorted(assets.items())
        ),
        unpriced=tuple(asset for asset in sorted(assets) if asset not in known),
        observed=tuple(
            ObservedLine(
                line=at, account=line.account, asset=line.asset, custody=line.custody, amount=line.amount,
                value=line.amount * known[line.asset] if line.asset in known else None,
            )
            for at, (line, kind) in enumerate(zip(work.lines, kinds, strict=True))
            if kind == OBSERVED
        ),
    )  # fmt: skip


def _doubted(work: Work, findings: Iterable[Finding]) -> set[Held]:
    """Balances with a line that a finding names."""
    named = (_LINE.match(finding.path) for finding in findings)
    places = {int(found.group(1)) for found in named if found is not None}
    return {_held(line) for at, line in enumerate(work.lines) if {at, line.index} & places}


def _held(line: LeafOpening) -> Held:
    return line.account, line.asset, line.custody


def _kind(work: Work, at: int, line: LeafOpening, doubted: Collection[Held]) -> int:
    held = _held(line)
    if at in work.nameless or line.chain in work.doubtful or held not in work.readings or held in doubted:
        return UNSHOWN
    return OBSERVED if held in work.observed else PROVEN


def _value(prices: Prices, assets: Mapping[str, list[int]]) -> ValueCoverage:
    sums = [0, 0, 0]
    for asset, amounts in assets.items():
        for kind, amount in enumerate(amounts):
            sums[kind] += amount * prices.values.get(asset, 0)
    total = sum(sums)
    shares = [10_000 * each // total if total else 0 for each in sums]
    return ValueCoverage(
        unit=prices.unit, decimals=prices.decimals, proven=sums[PROVEN], observed=sums[OBSERVED],
        unshown=sums[UNSHOWN], proven_share=shares[PROVEN], observed_share=shares[OBSERVED],
        unshown_share=shares[UNSHOWN],
    )  # fmt: skip
