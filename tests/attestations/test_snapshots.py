"""Signed snapshots: the digests of a signed header name one listing and one set of tables."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from zkmargin.attestations.documents import OfflineDomain, Signers, require_domain
from zkmargin.attestations.market import MarketSnapshotDocument, sign_snapshot
from zkmargin.attestations.signatures import SigningKey
from zkmargin.errors import ListingMismatch, MarketMismatch, Quorum, SignatureNotAttestor, ZkMarginError
from zkmargin.margin.market import Market, Source
from zkmargin.margin.tables import Column, Instrument, Listing, Tables

PUBLISHER = SigningKey(b"\x06" * 32)
DOMAIN = OfflineDomain(salt=b"\x01" * 32)
IDS = ("A-PERPETUAL", "B-PERPETUAL")


@pytest.fixture
def market() -> Market:
    listing = Listing(tuple(Instrument(name, "perpetual", "BTC", "BTC", "1") for name in IDS), 4, "usd", 6)
    mark = Column.of("mark", ["instrument"], 2, [100, 200])
    return Market(
        listing, Tables({"instrument": 2}, {"instrument": IDS}, {"mark": mark}), 1000, (Source.of("f", b"x"),)
    )


def _sign(market: Market) -> MarketSnapshotDocument:
    return sign_snapshot(
        market, rule_digest=b"\x07" * 32, issued_at=1001, expires_at=2000, domain=DOMAIN, keys=[PUBLISHER]
    )


def test_round_trip(market: Market) -> None:
    document = _sign(market)
    document.require_signed(Signers.of(PUBLISHER.address).signer_set())
    for raw in (document.to_bytes(), document.to_text().encode()):
        again = MarketSnapshotDocument.parse(raw)
        assert again == document
        assert again.market == market
    assert document.snapshot.market_digest == market.tables.digest
    assert document.snapshot.listing_digest == market.listing.digest
    assert document.snapshot.table_commitment == 0


def _leaves(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(tree, dict):
        return [leaf for key, value in tree.items() for leaf in _leaves(value, (*path, key))]
    if isinstance(tree, list):
        return [leaf for key, value in enumerate(tree) for leaf in _leaves(value, (*path, key))]
    return [path] if isinstance(tree, str) else []


def _accept(tree: Any) -> None:
    document = MarketSnapshotDocument.of_json(tree)
    require_domain(document.domain, DOMAIN, "domain")
    document.require_signed(Signers.of(PUBLISHER.address).signer_set())
    document.market  # noqa: B018


def test_no_leaf_can_be_changed(market: Market) -> None:
    """Whatever changes in the file, either it does not parse, or a digest, or the signature shows it."""
    document = _sign(market).to_json()
    paths = _leaves(document)
    assert len(paths) == 37
    for path in paths:
        altered = copy.deepcopy(document)
        node = altered
        for key in path[:-1]:
            node = node[key]
        text = node[path[-1]]
        node[path[-1]] = text[:-1] + ("1" if text[-1:] != "1" else "2")
        with pytest.raises(ZkMarginError):
            _accept(altered)


def test_named_mismatches(market: Market) -> None:
    document = _sign(market)
    tables = copy.deepcopy(document.tables)
    tables["columns"]["mark"]["values"][0] = "101"
    with pytest.raises(MarketMismatch, match="tables"):
        document.model_copy(update={"tables": tables}).market  # noqa: B018
    listing = copy.deepcopy(document.listing)
    listing["instruments"][0]["multiplier"] = "10"
    with pytest.raises(ListingMismatch):
        document.model_copy(update={"listing": listing}).market  # noqa: B018
    with pytest.raises(MarketMismatch, match="sources"):
        document.model_copy(update={"sources": []}).market  # noqa: B018


def test_signers(market: Market) -> None:
    document = _sign(market)
    other = SigningKey(b"\x08" * 32)
    with pytest.raises(SignatureNotAttestor):
        document.require_signed(Signers.of(other.address).signer_set())
    with pytest.raises(Quorum):
        document.require_signed(Signers.of(other.address, PUBLISHER.address, threshold=2).signer_set())
