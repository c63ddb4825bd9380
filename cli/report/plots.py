"""Figures of plotly as plain JSON. A colour is the name of a property of ``page.css``, so that both schemes have it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from zkmargin.cli.report.figures import Group, Moment, PriceCurve

Plot = dict[str, Any]

MONEY = "%{y:,.0f}"
BARS_SHOWN = 40
FALL_HOURS = 24
LEAST_FALL = 0.05
_VOLATILITIES = {
    "up": ("volatility up", "--orange", "dash", "triangle-up"),
    "same": ("volatility same", "--blue", "solid", "circle"),
    "down": ("volatility down", "--green", "dot", "triangle-down"),
}


def grid_plot(group: Group, unit: str) -> Plot:
    """P&L by price move, a line for each volatility move; of scenarios whose names tell no move, bars of the worst."""
    whole = [point for point in group.points if point.is_whole and point.move is not None]
    if not whole:
        worst = sorted(group.points, key=lambda point: point.pnl)[:BARS_SHOWN]
        return bar_plot([(point.scenario, point.pnl) for point in worst], f"P&L ({unit})")
    traces = []
    for volatility, (name, colour, dash, symbol) in _VOLATILITIES.items():
        points = [point for point in whole if point.volatility == volatility]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": name,
                "x": [_percent(point.move) for point in points],
                "y": [float(point.pnl) for point in points],
                "line": {"color": colour, "dash": dash, "width": 2},
                "marker": {"color": colour, "symbol": symbol, "size": 7},
                "hovertemplate": MONEY,
            }
        )
    return _plot(traces, x="price move (%)", y=f"P&L ({unit})", height=340, percent=True)


def price_plot(curve: PriceCurve, asked: Fraction, unit: str) -> Plot:
    """Equity and the requirement along the price axis; without a revaluation today's requirement, level."""
    moves = [_percent(point.move) for point in curve.points]
    required = [asked if point.asked is None else point.asked for point in curve.points]
    name = "requirement" if curve.is_revalued else "requirement today"
    mode = "lines" if curve.is_revalued else "lines+markers"
    traces = [
        {
            "type": "scatter",
            "mode": mode,
            "name": "equity",
            "x": moves,
            "y": [float(point.equity) for point in curve.points],
            "line": {"color": "--blue", "width": 2.5},
            "hovertemplate": MONEY,
        },
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": moves,
            "y": [float(value) for value in required],
            "line": {"color": "--orange", "width": 2.5, "dash": "solid" if curve.is_revalued else "dash"},
            "hovertemplate": MONEY,
        },
    ]
    return _plot(traces, x=f"price of {curve.underlying}, move (%)", y=unit, height=340, percent=True)


def bar_plot(rows: Iterable[tuple[str, Fraction]], axis: str, *, is_cost: bool = False) -> Plot:
    """A bar for each row, from the top. Losses are red; of a cost, what adds to it is."""
    held = outermost(list(rows))
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": [float(value) for _, value in held],
        "y": [name for name, _ in held],
        "marker": {"color": ["--red" if (value < 0) != is_cost else "--blue" for _, value in held]},
        "hovertemplate": "%{x:,.0f}<extra></extra>",
    }
    plot = _plot([trace], x=axis, y="", height=max(140, 60 + 22 * len(held)))
    plot["layout"]["yaxis"] |= {"autorange": "reversed", "type": "category", "showgrid": False, "dtick": 1}
    plot["layout"]["yaxis"]["tickfont"] = {"size": 11}
    plot["layout"]["xaxis"] |= {"tickangle": 0, "nticks": 4}
    plot["layout"]["margin"] |= {"t": 6}
    plot["layout"] |= {"showlegend": False, "hovermode": "closest", "bargap": 0.3}
    return plot


def outermost(rows: list[tuple[str, Fraction]]) -> list[tuple[str, Fraction]]:
    """At most ``BARS_SHOWN`` of sorted rows, as many from either end."""
    half = BARS_SHOWN // 2
    return rows if len(rows) <= BARS_SHOWN else [*rows[:half], *rows[-half:]]


