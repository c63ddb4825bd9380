"""Real oracle messages over small tables: the parts of a market with evidence, and parties to sign forged messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chain_figures import figures, raw
from parties import DOMAIN, PUBLISHER

from zkmargin.attestations.documents import MarketSnapshot, Signers
from zkmargin.attestations.evidence.pyth import EMITTER
from zkmargin.attestations.market import sign_snapshot
from zkmargin.attestations.price_evidence import PriceEvidence, PriceFinding, require_prices
from zkmargin.attestations.price_rules import PriceCell, PriceRules, PythRules, RedstoneRules
from zkmargin.attestations.signatures import SigningKey
from zkmargin.encoding import keccak256
from zkmargin.margin.market import Market, Source
from zkmargin.margin.tables import Column, Listing, Tables

BTC = raw("0xe62df6c8b4a85fe1a67db44dc12de5db330f7ac66b72dc658afedf0f4a415b43")
ETH = raw("0xff61491a931112ddf1bd8147cd1b641375f79f5825126d665480874634fd0ace")
COIN, WRAPPED = "eip155:1/slip44:60", "eip155:1/erc20:0x2260fac5e5542a773aa44fbcfedf7c193bc2c599"
UPDATES = {entry["name"]: raw(entry["update"]) for entry in figures("pyth")["updates"]}
UPDATE, OTHER = UPDATES["HERMES_BTC_ETH_UPDATE"], UPDATES["HERMES_BTC_ETH_UNIQUE_UPDATE"]
PAYLOADS = {entry["name"]: raw(entry["payload"]) for entry in figures("redstone")["payloads"]}
PAYLOAD = PAYLOADS["ETH_BTC_PRIMARY_3sig"]
GUARDIANS = figures("pyth")["guardianSet"]
PYTH = PythRules(guardian_set=GUARDIANS["index"], guardians=tuple(map(raw, GUARDIANS["guardians"])))
PRIMARY = [raw(text) for text in figures("redstone")["signerSets"]["PRIMARY_SIGNERS"]]
REDSTONE = RedstoneRules(signers=Signers.of(*PRIMARY, threshold=3))
FEEDS = f"column,row,decimals,rounding,pyth,redstone\nunit_value,{COIN},18,down,0x{ETH.hex()},\n"


def cell(row: str = COIN, **changes: Any) -> PriceCell:
    """A row of ``unit_value``; of the coin by Pyth, unless changed."""
    fields: dict[str, Any] = {"column": "unit_value", "row": row, "decimals": 18, "rounding": "down", "pyth": ETH}
    return PriceCell(**fields | changes)


def both_cells(oracle: str = "pyth") -> tuple[PriceCell, ...]:
    """The coin and wrapped bitcoin, which has 8 decimals, ascending."""
    feeds: dict[str, tuple[Any, Any]] = {"pyth": (BTC, ETH), "redstone": ("BTC", "ETH")}
    blank = {"pyth": None, "redstone": None}
    bitcoin, ether = feeds[oracle]
    return (
        cell(WRAPPED, **blank | {"decimals": 8, oracle: bitcoin}),
        cell(COIN, **blank | {oracle: ether}),
    )


def rules(**changes: Any) -> PriceRules:
    """Both rows by Pyth, exactly; messages of a minute, and of 10 s after the prices."""
    fields: dict[str, Any] = {
        "pyth": PYTH, "redstone": REDSTONE, "maximum_age": 60, "skew": 10, "confidence": 20, "agreement": 50,
        "tolerance": 0, "cells": both_cells(), "complete": ("unit_value",),
    }  # fmt: skip
    return PriceRules(**fields | changes)


@dataclass(frozen=True)
class Priced:
    """A snapshot with evidence, to change one thing of; ``judge`` is what a verifier does with it."""

    evidence: PriceEvidence
    values: Sequence[int]
    time: int
    names: tuple[str, ...] = (WRAPPED, COIN)
    sources: tuple[Source, ...] = ()
    rules: PriceRules = field(default_factory=rules)

    @property
    def market(self) -> Market:
        """Tables of one column; its sources commit to the evidence unless told otherwise."""
        column = Column.of("unit_value", ["asset"], 30, list(self.values))
        tables = Tables({"asset": len(self.names)}, {"asset": self.names}, {"unit_value": column}, {}, {})
        sources = self.sources or (Source.of("made up", b"for tests"), self.evidence.source)
        return Market(Listing((), 0, "usd", 0), tables, self.time, sources)

    def snapshot(self, market: Market) -> MarketSnapshot:
        """As a publisher signs it."""
        return sign_snapshot(
            market, rule_digest=bytes(32), issued_at=self.time, expires_at=self.time + 900, domain=DOMAIN.domain(),
            keys=[PUBLISHER],
        ).snapshot  # fmt: skip

    def judge(self, at: int | None = None, **more: Any) -> PriceFinding:
        """At 5 s after the prices, unless told otherwise."""
        market = self.market
        fields = {"at": self.time + 5 if at is None else at, "maximum_age": 60} | more
        return require_prices(self.evidence, self.rules, self.snapshot(market), market, **fields)

    def but(self, **changes: Any) -> Priced:
        """With one thing changed; the evidence's fields go by their own names."""
        inner = {name: changes.pop(name) for name in ("pyth", "redstone", "cells") if name in changes}
        evidence = self.evidence.model_copy(update=inner) if inner else self.evidence
        return replace(self, **{"evidence": evidence} | changes)


