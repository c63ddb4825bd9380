"""A trade that is only thought of: ``BTC-PERPETUAL=-2@71000`` sells two at 71,000; without a price, at the mark."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Self

from zkmargin.encoding import parse_decimal
from zkmargin.errors import AccountInvalid, AmountDecimals
from zkmargin.margin.terms import MAX_DECIMALS


@dataclass(frozen=True)
class Trade:
    """``size`` in contracts, negative where sold; ``price`` in the unit of the marks, None for the mark."""

    name: str
    size: Fraction = field(repr=False)
    price: Fraction | None = field(repr=False)

    @classmethod
    def parse(cls, text: str, where: str = "trade") -> Self:
        """Read ``NAME=SIZE`` or ``NAME=SIZE@PRICE``. Raises AccountInvalid, AmountDecimals; no amount in them."""
        name, separator, rest = text.rpartition("=")
        size, priced, price = rest.partition("@")
        if not separator or not name or not size or (priced and not price):
            raise AccountInvalid("not a trade", where=where, expected="NAME=SIZE or NAME=SIZE@PRICE")
        amounts = [_decimal(amount, f"{where} `{name[:60]}`") for amount in (size, price) if amount]
        if not amounts[0]:
            raise AccountInvalid("the size of a trade is not zero", where=f"{where} `{name[:60]}`")
        if priced and amounts[1] < 0:
            raise AccountInvalid("the price of a trade is not negative", where=f"{where} `{name[:60]}`")
        return cls(name, amounts[0], amounts[1] if priced else None)

    def lots(self, decimals: int) -> int:
        """The size in whole lots of ``10**-decimals``. Raises AmountDecimals where digits would be lost."""
        lots = self.size * 10**decimals
        if lots.denominator != 1:
            raise AmountDecimals("too many decimals", where=f"trade `{self.name[:60]}`", expected=f"at most {decimals}")
        return int(lots)


def _decimal(text: str, where: str) -> Fraction:
    if len(text) > 60:
        raise AmountDecimals("not a plain decimal number", where=where, expected="at most 60 characters")
    return Fraction(parse_decimal(text, MAX_DECIMALS, where), 10**MAX_DECIMALS)