def sweep_plot(moments: Sequence[Moment], unit: str) -> Plot:
    """Headroom over time, above the index; grey where something that is held is not listed."""
    history = [moment for moment in moments if moment.source == "history"]
    chains = [moment for moment in moments if moment.source == "chain" and moment.headroom is not None]
    traces: list[dict[str, Any]] = []
    if any(moment.headroom for moment in history):
        traces.append(
            _headrooms(history, "lines+markers", "at-the-money history", "circle", 6)
            | {"line": {"color": "--blue", "width": 2}, "connectgaps": False}
        )
    if chains:
        traces.append(_headrooms(chains, "markers", "full chain", "diamond", 12))
    indexed = [moment for moment in moments if moment.indices]
    coin = next(iter(indexed[0].indices)) if indexed else ""
    traces.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": f"index of {coin}",
            "x": [_date(moment.time) for moment in indexed if coin in moment.indices],
            "y": [moment.indices[coin] for moment in indexed if coin in moment.indices],
            "yaxis": "y2",
            "line": {"color": "--muted", "width": 2},
            "hovertemplate": MONEY,
        }
    )
    first, last = view(moments)
    plot = _plot(traces, x="", y=f"headroom ({unit})", height=480)
    layout = plot["layout"]
    layout["xaxis"] |= {"type": "date", "range": [_date(first), _date(last)], "anchor": "y2", "nticks": 6}
    layout["xaxis"]["title"] = {"text": "UTC", "standoff": 4}
    layout["yaxis"] |= {"domain": [0.38, 1], "zeroline": True, "zerolinecolor": "--ink", "zerolinewidth": 2}
    levels = [m.indices[coin] for m in indexed if coin in m.indices and first <= m.time <= last]
    pad = (max(levels, default=1) - min(levels, default=0)) * 0.08
    layout["yaxis2"] = _axis(f"{coin} (USD)") | {
        "domain": [0, 0.28],
        "range": [min(levels, default=0) - pad, max(levels, default=1) + pad],
        "nticks": 4,
    }
    shapes = [_band(start, end, "--gap") for start, end, _ in gaps(moments) if end >= first and start <= last]
    if found := largest_fall(moments, coin):
        start, end, fall = found
        shapes.append(_band(start, end, "--fall"))
        layout["annotations"] = [
            {
                "x": _date(end),
                "y": 0.33,
                "yref": "paper",
                "yanchor": "middle",
                "xanchor": "right",
                "showarrow": False,
                "text": f"{_signed(fall)} in {(end - start) / 3600:.0f} h",
                "font": {"color": "--ink", "size": 12},
                "bgcolor": "--panel",
                "borderpad": 3,
            }
        ]
    layout["shapes"] = shapes
    return plot


def view(moments: Sequence[Moment]) -> tuple[int, int]:
    """First and last time that a sweep shows: those with figures, and a little of what is around them."""
    times = [moment.time for moment in moments if moment.headroom is not None] or [moment.time for moment in moments]
    first, last = min(times), max(times)
    pad = max((last - first) // 12, 6 * 3600)
    return first - pad, last + pad


def gaps(moments: Sequence[Moment]) -> list[tuple[int, int, Sequence[Moment]]]:
    """Unbroken runs of moments without figures, from the moment after figures to the one before them."""
    runs: list[tuple[int, int, list[Moment]]] = []
    run: list[Moment] = []
    for moment in moments:
        if moment.headroom is None:
            run.append(moment)
        elif run:
            runs.append((run[0].time, run[-1].time, run))
            run = []
    return [*runs, (run[0].time, run[-1].time, run)] if run else [*runs]


def largest_fall(moments: Sequence[Moment], coin: str) -> tuple[int, int, float] | None:
    """Where the index fell most within ``FALL_HOURS`` among moments with figures; None below ``LEAST_FALL``."""
    shown = [(moment.time, moment.indices[coin]) for moment in moments if moment.headroom and coin in moment.indices]
    falls = [
        (later / level - 1, start, end)
        for place, (start, level) in enumerate(shown)
        for end, later in shown[place + 1 :]
        if end - start <= FALL_HOURS * 3600
    ]
    fall, start, end = min(falls, default=(0.0, 0, 0))
    return (start, end, fall) if fall <= -LEAST_FALL else None


def _headrooms(moments: Sequence[Moment], mode: str, name: str, symbol: str, size: int) -> dict[str, Any]:
    held = [None if moment.headroom is None else moment.headroom.slack for moment in moments]
    return {
        "type": "scatter",
        "mode": mode,
        "name": name,
        "x": [_date(moment.time) for moment in moments],
        "y": [None if slack is None else float(slack) for slack in held],
        "marker": {
            "symbol": symbol,
            "size": size,
            "color": ["--red" if slack is not None and slack < 0 else "--blue" for slack in held],
            "line": {"color": "--panel", "width": 1},
        },
        "hovertemplate": MONEY,
    }


def _band(start: int, end: int, colour: str) -> dict[str, Any]:
    return {
        "type": "rect",
        "xref": "x",
        "yref": "paper",
        "x0": _date(start),
        "x1": _date(end),
        "y0": 0,
        "y1": 1,
        "fillcolor": colour,
        "line": {"width": 0},
        "layer": "below",
    }


def _plot(traces: Sequence[Mapping[str, Any]], *, x: str, y: str, height: int, percent: bool = False) -> Plot:
    layout: dict[str, Any] = {
        "height": height,
        "margin": {"l": 52, "r": 10, "t": 34, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": "--ink"},
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "--panel", "bordercolor": "--muted", "font": {"color": "--ink"}},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"color": "--ink"}},
        "showlegend": True,
        "dragmode": False,
        "xaxis": _axis(x),
        "yaxis": _axis(y),
    }
    if percent:
        layout["xaxis"] |= {"tickformat": ",.0f", "hoverformat": "+,.0f", "ticksuffix": "%"}
    return {"data": list(traces), "layout": layout}


def _axis(title: str) -> dict[str, Any]:
    return {
        "title": {"text": title, "standoff": 8},
        "automargin": True,
        "fixedrange": True,
        "gridcolor": "--line",
        "linecolor": "--muted",
        "zerolinecolor": "--muted",
        "tickfont": {"color": "--ink"},
        "nticks": 7,
    }


def _percent(move: Any) -> float:
    return float(move * 100)


def _signed(fraction: float) -> str:
    return f"{fraction * 100:+.1f}%".replace("-", "−")


def _date(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")
