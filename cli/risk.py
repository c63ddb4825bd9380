"""An account's risk on the screen and as JSON. For the trader alone."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from zkmargin.cli.figures import exact, money, percent, rounded
from zkmargin.cli.output import print_pairs, print_table

if TYPE_CHECKING:
    from zkmargin.prover.remedies import Close, Deposit
    from zkmargin.prover.risk import Risk

PARTS_SHOWN = 10
PRICES_SHOWN = 30
GREEK_WORDS = {
    "cash_delta": ("delta, of +1% of the price", 100),
    "cash_gamma": ("gamma: delta's change by +1%", 10_000),
    "vega": ("vega, of +1% of the volatility", 100),
    "theta": ("theta, of a day", 1),
}
"""What a greek of the tables is divided by to be one of a percent (``margin.greeks``)."""


def deposit_words(deposit: Deposit | None, unit: str) -> str:
    """What has to be paid in, and where."""
    if deposit is None:
        return "none restores it"
    words = f"{exact(deposit.total, group=True)} {unit}"
    places = [(name, amount) for name, amount in deposit.amounts if name]
    if len(places) == 1:
        return f"{words}, at {places[0][0]}"
    scale = 10**deposit.decimals
    split = ", ".join(f"{exact(Fraction(amount, scale), group=True)} at {name}" for name, amount in places)
    return f"{words}: {split}" if split else words


def deposits_json(deposit: Deposit | None) -> list[dict[str, str | None]] | None:
    """Amounts by place; nothing where none is needed, None where none restores the claim."""
    if deposit is None:
        return None
    scale = 10**deposit.decimals
    return [{"at": name or None, "amount": exact(Fraction(amount, scale))} for name, amount in deposit.amounts]


def risk_json(risk: Risk) -> dict[str, Any]:
    """As data; amounts are decimal strings with all digits, ratios have six decimals."""

    def some(value: Fraction | None) -> str | None:
        return None if value is None else exact(value)

    return {
        "requirements": {
            side.kind: {
                "equity": exact(side.tightest.equity),
                "requirement": exact(side.tightest.requirement),
                "headroom": exact(side.tightest.slack),
                "marginRatio": None if side.margin_ratio is None else rounded(side.margin_ratio),
                "total": exact(side.required),
                "efficiency": None if side.efficiency is None else rounded(side.efficiency),
            }
            for side in risk.sides
        },
        "notional": some(risk.notional),
        "positions": [
            {
                "position": part.name,
                "size": exact(part.size),
                "value": some(part.value),
                "contribution": None
                if part.requirement is None
                else {kind: exact(value) for kind, value in part.requirement.items()},
            }
            for part in risk.parts
        ],
        "greeks": [
            {"underlying": entry.underlying, **{_camel(name): exact(value) for name, value in entry.values.items()}}
            for entry in risk.greeks
        ],
        "liquidationPrices": [
            {
                "instrument": entry.instrument,
                "price": exact(entry.price),
                "below": some(entry.below),
                "above": some(entry.above),
            }
            for entry in risk.liquidations
        ],
        "liquidationDistances": [
            {
                "underlying": entry.underlying,
                "down": None if entry.down is None else exact(Fraction(entry.down, 10_000)),
                "up": None if entry.up is None else exact(Fraction(entry.up, 10_000)),
            }
            for entry in risk.distances
        ],
        "closes": None
        if risk.closes is None
        else [
            {"position": close.position.name, "size": exact(_closed_size(risk, close)), "whole": close.whole}
            for close in risk.closes
        ],
        "missing": dict(risk.missing),
    }


def show_risk(risk: Risk, unit: str, *, holds: bool) -> None:
    """For people."""
    figures = [
        [
            side.kind,
            money(side.tightest.requirement),
            money(side.tightest.slack),
            "" if side.margin_ratio is None else f"{float(side.margin_ratio):.1%}",
            "" if side.efficiency is None else f"{float(side.efficiency):.2f}",
        ]
        for side in risk.sides
    ]
    headings = ("margin", f"requirement ({unit})", "headroom", "of equity", "notional / margin")
    print_table(headings, figures, right=(1, 2, 3, 4))
    if risk.notional is not None:
        print_pairs([("notional", money(risk.notional, unit))])
    _show_parts(risk, unit)
    if risk.greeks:
        _show_greeks(risk, unit)
    _show_prices(risk, unit)
    if not holds and risk.closes:
        rows = [
            [close.position.name, exact(_closed_size(risk, close)), "whole" if close.whole else "in part"]
            for close in risk.closes
        ]
        print_table(("or close, at today's marks", "size", ""), rows, right=(1,))
    apart = {"deposit": "smallest deposit", "parts": "contributions", "distances": "liquidation distance"}
    apart |= {"liquidations": "liquidation prices"}
    if risk.missing:
        print_pairs([(apart.get(name, name), why) for name, why in risk.missing.items()], title="not shown")


def _show_parts(risk: Risk, unit: str) -> None:
    kinds = [side.kind for side in risk.sides]
    rows = [
        [
            part.name,
            exact(part.size),
            "" if part.value is None else money(part.value),
            *("" if part.requirement is None else money(part.requirement[kind]) for kind in kinds),
        ]
        for part in risk.parts
    ]
    if not rows:
        return
    shown = rows if len(rows) <= PARTS_SHOWN + 1 else [*rows[: PARTS_SHOWN - 3], *rows[-3:]]
    left = len(rows) - len(shown)
    if left:
        shown.insert(PARTS_SHOWN - 3, [f"... {left} more (--json has all)", *([""] * (len(rows[0]) - 1))])
    headings = ("what closing takes off", "size", f"value ({unit})", *kinds)
    print_table(headings, shown, right=range(1, len(headings)))


def _show_greeks(risk: Risk, unit: str) -> None:
    names = [name for name in GREEK_WORDS if any(name in entry.values for entry in risk.greeks)]
    rows = [
        [GREEK_WORDS[name][0], *(money(entry.values[name] / GREEK_WORDS[name][1]) for entry in risk.greeks)]
        for name in names
    ]
    headings = (f"greeks ({unit})", *(entry.underlying for entry in risk.greeks))
    print_table(headings, rows, right=range(1, len(headings)))


def _show_prices(risk: Risk, unit: str) -> None:
    rows = [
        [
            entry.instrument,
            *("" if price is None else exact(price, group=True) for price in (entry.price, entry.below, entry.above)),
        ]
        for entry in risk.liquidations
        if entry.below is not None or entry.above is not None
    ]
    if rows:
        shown = rows[:PRICES_SHOWN]
        if len(rows) > PRICES_SHOWN:
            shown.append([f"... {len(rows) - PRICES_SHOWN} more (--json has all)", "", "", ""])
        print_table(("maintenance holds at", f"mark ({unit})", "down to", "up to"), shown, right=(1, 2, 3))
    none = len(risk.liquidations) - len(rows)
    if none:
        words = "instrument has" if none == 1 else "instruments have"
        print_pairs([("no liquidation price", f"{none} {words} none: no mark of theirs alone makes maintenance fail")])
    if risk.distances:
        moved = [
            [
                entry.underlying,
                *("holds throughout" if move is None else percent(move) for move in (entry.down, entry.up)),
            ]
            for entry in risk.distances
        ]
        print_table(("maintenance holds to a move of", "down", "up"), moved, right=(1, 2))


def _closed_size(risk: Risk, close: Close) -> Fraction:
    """The size to trade: against the position."""
    held = next(part.size for part in risk.parts if part.name == close.position.name)
    return -held * close.lots / close.position.lots


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
