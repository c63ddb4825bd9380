"""Documents are read one way only: every other spelling is an error with a code and a path, never a value."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Literal

import pytest
import rfc8785

from zkmargin.attestations.documents import (
    AnyDomain,
    DomainFile,
    HomeDomain,
    OfflineDomain,
    PositionStatement,
)
from zkmargin.attestations.schema import (
    MAX_BYTES,
    MAX_DEPTH,
    U8,
    Bytes32,
    Document,
    FieldElement,
    Model,
    Private,
    SignedInteger,
    Text,
    load_json,
)
from zkmargin.errors import (
    BytesLength,
    DocumentVersion,
    FieldRange,
    IntFormat,
    SchemaType,
    SchemaUnknownField,
    ZkMarginError,
)
from zkmargin.field import FR_MODULUS

WORD = "0x" + "ab" * 32
STATEMENT: dict[str, Any] = {
    "commitment": "5",
    "scheme": "1",
    "sizeCommitment": "0x",
    "listingDigest": WORD,
    "asOf": "1",
    "issuedAt": "2",
    "expiresAt": "3",
    "venueId": WORD,
    "audience": WORD,
    "epoch": "4",
    "seq": "18446744073709551615",
}


def test_round_trip_and_canonical_bytes() -> None:
    statement = PositionStatement.of_json(STATEMENT)
    assert statement.to_json() == STATEMENT
    assert PositionStatement(**{name: getattr(statement, name) for name in type(statement).model_fields}) == statement
    domain = DomainFile(name="ünïcode €", epoch_length=86400)
    assert domain.to_bytes() == rfc8785.dumps(domain.to_json())
    assert DomainFile.parse(domain.to_bytes()) == DomainFile.parse(domain.to_text().encode()) == domain


@pytest.mark.parametrize("name", list(STATEMENT))
def test_missing_fields(name: str) -> None:
    with pytest.raises(SchemaType, match=f"`{name}` is missing"):
        PositionStatement.of_json({key: value for key, value in STATEMENT.items() if key != name})


@pytest.mark.parametrize("name", ["note", "as_of", "AsOf", "commitment ", "", "__proto__"])
def test_unknown_fields(name: str) -> None:
    with pytest.raises(SchemaUnknownField):
        PositionStatement.of_json(STATEMENT | {name: "1"})
    renamed = {name if key == "asOf" else key: value for key, value in STATEMENT.items()}
    with pytest.raises((SchemaUnknownField, SchemaType)):
        PositionStatement.of_json(renamed)


BAD_INTEGERS = [
    "01",
    "-1",
    "+1",
    "1e18",
    "1.0",
    "",
    " 1",
    "1 ",
    "1_0",
    "0x1",
    "١",
    "9" * 400,
    1,
    1.0,
    True,
    None,
    [],
    {},
]


@pytest.mark.parametrize("value", [*BAD_INTEGERS, str(2**64)])
def test_integers_are_canonical_decimal_strings(value: object) -> None:
    with pytest.raises(IntFormat) as caught:
        PositionStatement.of_json(STATEMENT | {"seq": value}, "statement")
    assert caught.value.where == "statement.seq"


@pytest.mark.parametrize("value", [str(FR_MODULUS), str(2**256 - 1)])
def test_field_elements_are_canonical(value: str) -> None:
    with pytest.raises(FieldRange) as caught:
        PositionStatement.of_json(STATEMENT | {"commitment": value})
    assert caught.value.where == "commitment"


@pytest.mark.parametrize(
    "value",
    [
        "0x" + "ab" * 31,
        "0x" + "ab" * 33,
        "0X" + "ab" * 32,
        "0x" + "AB" * 32,
        "ab" * 32,
        "0x" + "ab" * 31 + "a",
        1,
        None,
        "",
    ],
)
def test_bytes_are_exact_lower_case_hex(value: object) -> None:
    with pytest.raises(BytesLength) as caught:
        PositionStatement.of_json(STATEMENT | {"venueId": value})
    assert caught.value.where == "venueId"


def test_python_callers_are_checked_too() -> None:
    fields: dict[str, Any] = {"salt": bytes(32)}
    assert OfflineDomain(**fields).salt == bytes(32)
    with pytest.raises(BytesLength):
        OfflineDomain(salt=bytes(31))
    with pytest.raises(SchemaType):
        OfflineDomain(salt=WORD)  # type: ignore[arg-type]
    with pytest.raises(SchemaUnknownField):
        OfflineDomain(salt=bytes(32), chain_id=1)  # type: ignore[call-arg]
    with pytest.raises(IntFormat):
        HomeDomain(chain_id=-1, verifying_contract=bytes(20))
    with pytest.raises(SchemaType):
        OfflineDomain(salt=bytes(32), name="Other")  # type: ignore[arg-type]


class Holder(Document):
    TYPE: ClassVar[str] = "test/holder"
    type: Literal["test/holder"] = "test/holder"
    version: Literal["1"] = "1"
    domain: AnyDomain


def _holder(domain: dict[str, Any]) -> bytes:
    return json.dumps({"type": "test/holder", "version": "1", "domain": domain}).encode()


def test_domains_on_the_wire() -> None:
    named = {"name": "ZKMargin", "version": "1"}
    home = {"chainId": "1", "verifyingContract": "0x" + "00" * 20}
    assert isinstance(Holder.parse(_holder(named | {"salt": WORD})).domain, OfflineDomain)
    assert isinstance(Holder.parse(_holder(named | home)).domain, HomeDomain)
    for wrong, error in (
        (named | home | {"salt": WORD}, SchemaUnknownField),
        (named, SchemaType),
        ({"salt": WORD}, SchemaType),
        (named | {"salt": None}, BytesLength),
        (named | {"chainId": "1"}, SchemaType),
        (named | {"salt": WORD, "name": "zkmargin"}, SchemaType),
    ):
        with pytest.raises(error) as caught:
            Holder.parse(_holder(wrong))
        assert caught.value.where.startswith("domain")


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", SchemaType),
        (b"{", SchemaType),
        (b"[]", SchemaType),
        (b"null", SchemaType),
        (b"{}", SchemaType),
        (b'{"type":"zkmargin/domain"}', SchemaType),
        (b'{"type":"zkmargin/other","version":"1","name":"x","epochLength":"1"}', DocumentVersion),
        (b'{"type":"zkmargin/domain","version":"2","name":"x","epochLength":"1"}', DocumentVersion),
        (b'{"type":"zkmargin/domain","version":1,"name":"x","epochLength":"1"}', SchemaType),
        (b'{"type":"zkmargin/domain","version":"1","name":"x","name":"y","epochLength":"1"}', SchemaType),
        (b'{"type":"zkmargin/domain","version":"1","name":"x","epochLength":NaN}', IntFormat),
        (b'{"type":"zkmargin/domain","version":"1","name":"x","epochLength":1}', IntFormat),
        (b'{"type":"zkmargin/domain","version":"1","name":"x\\ud800","epochLength":"1"}', SchemaType),
        (b'{"type":"zkmargin/domain","version":"1","name":"","epochLength":"1"}', SchemaType),
        (b'{"type":"zkmargin/domain","version":"1","name":"x\\n","epochLength":"1"}', SchemaType),
        (b'{"type":"zkmargin/domain","version":"1","name":7,"epochLength":"1"}', SchemaType),
        (b'{"type":"zkmargin/domain","version":"1","name":"\xff","epochLength":"1"}', SchemaType),
        (b'\xef\xbb\xbf{"type":"zkmargin/domain","version":"1","name":"x","epochLength":"1"}', SchemaType),
        (b'{"type":"zkmargin/domain","version":"1","name":"x","epochLength":"1"} {}', SchemaType),
    ],
)
def test_texts_that_are_no_documents(raw: bytes, error: type[ZkMarginError]) -> None:
    with pytest.raises(error):
        DomainFile.parse(raw)


def test_size_and_depth_are_bounded() -> None:
    assert load_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    for deep in (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), b'{"a":' * 10**5, b"[" * 10**6):
        with pytest.raises(SchemaType, match=r"nested|large"):
            load_json(deep)
    assert load_json(b'"' + b"[" * 100 + b'"') == "[" * 100
    assert load_json(b'["' + b"[" * 100 + b'", "\\"' + b"[" * 100 + b'"]') == ["[" * 100, '"' + "[" * 100]
    for hidden in (b'["\\"' + b'",[' * 100, b'["[[' + b'",[' * 100):  # with an escape, and without
        with pytest.raises(SchemaType, match="nested"):
            load_json(hidden)
    with pytest.raises(SchemaType, match="large"):
        load_json(b" " * (MAX_BYTES + 1))
    with pytest.raises(SchemaType, match="bytes"):
        load_json("{}")  # type: ignore[arg-type]


class Secret(Private):
    amount: SignedInteger
    word: Bytes32
    name: Text
    small: U8
    element: FieldElement


def test_private_models_show_nothing() -> None:
    secret = Secret(amount=-31337, word=b"\x07" * 32, name="canary", small=42, element=31337)
    for shown in (repr(secret), str(secret), f"{secret}", repr([secret]), repr(secret.__repr_args__())):
        assert "31337" not in shown
        assert "canary" not in shown
        assert "42" not in shown
    wire = {"amount": "x31337", "word": WORD, "name": "n", "small": "1", "element": "1"}
    for broken in (wire, wire | {"amount": "1", "small": "31337"}, wire | {"amount": "1", "name": 31337}):
        with pytest.raises(ZkMarginError) as caught:
            Secret.of_json(broken)
        assert "31337" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


def test_an_epoch_takes_time() -> None:
    with pytest.raises(SchemaType, match="epochLength"):
        DomainFile(name="x", epoch_length=0)


def test_models_are_frozen() -> None:
    statement = PositionStatement.of_json(STATEMENT)
    with pytest.raises(ValueError, match="frozen"):
        statement.seq = 1  # type: ignore[misc]


class Inner(Model):
    number: U8


class Outer(Model):
    inner_parts: tuple[Inner, ...]


def test_paths_name_the_nested_field() -> None:
    with pytest.raises(SchemaType) as listed:
        Outer.of_json({"innerParts": {"number": "1"}}, "outer")
    assert listed.value.where == "outer.innerParts"


@pytest.mark.parametrize("text", [rb'"\ud800"', rb'{"\uDfff":"1"}', rb'["\udc00\ud800"]'])
def test_half_a_surrogate_pair_is_no_text(text: bytes) -> None:
    """JSON may escape what UTF-8 cannot hold: whoever writes such a string out again fails."""
    with pytest.raises(SchemaType, match="not valid JSON"):
        load_json(text)


def test_a_whole_surrogate_pair_is_one_character() -> None:
    assert load_json(rb'["\ud83d\ude00", "\\ud800"]') == ["\U0001f600", "\\ud800"]
