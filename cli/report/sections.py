"""The sections of the page: figures with their captions, and every plot again as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from html import escape
from itertools import pairwise

from zkmargin.cli.figures import exact, money, percent
from zkmargin.cli.output import format_time
from zkmargin.cli.report.figures import Group, Moment, PriceCurve, Report
from zkmargin.cli.report.plots import BARS_SHOWN, Plot, bar_plot, gaps, grid_plot, largest_fall, price_plot, sweep_plot
from zkmargin.cli.risk import GREEK_WORDS, deposit_words
from zkmargin.prover.remedies import Close
from zkmargin.prover.risk import Part, Risk

GAP_NAMES = 3
"""Names of missing positions that a row spells out; the rest is counted."""


def all_of(report: Report, plots: dict[str, Plot]) -> Iterator[str]:
    """HTML of every section in order; the plots that they leave room for are put into ``plots`` by their id."""
    yield _headline(report)
    if report.moments:
        yield _sweep(report, plots)
    yield from _paired(
        [_curve(report, curve, plots) for curve in report.curves]
        + [_grid(report, group, plots) for group in report.groups]
    )
    yield _ends(report.risk, report.unit)
    parts = [part for part in report.risk.parts if part.requirement is not None]
    yield from _paired(
        ([_parts(report, parts, plots)] if parts else [])
        + [_contributions(report, group, plots) for group in report.groups]
    )
    if report.risk.greeks:
        yield _greeks(report)
    if report.risk.missing:
        yield _missing(report.risk)


def _paired(figures: Sequence[str]) -> Iterator[str]:
    if figures:
        yield f'<div class="pair">{"".join(figures)}</div>'


def amount(value: Fraction | float) -> str:
    """Whole units, grouped, with a proper minus."""
    return _proper(f"{round(value):,}")


def _proper(number: str) -> str:
    """With the minus of typography, which screens and readers know from a hyphen."""
    return number.replace("-", "−")


def _headline(report: Report) -> str:
    headroom, risk = report.headroom, report.risk
    unit = report.unit

    def cash(name: str, value: Fraction) -> tuple[str, str, bool]:
        return name, _proper(money(value)), value < 0

    entries = [cash("Equity", headroom.equity)]
    entries += [cash(f"{side.kind.capitalize()} margin", side.tightest.requirement) for side in risk.sides]
    entries.append(cash("Headroom of the claim", headroom.slack))
    for side in risk.sides:
        if side.margin_ratio is not None:
            entries.append((f"{side.kind.capitalize()} / equity", f"{float(side.margin_ratio):.1%}", False))
    if risk.notional is not None:
        entries.append(cash("Notional", risk.notional))
    if risk.sides[0].efficiency is not None:
        entries.append((f"Notional / {risk.sides[0].kind} margin", f"{float(risk.sides[0].efficiency):.2f}", False))
    if not headroom.holds:
        entries.append(("Smallest deposit", deposit_words(risk.deposit, unit), False))
    rows = "".join(
        f"<div><dt>{escape(name)}</dt><dd{_class(negative)}>{escape(value)}</dd></div>"
        for name, value, negative in entries
    )
    tables = ""
    if report.elements:
        tables += _table(
            ["The claim for", "equity", "requirement", "headroom"],
            [[name, *map(amount, (h.equity, h.requirement, h.slack))] for name, h in report.elements],
        )
    if not headroom.holds and risk.closes:
        closed = [
            [close.position.name, "whole" if close.whole else "in part", _closed(risk, close)] for close in risk.closes
        ]
        tables += _table(["Or close, at today's marks", "", "size to trade"], closed)
    return f'<section><h2>At these prices ({escape(unit)})</h2><dl class="tiles">{rows}</dl>{tables}</section>'


def _closed(risk: Risk, close: Close) -> str:
    held = next(part.size for part in risk.parts if part.name == close.position.name)
    return _proper(exact(-held * close.lots / close.position.lots))


def _ends(risk: Risk, unit: str) -> str:
    """Where maintenance ends: by a move of an underlying, by the mark of one instrument."""
    found = ""
    if risk.distances:
        rows = [
            [
                entry.underlying,
                *("holds throughout" if m is None else _proper(percent(m)) for m in (entry.down, entry.up)),
            ]
            for entry in risk.distances
        ]
        found += _table(["Price of", "down to", "up to"], rows, "All instruments of a coin move with it")
    ending = [entry for entry in risk.liquidations if entry.below is not None or entry.above is not None]
    if ending:
        rows = [
            [entry.instrument, *("" if p is None else _price(p) for p in (entry.price, entry.below, entry.above))]
            for entry in ending
        ]
        listed = _table(
            ["Instrument", "mark", "down to", "up to"], rows, f"{unit}; the mark of one instrument alone moves"
        )
        found += f"<details><summary>Liquidation prices of {len(rows)} instruments</summary>{listed}</details>"
    if not found:
        return ""
    return (
        '<section><h2>How far maintenance holds</h2><p class="sub">It holds there and fails one unit (of a move: '
        f"0.01%) beyond. The rules were asked at each; none is interpolated.</p>{found}</section>"
    )


def _price(value: Fraction) -> str:
    return f"{float(value):,.2f}"


def _missing(risk: Risk) -> str:
    names = {"deposit": "smallest deposit", "parts": "contributions", "distances": "liquidation distance"}
    names |= {"liquidations": "liquidation prices"}
    rows = [[names.get(name, name), why] for name, why in risk.missing.items()]
    return f"<section><h2>Not shown</h2>{_table(['What', 'why'], rows, text=True)}</section>"


def _curve(report: Report, curve: PriceCurve, plots: dict[str, Plot]) -> str:
    moves = len(curve.points)
    if curve.is_revalued:
        made = (
            f"Full revaluation at {moves} prices of {curve.underlying} (today {amount(curve.price or 0)} USD) with all "
            "else as it is: options by Black (1976) at their own volatilities, scenarios around each price, the "
            "requirement by the rule set. No time passes. Between the points the lines are straight."
        )
    else:
        made = (
            f"Equity is exact at the {moves} price moves of the snapshot's scenarios with volatility the same; between "
            "them the line is straight. The requirement is today's: a snapshot does not tell what is required at other "
            "prices (--chain, with the files that it was built from, does)."
        )
    rows = []
    for point in curve.points:
        cells = [_move(point.move), amount(point.equity)]
        if point.asked is not None:
            cells += [amount(point.asked), amount(point.equity - point.asked)]
        rows.append(cells)
    headings = ["Price", "equity", "requirement", "left"] if curve.is_revalued else ["Price", "equity"]
    title = f"Equity against requirement, price of {curve.underlying}"
    return _figure(
        title,
        _crossings(report, curve),
        made,
        price_plot(curve, report.asked, report.unit),
        _table(headings, rows, f"{report.unit}; today's requirement {amount(report.asked)}"),
        plots,
    )


def _crossings(report: Report, curve: PriceCurve) -> str:
    """Between which points equity and requirement cross: what is exact is said, nothing is interpolated."""
    if not curve.is_revalued:
        lowest = min(curve.points, key=lambda point: point.equity)
        return f"Lowest equity among the scenarios: {amount(lowest.equity)} {report.unit}, at {_move(lowest.move)}."
    left = [(point.move, point.equity - (point.asked or 0)) for point in curve.points]
    found = [
        f"{_move(one)} and {_move(other)}"
        for (one, before), (other, after) in pairwise(left)
        if (before >= 0) != (after >= 0)
    ]
    if not found:
        return "Equity and requirement do not cross in this range."
    return f"Equity and requirement cross between {'; between '.join(found)}."


def _grid(report: Report, group: Group, plots: dict[str, Plot]) -> str:
    of = f" of {group.name}" if group.name else ""
    worst = f"Worst: {group.worst.scenario}, {amount(group.worst.pnl)} {report.unit}."
    whole = [point for point in group.points if point.is_whole and point.move is not None]
    if whole:
        made = (
            "Exact at the marks, which are the scenarios of the snapshot; the lines only connect them. Scenarios that "
            "count in part are in the table."
        )
        moves = sorted({point.move for point in whole if point.move is not None})
        cells = {(point.move, point.volatility): point.pnl for point in whole}
        names = [name for name in ("up", "same", "down") if any(point.volatility == name for point in whole)]
        rows = [[_move(move), *(amount(cells[move, name]) for name in names)] for move in moves]
        table = _table(["Price", *(f"vol {name}" for name in names)], rows, f"P&L, {report.unit}")
        if tails := [point for point in group.points if not point.is_whole]:
            listed = [[point.scenario, amount(point.pnl)] for point in tails]
            table += _table(["Counts in part", "P&L"], listed, "What is left of each after damping")
    else:
        shown = sorted(group.points, key=lambda point: point.pnl)[:BARS_SHOWN]
        made = f"Exact: the {len(shown)} worst of the snapshot's {len(group.points)} scenarios."
        table = _table(["Scenario", "P&L"], [[point.scenario, amount(point.pnl)] for point in shown], report.unit)
    return _figure(f"P&L over the scenarios{of}", worst, made, grid_plot(group, report.unit), table, plots)


def _parts(report: Report, parts: Sequence[Part], plots: dict[str, Plot]) -> str:
    kinds = [side.kind for side in report.risk.sides]
    first = kinds[0]
    held = [(part, part.requirement) for part in parts if part.requirement is not None]
    rows = [[part.name, *(amount(required[kind]) for kind in kinds)] for part, required in held]
    return _figure(
        f"What closing each position takes off {first} margin",
        f"Negative (blue): a hedge, without which more is asked for.{_left_out(rows)}",
        "Exact: each position closed alone, at its mark, without fees. As positions offset each other, the bars do not "
        "add up to the requirement.",
        bar_plot([(part.name, required[first]) for part, required in held], f"{first} ({report.unit})", is_cost=True),
        _table(["Position", *kinds], rows, report.unit),
        plots,
    )


def _left_out(rows: Sequence[object]) -> str:
    return f" The {BARS_SHOWN} outermost; the table has all." if len(rows) > BARS_SHOWN else ""


def _contributions(report: Report, group: Group, plots: dict[str, Plot]) -> str:
    of = f" of {group.name}" if group.name else ""
    rows = [[entry.instrument, _proper(exact(entry.size)), amount(entry.pnl)] for entry in group.positions]
    return _figure(
        f"Positions in the worst scenario{of}",
        f"What each of {len(rows)} positions adds in {group.worst.scenario}.{_left_out(rows)}",
        f"Exact; together {amount(group.worst.pnl)} {report.unit}.",
        bar_plot([(entry.instrument, entry.pnl) for entry in group.positions], f"P&L ({report.unit})"),
        _table(["Instrument", "size", "P&L"], rows, f"P&L, {report.unit}; size in contracts"),
        plots,
    )


def _greeks(report: Report) -> str:
    greeks = report.risk.greeks
    names = [name for name in GREEK_WORDS if any(name in entry.values for entry in greeks)]
    rows = [
        [
            GREEK_WORDS[name][0],
            *(amount(entry.values[name] / GREEK_WORDS[name][1]) if name in entry.values else "" for entry in greeks),
        ]
        for name in names
    ]
    table = _table(["Greek", *(entry.underlying for entry in greeks)], rows, report.unit)
    return (
        '<section><h2>Greeks</h2><p class="sub">Sums over the positions of each underlying, at today\'s prices. '
        f"The scenarios above are what is margined.</p>{table}</section>"
    )


def _sweep(report: Report, plots: dict[str, Plot]) -> str:
    moments = report.moments
    priced = [moment for moment in moments if moment.headroom is not None]
    history = any(moment.source == "history" for moment in priced)
    below = [moment for moment in priced if moment.headroom is not None and not moment.headroom.holds]
    facts = (
        f"The same positions and cash at {len(priced)} of {len(moments)} moments, each with its own prices: the claim "
        f"holds at {len(priced) - len(below)} and fails at {len(below)} (red). "
    )
    coin = next((name for moment in moments for name in moment.indices), "")
    if fall := largest_fall(moments, coin):
        start, end, size = fall
        fallen = _proper(f"{size:+.1%}")
        facts += f"The largest fall shown: {coin} {fallen} from {_time(start)} to {_time(end)} UTC."
    made = (
        "Grey: a position is not listed there (expired, or not yet listed), so the account has no figure; nothing is "
        "left out to make one. "
    )
    if any(moment.source == "chain" for moment in priced):
        made += "Diamonds: full chains, every mark as quoted. "
    if history:
        made += (
            "Dots: an estimate from a history that has one volatility per expiry. Each option's own keeps the distance "
            "to it that it has in the snapshot's chain, a strike counts as listed with its expiry, a perpetual stands "
            "at the index. Lines between dots are straight."
        )
    rows = [
        [
            _time(moment.time) + (" ◆" if moment.source == "chain" else ""),
            *(amount(value) for value in (moment.headroom.equity, moment.headroom.requirement, moment.headroom.slack)),
        ]
        for moment in priced
        if moment.headroom is not None
    ]
    table = _table(["UTC", "equity", "required", "headroom"], rows, f"{report.unit}; ◆ full chain") if rows else ""
    table += _table(["No figures, UTC", "not listed there"], _gap_rows(moments), text=True)
    return _figure("Headroom over time", facts, made, sweep_plot(moments, report.unit), table, plots)


def _gap_rows(moments: Sequence[Moment]) -> list[list[str]]:
    rows = []
    for start, end, run in gaps(moments):
        reasons: dict[str, list[str]] = {}
        for entry in {entry: None for moment in run for entry in moment.missing}:
            reasons.setdefault(entry.reason, []).append(entry.instrument)
        said = "; ".join(f"{reason}: {_listed(names)}" for reason, names in reasons.items()) or "no prices"
        times = _time(start) if start == end else f"{_time(start)} to {_time(end)}, {len(run)} moments"
        rows.append([times, said])
    return rows


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - GAP_NAMES
    return ", ".join(names[:GAP_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def _figure(title: str, facts: str, made: str, plot: Plot, table: str, plots: dict[str, Plot]) -> str:
    """``facts`` stand above the plot, how it was ``made`` (what is exact, what is not) below."""
    name = f"plot-{len(plots) + 1}"
    plots[name] = plot
    return (
        f'<figure aria-labelledby="{name}-title"><h2 id="{name}-title">{escape(title)}</h2>'
        f"<p>{escape(facts)}</p>"
        f'<div class="plot" id="{name}" role="img" aria-label="{escape(title)}: the table below has its figures"></div>'
        f"<figcaption>{escape(made)}</figcaption>"
        f"<details><summary>{escape(title)}, as a table</summary>{table}</details></figure>"
    )


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "", *, text: bool = False) -> str:
    """First cells head their rows; other cells are numbers, or ``text``."""
    kind = ' class="text"' if text else ""
    head = "".join(f'<th scope="col"{kind if at else ""}>{escape(name)}</th>' for at, name in enumerate(headings))
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td{kind or _class(cell.startswith('−'))}>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    told = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{told}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _class(negative: bool) -> str:
    return ' class="negative"' if negative else ""


def _move(move: Decimal) -> str:
    return _proper(f"{float(move):+.0%}").replace("+0%", "0%")


def _time(time: int) -> str:
    return format_time(time)[:16]
