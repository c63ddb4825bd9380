"""From an account in the open to what a report shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from zkmargin.circuits.rules import evaluate
from zkmargin.cli.explanation import Explanation, axes_of
from zkmargin.cli.report.figures import GridPoint, Group, Moment, PriceCurve, PricePoint, Report
from zkmargin.cli.report.reprice import Repricer
from zkmargin.encoding import hex_bytes
from zkmargin.margin.build import SCENARIO_AXIS, UNDERLYING
from zkmargin.margin.explain import contributions, scenario_results, split_sizes
from zkmargin.margin.scenarios import Scenario, VolatilityMove, deribit_grid
from zkmargin.margin.tables import INSTRUMENT_AXIS
from zkmargin.prover.holdings import Holdings
from zkmargin.prover.risk import Risk


def gather(
    holdings: Holdings,
    kind: str,
    found: Explanation,
    risk: Risk,
    repricer: Repricer | None = None,
    moments: Sequence[Moment] = (),
) -> Report:
    """The report of an account under a claim on ``kind``; with a ``repricer`` its price curves are revalued."""
    rules, market = holdings.rules, holdings.market
    groups = list(_groups(holdings, kind))
    if repricer is not None:
        curves = [repricer.curve(coin) for coin in repricer.coins]
    else:
        curves = [_table_curve(found, group) for group in groups if any(map(_on_axis, group.points))]
    return Report(
        claim=found.claim,
        unit=found.unit,
        rules=rules.name,
        time=market.price_time,
        headroom=found.headroom,
        elements=[(name, headroom) for name, headroom in found.elements if name],
        risk=risk,
        groups=groups,
        curves=curves,
        moments=moments,
        sources=[
            (f"rule set {rules.name}", hex_bytes(rules.digest)),
            ("tables", hex_bytes(market.tables.digest)),
            *((source.name, hex_bytes(source.digest)) for source in market.sources),
        ],
    )


def _groups(holdings: Holdings, kind: str) -> Iterator[Group]:
    """Underlyings, of each element of the claim apart, in which something is held."""
    rules, tables, listing = holdings.rules, holdings.market.tables, holdings.market.listing
    pnl = tables.columns.get("pnl")
    axes = axes_of(rules, "size")
    if pnl is None or pnl.axes != (INSTRUMENT_AXIS, SCENARIO_AXIS) or INSTRUMENT_AXIS not in axes:
        return
    evaluation = evaluate(rules, tables, holdings.private)
    label = tables.labels.get(UNDERLYING)
    known = _known_grid(tables.names[SCENARIO_AXIS])
    rows = [instrument.underlying for instrument in listing.instruments]
    for element, sizes in split_sizes(
        holdings.private["size"], axes, evaluation.axes["equity"] + evaluation.axes[kind]
    ):
        held = dict.fromkeys(rows[row] for row, size in enumerate(sizes) if size)
        for coin in held if label is not None else [""] if held else []:
            own = [size if not coin or rows[row] == coin else 0 for row, size in enumerate(sizes)]
            results = scenario_results(own, tables, listing.lot_decimals)
            worst = min(results, key=lambda result: result.pnl)
            coins = coin or (next(iter(held)) if len(held) == 1 else "")
            yield Group(
                name=", ".join(filter(None, (element, coins))),
                points=[_point(result.scenario, result.pnl, known.get(result.scenario)) for result in results],
                worst=replace(worst, group=coin),
                positions=contributions(own, tables, listing.lot_decimals, worst.scenario),
            )


def _known_grid(names: Sequence[str]) -> Mapping[str, Scenario]:
    """What the names of scenarios mean, where they are those of the grid that chains are built on."""
    grid = deribit_grid()
    return {scenario.name: scenario for scenario in grid.scenarios} if tuple(names) == grid.names else {}


def _point(name: str, pnl: Fraction, scenario: Scenario | None) -> GridPoint:
    if scenario is None:
        return GridPoint(name, None, None, True, pnl)
    return GridPoint(name, scenario.price_shock, scenario.volatility.value, scenario.weight == 1, pnl)


def _on_axis(point: GridPoint) -> bool:
    return point.is_whole and point.move is not None and point.volatility == VolatilityMove.SAME.value


def _table_curve(found: Explanation, group: Group) -> PriceCurve:
    """Equity where the scenarios of the tables have it; what is asked for there, tables do not tell."""
    points = [
        PricePoint(point.move, found.headroom.equity + point.pnl, None)
        for point in group.points
        if point.move is not None and _on_axis(point)
    ]
    return PriceCurve(group.name, None, sorted(points, key=lambda point: point.move))