def by_pyth() -> Priced:
    """Real prices of one update, BTC 59,240 and ETH 2,467 USD or so, exact to the unit."""
    stated = next(entry for entry in figures("pyth")["updates"] if raw(entry["update"]) == UPDATE)
    price = {raw(entry["feedId"]): int(entry["price"]) for entry in stated["prices"]}
    time = int(stated["prices"][0]["publishTime"])
    # 10^-8 USD per coin; per atom in 10^-30 USD: times 10^22 over the atoms of a coin
    return Priced(PriceEvidence(pyth=UPDATE, cells=both_cells()), [price[BTC] * 10**14, price[ETH] * 10**4], time + 2)


def by_redstone() -> Priced:
    """The medians of three signers: the middle value of each feed."""
    stated = next(entry for entry in figures("redstone")["payloads"] if raw(entry["payload"]) == PAYLOAD)
    found: dict[str, list[int]] = {}
    for package in stated["packages"]:
        for feed, value in package["values"].items():
            found.setdefault(feed, []).append(int(value))
    bitcoin, ether = (sorted(found[feed])[1] for feed in ("BTC", "ETH"))
    cells = both_cells("redstone")
    time = int(stated["packages"][0]["timestampMs"]) // 1000
    evidence = PriceEvidence(redstone=PAYLOAD, cells=cells)
    return Priced(evidence, [bitcoin * 10**14, ether * 10**4], time, rules=rules(cells=cells))


# --- messages of oracles whose keys the tests have ------------------------------------------------------------------

KEYS = tuple(SigningKey(bytes([n]) * 32) for n in (1, 2, 3, 4))
OURS = PythRules(guardian_set=4, guardians=tuple(key.address for key in KEYS))
OUR_SIGNERS = RedstoneRules(signers=Signers.of(*(key.address for key in KEYS), threshold=2))


def pyth_update(
    feed: bytes, value: int, time: int, *, confidence: int = 1, exponent: int = -8, sequence: int = 3
) -> bytes:
    """An update of one price, signed by all our guardians."""
    numbers = ((value, 8), (confidence, 8), (exponent, 4), (time, 8), (0, 8), (0, 8), (0, 8))
    message = b"\x00" + feed + b"".join(number.to_bytes(size, "big", signed=True) for number, size in numbers)
    head = (
        time.to_bytes(4, "big") + bytes(4) + (26).to_bytes(2, "big") + EMITTER + sequence.to_bytes(8, "big") + b"\x01"
    )
    body = head + b"AUWV\x00" + bytes(12) + keccak256(b"\x00" + message)[:20]
    digest, signed = keccak256(keccak256(body)), b""
    for index, key in enumerate(KEYS):
        signature = key.sign(digest)
        signed += bytes([index]) + signature[:64] + bytes([signature[64] - 27])
    vaa = b"\x01" + (4).to_bytes(4, "big") + bytes([len(KEYS)]) + signed + body
    update = len(vaa).to_bytes(2, "big") + vaa + b"\x01" + len(message).to_bytes(2, "big") + message + b"\x00"
    return b"PNAU\x01\x00\x00\x00" + update


def redstone_payload(values: dict[str, int], time: int, signers: int = 3) -> bytes:
    """A package of each signer with the same values."""
    points = b"".join(feed.encode().ljust(32, b"\0") + value.to_bytes(32, "big") for feed, value in values.items())
    body = points + (1000 * time).to_bytes(6, "big") + (32).to_bytes(4, "big") + len(values).to_bytes(3, "big")
    packages = b"".join(body + key.sign(keccak256(body)) for key in KEYS[:signers])
    return packages + signers.to_bytes(2, "big") + bytes(3) + bytes.fromhex("000002ed57011e0000")
