"""RedStone data packages: each signed by one signer over its data points, a median over signers by feed.

Payload, read from its end: marker (9 bytes), size of the unsigned metadata (3) and the metadata, number of packages
(2), then the packages. A package: data points (feed of 32 bytes, value), time in milliseconds (6), size of a value (4),
number of points (3), signature (65) over keccak256 of all before it. Nobody signs the metadata, and nobody reads it.
Source: RedStone, "Data format and processing" (redstone-finance/rust-sdk, crates/redstone).  specs/evidence.md#redstone
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from statistics import median_low
from typing import Final

from zkmargin.attestations.evidence.errors import (
    PriceFormat,
    PriceQuorum,
    PriceSigner,
    PriceTimestamps,
    PriceTrailing,
)
from zkmargin.attestations.evidence.oracle import OraclePrice
from zkmargin.attestations.signatures import recover
from zkmargin.encoding import hex_bytes, keccak256

MARKER: Final = bytes.fromhex("000002ed57011e0000")
MAX_BYTES: Final = 1 << 18
MAX_VALUE_BYTES: Final = 32
_FEED = 32


@dataclass(frozen=True)
class Package:
    """One signer's values by feed at a time in milliseconds."""

    signer: bytes
    time_ms: int
    values: dict[str, int]


def verify_redstone(
    payload: bytes, signers: Collection[bytes], threshold: int, decimals: int = 8, where: str = "payload"
) -> dict[str, OraclePrice]:
    """The median by feed over at least ``threshold`` distinct signers, all of one time; the lower of two middle values.

    Raises PriceFormat, PriceTrailing, PriceSigner, PriceQuorum, PriceTimestamps, and what ``recover`` raises.
    """
    packages = list(read_packages(payload, where))
    times = {package.time_ms for package in packages}
    if len(times) != 1:
        raise PriceTimestamps("packages of several times", where=where, got=f"{len(times)} times")
    values: dict[str, dict[bytes, int]] = {}
    for at, package in enumerate(packages):
        if package.signer not in signers:
            raise PriceSigner(
                "signed by a key that does not count, or altered",
                where=f"{where}.packages[{at}]",
                got=hex_bytes(package.signer),
            )
        for feed, value in package.values.items():
            by_signer = values.setdefault(feed, {})
            if package.signer in by_signer:
                raise PriceSigner("one signer twice for one feed", where=f"{where}.packages[{at}]", got=feed)
            by_signer[package.signer] = value
    (time_ms,) = times
    prices = {}
    for feed, by_signer in values.items():
        if len(by_signer) < threshold:
            raise PriceQuorum("too few signers", where=f"{where}.{feed}", expected=threshold, got=len(by_signer))
        prices[feed] = OraclePrice(feed, median_low(by_signer.values()), -decimals, time_ms // 1000)
    return prices


def read_packages(payload: bytes, where: str = "payload") -> Iterator[Package]:
    """Packages in the order in which they stand, with whoever signed each. Raises PriceFormat, PriceTrailing."""
    if len(payload) > MAX_BYTES:
        raise PriceFormat("no payload is this long", where=where, expected=f"at most {MAX_BYTES} bytes")
    rest = _Backwards(payload, where)
    if rest.take(len(MARKER)) != MARKER:
        raise PriceFormat("there is no RedStone marker at the end", where=where)
    rest.take(rest.number(3))  # the unsigned metadata
    count = rest.number(2)
    if not count:
        raise PriceFormat("there are no packages", where=where)
    packages = [_package(rest, f"{where}.packages[{count - 1 - at}]") for at in range(count)]
    if rest.left:
        raise PriceTrailing("bytes before the packages", where=where, expected=0, got=rest.left)
    yield from reversed(packages)


def _package(rest: _Backwards, where: str) -> Package:
    end = rest.left
    signature = rest.take(65)
    points, width = rest.number(3), rest.number(4)
    time_ms = rest.number(6)
    if not points or not 0 < width <= MAX_VALUE_BYTES:
        raise PriceFormat("a package has points, of values of 1 to 32 bytes", where=where)
    body = rest.take(points * (_FEED + width))
    digest = keccak256(rest.content[rest.left : end - 65])
    values: dict[str, int] = {}
    for start in range(0, len(body), _FEED + width):
        name = body[start : start + _FEED].rstrip(b"\0")
        if not name.isascii() or not name.decode("ascii").isprintable() or not name:
            raise PriceFormat("a feed is named in ASCII", where=where)
        feed = name.decode("ascii")
        if feed in values:
            raise PriceFormat("a feed comes twice", where=where, got=feed)
        values[feed] = int.from_bytes(body[start + _FEED : start + _FEED + width], "big")
    return Package(recover(digest, signature, where), time_ms, values)


class _Backwards:
    """Reads fields from the end; PriceFormat where there are not enough bytes."""

    def __init__(self, content: bytes, where: str) -> None:
        self.content, self.left, self._where = content, len(content), where

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise PriceFormat("the payload is cut short", where=self._where)
        self.left -= count
        return self.content[self.left : self.left + count]

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "big")
