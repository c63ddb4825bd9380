"""Pyth price updates: a Merkle root that Wormhole's guardians signed, and prices under it.

Message (``PNAU``, version 1.0): a VAA whose payload (``AUWV``) carries the root of a tree of price messages, then
each message with its path. Hashes of the tree are the first 20 bytes of keccak256, with a prefix of 0 for a leaf and
1 for a node over its two children in ascending order. Guardians sign keccak256 of keccak256 of the VAA's body.
Source: Pyth Network, "Hermes" and the accumulator's message format (pyth-crosschain, pythnet_sdk); Wormhole, "Verified
Action Approvals".                                                                          specs/evidence.md#pyth
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zkmargin.attestations.evidence.errors import (
    GuardianSet,
    PriceFormat,
    PriceMerkle,
    PriceQuorum,
    PriceSigner,
    PriceTrailing,
)
from zkmargin.attestations.evidence.oracle import Cursor, OraclePrice
from zkmargin.attestations.signatures import recover
from zkmargin.encoding import hex_bytes, keccak256
from zkmargin.errors import BytesLength, VerificationError

MAX_BYTES: Final = 1 << 16
PYTHNET: Final = 26
EMITTER: Final = bytes.fromhex("e101faedac5851e32b9b23b5f9411a8c2bac4aae3ed4dd7b811dd1a72ea4aa71")
"""Wormhole's number of Pythnet, and the address there that emits the roots of price messages."""
_DIGEST = 20


@dataclass(frozen=True)
class Guardians:
    """A Wormhole guardian set: its number, and the addresses (20 bytes) in their order."""

    index: int
    addresses: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if not self.addresses or any(len(a) != 20 for a in self.addresses):
            raise BytesLength("guardians are addresses of 20 bytes", where="guardians")
        if len(set(self.addresses)) != len(self.addresses):
            raise BytesLength("a guardian is listed twice", where="guardians")

    @property
    def quorum(self) -> int:
        """More than two thirds."""
        return 2 * len(self.addresses) // 3 + 1


@dataclass(frozen=True)
class PythUpdate:
    """A verified update. ``sequence`` orders updates of one publish time: of two, the higher one is later."""

    sequence: int
    time: int
    prices: dict[str, OraclePrice]


def verify_pyth(update: bytes, guardians: Guardians, where: str = "update") -> PythUpdate:
    """Prices by feed (0x and 64 hex digits) of a signed update.

    Raises PriceFormat, PriceTrailing, GuardianSet, PriceSigner, PriceQuorum, PriceMerkle, and what ``recover`` raises.
    """
    if len(update) > MAX_BYTES:
        raise PriceFormat("no update is this long", where=where, expected=f"at most {MAX_BYTES} bytes")
    outer = Cursor(update, where)
    outer.expect(b"PNAU\x01\x00", "the update's version")
    outer.expect(b"\x00", "a trailing header")
    outer.expect(b"\x00", "the kind of proof")
    vaa = outer.take(outer.number("H"))
    time, sequence, root = _root(vaa, guardians, f"{where}.vaa")
    prices: dict[str, OraclePrice] = {}
    for at in range(outer.number("B")):
        here = f"{where}.updates[{at}]"
        message = outer.take(outer.number("H"))
        path = [outer.take(_DIGEST) for _ in range(outer.number("B"))]
        _require_under(root, message, path, here)
        price = _price(message, here)
        if price.feed in prices:
            raise PriceFormat("a feed comes twice", where=here, got=price.feed)
        prices[price.feed] = price
    if outer.rest:
        raise PriceTrailing("bytes behind the update", where=where, expected=0, got=outer.rest)
    return PythUpdate(sequence, time, prices)


def _root(vaa: bytes, guardians: Guardians, where: str) -> tuple[int, int, bytes]:
    """Time, sequence and Merkle root of a VAA that a quorum of guardians signed."""
    cursor = Cursor(vaa, where)
    cursor.expect(b"\x01", "the VAA's version")
    if (index := cursor.number("I")) != guardians.index:
        raise GuardianSet("another guardian set", where=where, expected=guardians.index, got=index)
    signatures = [cursor.take(66) for _ in range(cursor.number("B"))]
    body = cursor.take(cursor.rest)
    digest, last = keccak256(keccak256(body)), -1
    for at, signature in enumerate(signatures):
        here = f"{where}.signatures[{at}]"
        guardian, v = signature[0], signature[65]
        if not last < guardian < len(guardians.addresses):
            raise PriceSigner("guardians sign once each, in ascending order", where=here, got=guardian)
        if v > 1:
            raise PriceFormat("the recovery number is 0 or 1", where=here, got=v)
        signer = recover(digest, signature[1:65] + bytes([27 + v]), here)
        if signer != guardians.addresses[guardian]:
            raise PriceSigner(
                "not this guardian's signature", where=here, expected=hex_bytes(guardians.addresses[guardian])
            )
        last = guardian
    if len(signatures) < guardians.quorum:
        raise PriceQuorum("too few guardians", where=where, expected=guardians.quorum, got=len(signatures))
    inner = Cursor(body, where)
    time, _, chain = inner.unpack("IIH")
    emitter = inner.take(32)
    if (chain, emitter) != (PYTHNET, EMITTER):
        raise PriceSigner("the guardians signed a message that is not Pyth's", where=where, got=f"chain {chain}")
    sequence, _ = inner.unpack("QB")
    inner.expect(b"AUWV\x00", "the payload")
    inner.take(12)  # slot and ring size
    root = inner.take(_DIGEST)
    if inner.rest:
        raise PriceTrailing("bytes behind the payload", where=where, expected=0, got=inner.rest)
    return time, sequence, root


def _require_under(root: bytes, message: bytes, path: list[bytes], where: str) -> None:
    digest = keccak256(b"\x00" + message)[:_DIGEST]
    for sibling in path:
        digest = keccak256(b"\x01" + min(digest, sibling) + max(digest, sibling))[:_DIGEST]
    if digest != root:
        raise PriceMerkle("the message is not under the signed root", where=where)


def _price(message: bytes, where: str) -> OraclePrice:
    """Feed, price, confidence, exponent, publish time; then the previous time and moving averages, not used here."""
    cursor = Cursor(message, where)
    cursor.expect(b"\x00", "a message that is no price")
    feed = hex_bytes(cursor.take(32))
    value, confidence, exponent, time = cursor.unpack("qQiq")
    cursor.unpack("qqQ")
    if cursor.rest:
        raise PriceTrailing("bytes behind the message", where=where, expected=0, got=cursor.rest)
    if not -30 <= exponent <= 12 or time < 0:
        raise PriceFormat("exponent or time is out of range", where=where)
    return OraclePrice(feed, value, exponent, time, confidence)


class PythReplay(VerificationError):
    """An update is not later than one that was seen: of two of one publish time the higher sequence counts."""

    code = "E_PRICE_SEQ"
    advice = "use the latest update"


def require_later(update: PythUpdate, last_sequence: int, where: str = "update") -> None:
    """Raise PythReplay unless the update follows the last one that was accepted."""
    if update.sequence <= last_sequence:
        raise PythReplay("not a later update", where=where, expected=f"above {last_sequence}", got=update.sequence)
