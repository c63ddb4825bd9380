"""What path-dependent options have beyond a strike: a barrier, or fixings that are averaged.

They stand in the listing (``Instrument``), because a size of such a contract means nothing without them. What has been
observed already is no term but a figure of the market: the same contract has other figures tomorrow.
                                                                                        specs/market.md#exotics
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from zkmargin.encoding import parse_decimal, parse_uint
from zkmargin.errors import AmountDecimals, SchemaType
from zkmargin.margin.strict import read_list, read_object, read_text

BARRIER_TYPES = ("down-in", "down-out", "up-in", "up-out")
AVERAGES = ("arithmetic", "geometric")
MAX_DECIMALS = 38


def check_decimal(text: object, where: str) -> None:
    """Refuse anything but a positive plain decimal without trailing zeros after the point: one value, one spelling."""
    if not isinstance(text, str) or ("." in text and text.endswith("0")) or text.startswith("-"):
        raise AmountDecimals("not a canonical decimal", where=where, expected="no sign, no trailing zeros")
    if parse_decimal(text, MAX_DECIMALS, where) <= 0:
        raise SchemaType("multiplier, strike and barrier must be positive", where=where, got=text)


@dataclass(frozen=True)
class Barrier:
    """The option begins (in) or ceases (out) once the index has been at or below (down), above (up) ``level`` in USD.

    ``level`` is a plain decimal. Without rebate; the index is watched all the time.
    """

    type: str
    level: str

    def check(self, where: str) -> None:
        """Raise SchemaType or AmountDecimals."""
        if self.type not in BARRIER_TYPES:
            raise SchemaType("unknown type of barrier", where=where, expected=" or ".join(BARRIER_TYPES), got=self.type)
        check_decimal(self.level, where)

    @property
    def is_down(self) -> bool:
        """Whether the barrier lies below."""
        return self.type.startswith("down")

    @property
    def is_out(self) -> bool:
        """Whether the option ceases there."""
        return self.type.endswith("out")

    def is_touched(self, index: float) -> bool:
        """Whether an index is at the barrier or beyond."""
        return index <= float(self.level) if self.is_down else index >= float(self.level)

    def to_json(self) -> dict[str, Any]:
        """The document form."""
        return {"type": self.type, "level": self.level}

    @classmethod
    def of_json(cls, document: object, where: str) -> Self:
        """Read the document form, strictly."""
        entry = read_object(document, where, ("type", "level"))
        return cls(read_text(entry["type"], f"{where}.type"), read_text(entry["level"], f"{where}.level"))


@dataclass(frozen=True)
class Averaging:
    """The strike is compared with the average of the index at ``fixings``, unix seconds that ascend."""

    method: str
    fixings: tuple[int, ...]

    def check(self, expiry: int, where: str) -> None:
        """Raise SchemaType."""
        if self.method not in AVERAGES:
            raise SchemaType("unknown average", where=where, expected=" or ".join(AVERAGES), got=self.method)
        if not self.fixings or any(type(time) is not int for time in self.fixings):
            raise SchemaType("an average has fixings, in unix seconds", where=where)
        if list(self.fixings) != sorted(set(self.fixings)) or not 0 < self.fixings[0] <= self.fixings[-1] <= expiry:
            raise SchemaType("fixings ascend, up to the expiry", where=where)

    def to_json(self) -> dict[str, Any]:
        """The document form."""
        return {"method": self.method, "fixings": [str(time) for time in self.fixings]}

    @classmethod
    def of_json(cls, document: object, where: str) -> Self:
        """Read the document form, strictly."""
        entry = read_object(document, where, ("method", "fixings"))
        fixings = read_list(entry["fixings"], f"{where}.fixings")
        times = tuple(parse_uint(time, f"{where}.fixings[{at}]", 63) for at, time in enumerate(fixings))
        return cls(read_text(entry["method"], f"{where}.method"), times)
