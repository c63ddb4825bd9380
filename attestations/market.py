"""Signed market snapshots: the publisher's word, with the tables beside it.      specs/documents.md#market"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import WithJsonSchema

from zkmargin.attestations.documents import (
    AnyDomain,
    HomeDomain,
    MarketSnapshot,
    OfflineDomain,
    Signatures,
    require_signed,
    sign,
)
from zkmargin.attestations.schema import Document
from zkmargin.attestations.signatures import SignerSet, SigningKey
from zkmargin.errors import ListingMismatch, MarketMismatch
from zkmargin.margin.market import Market
from zkmargin.margin.terms import AVERAGES, BARRIER_TYPES

_TEXT: Final = {"type": "string"}
_UINT: Final = {"type": "string", "pattern": "^(0|[1-9][0-9]*)$"}
_INT: Final = {"type": "string", "pattern": "^(0|-?[1-9][0-9]*)$"}


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _named(value: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
        "additionalProperties": value,
    }


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _instrument(*kinds: str, **terms: Any) -> dict[str, Any]:
    return _object(
        id=_TEXT,
        kind={"enum": list(kinds)},
        underlying=_TEXT,
        settlement=_TEXT,
        multiplier=_TEXT,
        expiry=_or_null(_UINT),
        strike=_or_null(_TEXT),
        optionType={"enum": ["call", "put", None]},
        **terms,
    )


LISTING_SCHEMA: Final = _object(
    instruments=_array(
        {
            "oneOf": [
                _instrument("option", "future", "perpetual"),
                _instrument("barrier", barrier=_object(type={"enum": list(BARRIER_TYPES)}, level=_TEXT)),
                _instrument("asian", averaging=_object(method={"enum": list(AVERAGES)}, fixings=_array(_UINT))),
            ]
        }
    ),
    lotDecimals=_UINT,
    cashUnit=_TEXT,
    cashDecimals=_UINT,
    axes=_named(_array(_TEXT)),
)
TABLES_SCHEMA: Final = _object(
    sizes=_named(_UINT),
    names=_named(_array(_TEXT)),
    columns=_named(
        _object(axes=_array(_TEXT), decimals=_UINT, values={"description": "nested arrays of decimal strings"})
    ),
    labels=_named(_object(axis=_TEXT, target=_TEXT, indices=_array(_INT))),
    parameters=_named(_object(decimals=_UINT, value=_INT)),
)
SOURCES_SCHEMA: Final = _array(_object(name=_TEXT, digest={"type": "string", "pattern": "^0x[0-9a-f]{64}$"}))


class MarketSnapshotDocument(Document):
    """``*.market.json``: a signed snapshot and what it is about.

    ``listing``, ``tables`` and ``sources`` are JSON as ``Market`` reads it; ``market`` is the only way to
    their content, and it refuses tables that the signed digests do not name.
    """

    TYPE: ClassVar[str] = "zkmargin/market-snapshot"
    LIMIT: ClassVar[int] = 1 << 28
    type: Literal["zkmargin/market-snapshot"] = "zkmargin/market-snapshot"
    version: Literal["1"] = "1"
    domain: AnyDomain
    snapshot: MarketSnapshot
    listing: Annotated[Any, WithJsonSchema(LISTING_SCHEMA)]
    tables: Annotated[Any, WithJsonSchema(TABLES_SCHEMA)]
    sources: Annotated[Any, WithJsonSchema(SOURCES_SCHEMA)]
    signatures: Signatures

    @cached_property
    def market(self) -> Market:
        """Listing, tables, time and sources. Raises MarketMismatch, ListingMismatch where a digest
        differs.
        """
        market = Market.of_json(
            {
                "listing": self.listing,
                "tables": self.tables,
                "priceTime": str(self.snapshot.price_time),
                "sources": self.sources,
            }
        )
        require_market(self.snapshot, market)
        return market

    def with_signatures(self, keys: list[SigningKey]) -> MarketSnapshotDocument:
        """The same snapshot, also signed by ``keys``; a signer's earlier signature is replaced."""
        added = {entry.signer: entry for entry in sign(self.snapshot, self.domain.signing(), keys)}
        merged = {entry.signer: entry for entry in self.signatures} | added
        return self.model_copy(update={"signatures": tuple(merged[signer] for signer in sorted(merged))})

    def require_signed(self, signers: SignerSet) -> None:
        """Raise unless a quorum of ``signers`` signed the snapshot. The content is checked by ``market``."""
        require_signed(self.snapshot, self.domain.signing(), self.signatures, signers, "snapshot")


def require_market(snapshot: MarketSnapshot, market: Market) -> None:
    """Raise unless ``market`` is what ``snapshot`` names: listing, tables, sources and time, each by its own
    digest.
    """
    if market.listing.digest != snapshot.listing_digest:
        raise ListingMismatch(
            "the listing is not the one that was signed",
            where="snapshot.listingDigest",
            expected="0x" + snapshot.listing_digest.hex(),
            got="0x" + market.listing.digest.hex(),
        )
    if market.tables.digest != snapshot.market_digest:
        raise MarketMismatch(
            "the tables are not the ones that were signed",
            where="snapshot.marketDigest",
            expected="0x" + snapshot.market_digest.hex(),
            got="0x" + market.tables.digest.hex(),
        )
    if market.price_time != snapshot.price_time:
        raise MarketMismatch("prices are of another time than signed", where="snapshot.priceTime")
    if market.sources_hash != snapshot.sources_hash:
        raise MarketMismatch("the sources are not the ones that were signed", where="snapshot.sourcesHash")


def sign_snapshot(
    market: Market,
    *,
    rule_digest: bytes,
    table_commitment: int = 0,
    issued_at: int,
    expires_at: int,
    domain: OfflineDomain | HomeDomain,
    keys: list[SigningKey],
) -> MarketSnapshotDocument:
    """A snapshot, signed by ``keys``. ``table_commitment``: for a rule set of binding ``committed``
    (``zkmargin.circuits.plan.compute_table_commitment``), zero for one of binding ``public``.

    The publisher vouches that the tables meet the bounds and conditions of the rule set ``rule_digest``:
    check them first (``zkmargin.circuits.rules.check_tables``).
    """
    snapshot = MarketSnapshot(
        market_digest=market.tables.digest,
        rule_digest=rule_digest,
        table_commitment=table_commitment,
        listing_digest=market.listing.digest,
        price_time=market.price_time,
        issued_at=issued_at,
        expires_at=expires_at,
        sources_hash=market.sources_hash,
    )
    content = market.to_json()
    return MarketSnapshotDocument(
        domain=domain,
        snapshot=snapshot,
        listing=content["listing"],
        tables=content["tables"],
        sources=content["sources"],
        signatures=sign(snapshot, domain.signing(), keys),
    )
