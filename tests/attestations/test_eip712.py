"""The strict encoder against eth-account, and everything that eth-account would let pass."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account.messages import _hash_eip191_message, encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.attestations.documents import (
    MarketSnapshot,
    PositionStatement,
    SignedStructure,
    StatementContext,
)
from zkmargin.attestations.eip712 import SigningDomain, Structure
from zkmargin.errors import BytesLength, DomainMismatch, IntFormat, SchemaType, SchemaUnknownField

STRUCTURES = [PositionStatement.STRUCTURE, MarketSnapshot.STRUCTURE, StatementContext.STRUCTURE]
MIXED = Structure("Mixed(string text,address who,uint8 small,uint256 large,bytes raw,bytes32 word)")
OFFLINE = SigningDomain(salt=bytes(range(32)))
HOME = SigningDomain(chain_id=31337, verifying_contract=bytes(range(20)))


def _peer_digest(domain: SigningDomain, structure: Structure, values: dict[str, Any]) -> bytes:
    stated: dict[str, Any] = {"name": "ZKMargin", "version": "1"}
    if domain.salt is not None:
        stated["salt"] = domain.salt
    else:
        assert domain.verifying_contract is not None
        stated |= {"chainId": domain.chain_id, "verifyingContract": "0x" + domain.verifying_contract.hex()}
    types = {structure.name: [{"name": name, "type": kind} for name, kind in structure.members]}
    readable = {
        name: "0x" + values[name].hex() if kind == "address" else values[name] for name, kind in structure.members
    }
    return bytes(_hash_eip191_message(encode_typed_data(stated, types, readable)))


def _strategy(kind: str) -> st.SearchStrategy[Any]:
    if kind.startswith("uint"):
        bits = int(kind[4:])
        return st.integers(0, 2**bits - 1) | st.sampled_from([0, 2**bits - 1])
    return {
        "bytes32": st.binary(min_size=32, max_size=32),
        "bytes": st.binary(max_size=80),
        "address": st.binary(min_size=20, max_size=20),
        "string": st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    }[kind]


@pytest.mark.parametrize("domain", [OFFLINE, HOME], ids=["offline", "home"])
@pytest.mark.parametrize("structure", [*STRUCTURES, MIXED], ids=lambda s: s.name)
@given(st.data())
def test_digest_agrees_with_eth_account(domain: SigningDomain, structure: Structure, data: Any) -> None:
    values = {name: data.draw(_strategy(kind), label=name) for name, kind in structure.members}
    assert domain.digest(structure, values) == _peer_digest(domain, structure, values)


@pytest.mark.parametrize("model", [PositionStatement, MarketSnapshot, StatementContext])
def test_documents_have_exactly_the_members_of_their_structure(model: type[SignedStructure]) -> None:
    aliases = [field.alias for field in model.model_fields.values()]
    assert aliases == [name for name, _ in model.STRUCTURE.members]


VALID: dict[str, Any] = {
    "text": "t",
    "who": bytes(20),
    "small": 255,
    "large": 2**256 - 1,
    "raw": b"",
    "word": bytes(32),
}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"extra": 1}, SchemaUnknownField),
        ({"small": 256}, IntFormat),
        ({"small": -1}, IntFormat),
        ({"small": True}, IntFormat),
        ({"small": "1"}, IntFormat),
        ({"small": 1.0}, IntFormat),
        ({"large": 2**256}, IntFormat),
        ({"word": bytes(31)}, BytesLength),
        ({"word": bytes(33)}, BytesLength),
        ({"word": "0x" + "00" * 32}, SchemaType),
        ({"word": 0}, SchemaType),
        ({"who": bytes(19)}, BytesLength),
        ({"raw": "0x"}, SchemaType),
        ({"text": b"t"}, SchemaType),
        ({"text": "\ud800"}, SchemaType),
    ],
)
def test_values_that_do_not_fit_are_refused_before_hashing(change: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        OFFLINE.digest(MIXED, VALID | change)


@pytest.mark.parametrize("name", list(VALID))
def test_every_member_is_needed_and_signed(name: str) -> None:
    with pytest.raises(SchemaType, match=name):
        MIXED.hash({key: value for key, value in VALID.items() if key != name})
    changed = {"text": "u", "who": b"\1" * 20, "small": 254, "large": 1, "raw": b"\0", "word": b"\1" * 32}
    assert MIXED.hash(VALID) != MIXED.hash(VALID | {name: changed[name]})


@pytest.mark.parametrize(
    "signature",
    [
        "Nested(Person from)",
        "Arrays(uint8[] x)",
        "Odd(uint7 x)",
        "Wide(uint264 x)",
        "Twice(uint8 x,uint8 x)",
        "Empty()",
        "Signed(int8 x)",
        "lower(uint8 x)",
        "Spaces(uint8 x, uint8 y)",
    ],
)
def test_types_beyond_flat_structures_are_refused(signature: str) -> None:
    with pytest.raises(SchemaType):
        Structure(signature)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"salt": bytes(32), "chain_id": 1, "verifying_contract": bytes(20)},
        {"salt": bytes(32), "chain_id": 1},
        {"chain_id": 1},
        {"verifying_contract": bytes(20)},
    ],
)
def test_a_domain_is_offline_or_home_never_both(fields: dict[str, Any]) -> None:
    with pytest.raises(DomainMismatch):
        SigningDomain(**fields)


def test_domains_separate() -> None:
    other = SigningDomain(salt=bytes(32))
    assert len({domain.digest(MIXED, VALID) for domain in (OFFLINE, HOME, other)}) == 3
    with pytest.raises(BytesLength):
        SigningDomain(salt=bytes(31))
