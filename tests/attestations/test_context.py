"""Claims, epochs, scopes and the hash over position statements."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.attestations.context import (
    Claim,
    ClaimKind,
    compute_context_input,
    compute_scope,
    compute_statements_hash,
    epoch_of,
    party_id,
)
from zkmargin.attestations.documents import PositionStatement, StatementContext
from zkmargin.attestations.eip712 import SigningDomain
from zkmargin.encoding import keccak256
from zkmargin.errors import ClaimMismatch, IntFormat, StatementMismatch, StatementTwice

DOMAIN = SigningDomain(salt=b"\x01" * 32)
RATIOS = st.tuples(st.integers(1, 65535), st.integers(1, 65535)).map(sorted)


def _statement(venue: int, **changes: Any) -> PositionStatement:
    fields: dict[str, Any] = {
        "commitment": 7,
        "scheme": 1,
        "size_commitment": b"",
        "listing_digest": bytes(32),
        "as_of": 1,
        "issued_at": 2,
        "expires_at": 3,
        "venue_id": venue.to_bytes(32, "big"),
        "audience": bytes(32),
        "epoch": 0,
        "seq": 1,
    }
    return PositionStatement(**fields | changes)


@given(st.sampled_from(ClaimKind), RATIOS, st.integers(0, 2**64 - 1))
def test_claims_pack_and_unpack(kind: ClaimKind, ratio: list[int], min_lock: int) -> None:
    claim = Claim(kind, ratio[1], ratio[0], min_lock)
    assert Claim.unpack(claim.pack()) == claim
    assert claim.pack() < 2**104


def test_packing_by_hand() -> None:
    assert Claim().pack() == 1 << 8 | 1 << 24
    assert Claim(ClaimKind.INITIAL, 5, 4, 9).pack() == 1 | 5 << 8 | 4 << 24 | 9 << 40
    assert str(Claim(ClaimKind.INITIAL, 5, 4)) == "equity >= initial requirement times 5/4"
    assert str(Claim()) == "equity >= maintenance requirement"


@pytest.mark.parametrize(
    "fields",
    [
        {"num": 0},
        {"den": 0},
        {"num": 1, "den": 2},
        {"num": 65536},
        {"num": 65536, "den": 65536},
        {"num": -1, "den": -1},
        {"min_lock": -1},
        {"min_lock": 2**64},
        {"kind": 0},
        {"num": 1.0},
        {"den": True},
    ],
)
def test_claims_that_say_nothing_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ClaimMismatch):
        Claim(**fields)


@pytest.mark.parametrize(
    "packed",
    [0, -1, 2 | 1 << 8 | 1 << 24, 255 | 1 << 8 | 1 << 24, 1 << 8, 1 << 24, 1 << 8 | 2 << 24, 1 << 104],
)
def test_integers_that_are_no_claims(packed: int) -> None:
    with pytest.raises(ClaimMismatch):
        Claim.unpack(packed)


def test_stronger_claims_imply_weaker_ones() -> None:
    weak = Claim(num=5, den=4)
    assert Claim(num=10, den=8).implies(weak)
    assert Claim(num=3, den=2).implies(weak)
    assert not Claim(num=6, den=5).implies(weak)
    assert not Claim(kind=ClaimKind.INITIAL, num=3, den=2).implies(weak)
    assert Claim(min_lock=5).implies(Claim(min_lock=5))
    assert not Claim(min_lock=4).implies(Claim(min_lock=5))


def test_epochs() -> None:
    assert [epoch_of(t, 86400) for t in (0, 86399, 86400)] == [0, 0, 1]
    for arguments in ((-1, 86400), (0, 0), (0, -1)):
        with pytest.raises(IntFormat):
            epoch_of(*arguments)


def test_scopes_differ_by_domain_and_epoch() -> None:
    scopes = {compute_scope(bytes([domain]) * 32, epoch) for domain in range(3) for epoch in range(3)}
    assert len(scopes) == 9
    assert all(scope < 2**248 for scope in scopes)
    with pytest.raises(IntFormat):
        compute_scope(bytes(32), 2**64)


def test_statements_hash_in_ascending_venue_only() -> None:
    first, second = _statement(1), _statement(2)
    expected = keccak256(first.digest(DOMAIN) + second.digest(DOMAIN))
    assert compute_statements_hash([first, second], DOMAIN) == expected
    with pytest.raises(StatementMismatch):
        compute_statements_hash([second, first], DOMAIN)
    for twice in ([first, first], [first, _statement(1, seq=2)], [first, second, first]):
        with pytest.raises(StatementTwice):
            compute_statements_hash(twice, DOMAIN)


def test_every_field_of_the_context_counts() -> None:
    names = [name for name in StatementContext.model_fields if name not in ("epoch", "issued_at", "expires_at")]
    fields: dict[str, Any] = {name: bytes([index]) * 32 for index, name in enumerate(names)}
    context = StatementContext(**fields, epoch=1, issued_at=2, expires_at=3)
    inputs = {compute_context_input(context, DOMAIN)}
    for name in StatementContext.model_fields:
        value: Any = 9 if name not in names else b"\xff" * 32
        inputs.add(compute_context_input(context.model_copy(update={name: value}), DOMAIN))
    inputs.add(compute_context_input(context, SigningDomain(salt=bytes(32))))
    assert len(inputs) == 2 + len(StatementContext.model_fields)
    assert all(value < 2**248 for value in inputs)


def test_party_ids() -> None:
    account = "eip155:1:0xab16a96d359ec26a11e2c2b3d8f8b8942d5bfcdb"
    assert party_id(account) == keccak256(account.encode())
