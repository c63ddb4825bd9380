"""Position commitments: packing, hiding, opening, and a venue's signed statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.attestations.documents import OfflineDomain, Signers, require_signed
from zkmargin.attestations.owner import OwnerKeys
from zkmargin.attestations.positions import (
    ColumnLayout,
    Customer,
    PositionLayout,
    PositionOpening,
    PositionStatementDocument,
    StatementTerms,
    compute_subject,
    issue_statement,
)
from zkmargin.attestations.signatures import SigningKey
from zkmargin.encoding import u248
from zkmargin.errors import (
    AmountRange,
    Capacity,
    OpeningMismatch,
    SchemaType,
    SchemaUnknownField,
    SignatureNotAttestor,
)
from zkmargin.field import FR_MODULUS
from zkmargin.poseidon import poseidon, sponge, tagged

SIZE = ColumnLayout("size", -(2**37), 38, 8)
CASH = ColumnLayout("cash", -(2**63), 64, 1)
LAYOUT = PositionLayout((SIZE,), CASH)
VENUE = SigningKey(b"\x05" * 32)
DOMAIN = OfflineDomain(salt=b"\x01" * 32)
TERMS = StatementTerms(
    venue_id=b"\x02" * 32,
    audience=b"\x03" * 32,
    listing_digest=b"\x04" * 32,
    as_of=1000,
    issued_at=1001,
    expires_at=2000,
    epoch=0,
    seq=1,
    domain=DOMAIN,
    keys=[VENUE],
)
CUSTOMER = Customer(owner=OwnerKeys(17, 34).owner, pocket=3, subject=compute_subject(1, 2))
SIZES = {"size": [5, -7, 0, 2**37 - 1, -(2**37)]}


def test_packing_by_hand() -> None:
    offsets = [5 + 2**37, -7 + 2**37, 2**37, 2**38 - 1, 0, 2**37, 2**37, 2**37]
    first = sum(offset << 38 * slot for slot, offset in enumerate(offsets[:6]))
    second = sum(offset << 38 * slot for slot, offset in enumerate(offsets[6:]))
    assert SIZE.pack(SIZES["size"]) == [first, second]
    assert LAYOUT.size_commitment(SIZES) == sponge("size", [LAYOUT.identity, first, second])


@given(st.lists(st.integers(-(2**37), 2**37 - 1), max_size=8))
def test_packing_is_injective(values: list[int]) -> None:
    packed = SIZE.pack(values)
    assert all(0 <= word < 2**248 for word in packed)
    unpacked = [(word >> 38 * slot & (2**38 - 1)) - 2**37 for word in packed for slot in range(6)][:8]
    assert unpacked == values + [0] * (8 - len(values))


@pytest.mark.parametrize("value", [2**37, -(2**37) - 1, True, 1.0, "1"])
def test_values_outside_their_interval_are_refused_without_being_told(value: Any) -> None:
    with pytest.raises(AmountRange) as caught:
        SIZE.pack([0, value])
    assert str(2**37) not in str(caught.value)


def test_capacity() -> None:
    with pytest.raises(Capacity):
        SIZE.pack([0] * 9)


def test_columns_start_new_elements() -> None:
    layout = PositionLayout((ColumnLayout("a", 0, 1, 3), ColumnLayout("b", 0, 100, 3)), None)
    packed = layout.size_commitment({"a": [1, 0, 1], "b": [1, 2, 3]})
    assert packed == sponge("size", [layout.identity, 5, 1 + (2 << 100), 3])
    with pytest.raises(AmountRange):
        layout.check_cash(1)
    assert layout.check_cash(0) == 0
    for columns in ({"a": [1]}, {"a": [1], "b": [1], "c": [1]}):
        with pytest.raises(SchemaType):
            layout.size_commitment(columns)


def test_a_statement_opens() -> None:
    document, opening = issue_statement(LAYOUT, SIZES, -42, CUSTOMER, TERMS)
    listing = u248(TERMS.listing_digest)
    size = LAYOUT.size_commitment(SIZES)
    expected = tagged("positions", CUSTOMER.owner, 3, CUSTOMER.subject, size, FR_MODULUS - 42, listing, opening.salt)
    assert document.statement.commitment == expected
    opening.require_opens(document.statement, LAYOUT)
    assert PositionOpening.parse(opening.to_bytes()) == opening
    assert PositionStatementDocument.parse(document.to_bytes()) == document
    signers = Signers.of(VENUE.address).signer_set()
    require_signed(document.statement, DOMAIN.signing(), document.signatures, signers, "statement")


@pytest.mark.parametrize(
    "change",
    [
        {"owner": 1},
        {"pocket": 4},
        {"subject": 0},
        {"salt": 0},
        {"cash": -41},
        {"cash": 42},
        {"listing_digest": bytes(32)},
    ],
)
def test_an_altered_opening_does_not_open(change: dict[str, Any]) -> None:
    document, opening = issue_statement(LAYOUT, SIZES, -42, CUSTOMER, TERMS)
    with pytest.raises(OpeningMismatch):
        opening.model_copy(update=change).require_opens(document.statement, LAYOUT)


@pytest.mark.parametrize("row", range(8))
def test_every_size_counts(row: int) -> None:
    document, opening = issue_statement(LAYOUT, SIZES, 0, CUSTOMER, TERMS)
    values = opening.values()["size"]
    values[row] ^= 1
    column = opening.columns[0].model_copy(update={"values": tuple(values)})
    with pytest.raises(OpeningMismatch):
        opening.model_copy(update={"columns": (column,)}).require_opens(document.statement, LAYOUT)


def test_another_scheme_is_not_understood() -> None:
    document, opening = issue_statement(LAYOUT, SIZES, 0, CUSTOMER, TERMS)
    with pytest.raises(OpeningMismatch, match="scheme"):
        opening.require_opens(document.statement.model_copy(update={"scheme": 2}), LAYOUT)


def test_a_doubled_column_is_refused() -> None:
    _, opening = issue_statement(LAYOUT, SIZES, 0, CUSTOMER, TERMS)
    doubled = opening.model_copy(update={"columns": opening.columns * 2})
    with pytest.raises(SchemaType):
        doubled.values()


def test_statements_of_one_account_do_not_link() -> None:
    first, _ = issue_statement(LAYOUT, SIZES, 0, CUSTOMER, TERMS)
    second, _ = issue_statement(LAYOUT, SIZES, 0, CUSTOMER, TERMS)
    assert first.statement.commitment != second.statement.commitment


def test_unknown_columns_and_bad_cash_are_refused() -> None:
    with pytest.raises(SchemaType):
        issue_statement(LAYOUT, SIZES | {"other": [1]}, 0, CUSTOMER, TERMS)
    with pytest.raises(AmountRange):
        issue_statement(LAYOUT, SIZES, 2**63, CUSTOMER, TERMS)


def test_the_signature_covers_the_statement() -> None:
    document, _ = issue_statement(LAYOUT, SIZES, 0, CUSTOMER, TERMS)
    signers = Signers.of(VENUE.address).signer_set()
    altered = document.statement.model_copy(update={"seq": 2})
    with pytest.raises(SignatureNotAttestor):
        require_signed(altered, DOMAIN.signing(), document.signatures, signers, "statement")
    other = OfflineDomain(salt=b"\x09" * 32)
    with pytest.raises(SignatureNotAttestor):
        require_signed(document.statement, other.signing(), document.signatures, signers, "statement")


def test_private_things_do_not_show() -> None:
    document, opening = issue_statement(LAYOUT, {"size": [123454321]}, 987656789, CUSTOMER, TERMS)
    for shown in (repr(opening), str(opening), repr(opening.columns), repr(document), repr(TERMS)):
        assert "123454321" not in shown
        assert "987656789" not in shown
        assert str(opening.salt) not in shown
    assert "0505" not in repr(TERMS)
    broken = opening.to_json() | {"surprise": "123454321"}
    with pytest.raises(SchemaUnknownField) as caught:
        PositionOpening.of_json(broken)
    assert "123454321" not in str(caught.value)


@dataclass(frozen=True)
class _Column:
    name: str
    axes: tuple[str, ...]
    lo: int
    bits: int
    decimals: int = 2
    unit: str = "usd"


class _Rules:
    venues: int = 1
    attested: Sequence[_Column] = (
        _Column("cash", (), -(2**63), 64),
        _Column("size", ("instrument",), -(2**37), 38),
        _Column("entry", ("instrument", "account"), 0, 10),
    )

    def shape(self, axes: tuple[str, ...]) -> tuple[int, ...]:
        return tuple({"instrument": 8, "account": 2}[axis] for axis in axes)


def test_the_layout_follows_the_rule_set() -> None:
    layout = PositionLayout.of(_Rules())
    size = replace(SIZE, decimals=2, unit="usd", axes=(("instrument", 8),))
    entry = ColumnLayout("entry", 0, 10, 16, 2, "usd", (("instrument", 8), ("account", 2)))
    assert layout.columns == (size, entry)
    assert layout.cash == replace(CASH, decimals=2, unit="usd")


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"}, {"low": 0}, {"bits": 37}, {"count": 9}, {"decimals": 1}, {"unit": "coin"},
        {"axes": (("instrument", 8),)},
    ],
)  # fmt: skip
def test_a_commitment_names_its_layout(change: dict[str, Any]) -> None:
    """The same words under another layout are another commitment: they would be other positions."""
    other = PositionLayout((replace(SIZE, **change),), CASH)
    assert other.identity != LAYOUT.identity
    assert PositionLayout((SIZE,), None).identity != LAYOUT.identity
    if not {"name", "low", "bits", "count"} & change.keys():
        assert other.size_commitment(SIZES) != LAYOUT.size_commitment(SIZES)


@pytest.mark.parametrize("change", [{"bits": 0}, {"bits": 249}, {"count": 0}])
def test_impossible_layouts_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(SchemaType):
        replace(SIZE, **change)


def test_the_subject_vector() -> None:
    assert compute_subject(1, 2) == poseidon([int.from_bytes(b"zkmargin.v1.subject", "big"), 1, 2])
