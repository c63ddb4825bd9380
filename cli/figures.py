"""Amounts for people and for programs."""

from __future__ import annotations

from fractions import Fraction


def money(value: Fraction, unit: str = "") -> str:
    """Rounded to cents, for people."""
    cents = round(value * 100)
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole:,}.{rest:02d}" + (f" {unit}" if unit else "")


def exact(value: Fraction, *, group: bool = False) -> str:
    """All digits, as a plain decimal (every amount here has a power of ten below it)."""
    from decimal import Context, Decimal

    quotient = Context(prec=120).divide(Decimal(value.numerator), Decimal(value.denominator))
    text = format(quotient, ",f" if group else "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def rounded(value: Fraction, digits: int = 6) -> str:
    """A ratio as a plain decimal, to the nearest of its last digit."""
    return exact(Fraction(round(value * 10**digits), 10**digits))


def percent(basis_points: int) -> str:
    """``-7.31%`` of -731 basis points."""
    return f"{basis_points / 100:+.2f}%"
