"""A price that an oracle's signers vouch for, and what a policy asks of it.              specs/evidence.md#prices"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction

from zkmargin.attestations.evidence.errors import PriceConfidence, PriceFormat, PriceMissing
from zkmargin.errors import MarketFuture, MarketStale


@dataclass(frozen=True)
class OraclePrice:
    """``value * 10**exponent`` units of the quote, give or take ``confidence`` of the same scale; ``time`` in unix
    seconds, rounded down.
    """

    feed: str
    value: int
    exponent: int
    time: int
    confidence: int = 0

    @property
    def exact(self) -> Fraction:
        """The price as a number."""
        return Fraction(self.value) * Fraction(10) ** self.exponent

    def require_usable(self, at: int, maximum_age: int, skew: int, confidence_bps: int, where: str = "price") -> None:
        """Raise what ``require_fresh`` and ``require_sure`` raise."""
        self.require_fresh(at, maximum_age, skew, where)
        self.require_sure(confidence_bps, where)

    def require_fresh(self, at: int, maximum_age: int, skew: int, where: str = "price") -> None:
        """Raise MarketStale, MarketFuture unless the price is of the ``maximum_age`` seconds before ``at``."""
        if self.time > at + skew:
            raise MarketFuture(
                "the price is from the future", where=where, expected=f"at most {at + skew}", got=self.time
            )
        if (age := at - self.time) > maximum_age:
            raise MarketStale("the price is too old", where=where, expected=f"at most {maximum_age} s", got=f"{age} s")

    def require_sure(self, confidence_bps: int, where: str = "price") -> None:
        """Raise PriceConfidence where the price is not positive, or ``confidence`` is beyond ``confidence_bps``
        hundredths of a percent of it.
        """
        if self.value <= 0:
            raise PriceConfidence("the price is not positive", where=where)
        if self.confidence * 10_000 > self.value * confidence_bps:
            raise PriceConfidence(
                "the oracle is not sure enough of the price",
                where=where,
                expected=f"at most {confidence_bps} bps",
                got=f"{self.confidence * 10_000 // self.value} bps",
            )


def price_of(prices: dict[str, OraclePrice], feed: str, where: str = "prices") -> OraclePrice:
    """The price of a feed. Raises PriceMissing."""
    if feed not in prices:
        raise PriceMissing("the message has no price of this feed", where=where, expected=feed)
    return prices[feed]


class Cursor:
    """Reads big-endian fields from the front; PriceFormat where there are not enough bytes."""

    def __init__(self, raw: bytes, where: str) -> None:
        self._raw, self._at, self._where = raw, 0, where

    def take(self, count: int) -> bytes:
        """The next bytes."""
        if self._at + count > len(self._raw):
            raise PriceFormat("the message is cut short", where=self._where, expected=self._at + count)
        self._at += count
        return self._raw[self._at - count : self._at]

    def unpack(self, layout: str) -> tuple[int, ...]:
        """Big-endian numbers by a ``struct`` layout."""
        return struct.unpack(f">{layout}", self.take(struct.calcsize(f">{layout}")))

    def number(self, layout: str) -> int:
        """One big-endian number."""
        (value,) = self.unpack(layout)
        return value

    @property
    def rest(self) -> int:
        """Bytes that were not read."""
        return len(self._raw) - self._at

    def expect(self, content: bytes, what: str) -> None:
        """The next bytes are these."""
        if self.take(len(content)) != content:
            raise PriceFormat(f"{what} is not supported", where=self._where, expected="0x" + content.hex())
