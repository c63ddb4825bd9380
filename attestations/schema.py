"""Strict documents: JSON read one way only, checked before it is hashed.      specs/documents.md#json

Integers are decimal strings without sign or leading zeros, bytes are 0x lower-case hex of their exact
length, unknown and doubled keys are errors, size and depth are bounded. pydantic's errors become this
project's codes, with the path of the field and never its value (documents of the trader are secret).
"""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from zkmargin.encoding import canonical_json, hex_bytes, loads_json, read_file
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

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 16

_WIRE: Final = "wire"  # validation context: the input is JSON, so integers and bytes are strings
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_UINT = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)
_INT = re.compile(r"0|-?[1-9][0-9]{0,77}", re.ASCII)
_HEX = re.compile(r"0x[0-9a-f]*", re.ASCII)


# --- JSON text --------------------------------------------------------------------------------------------


class _Number:
    """A JSON number: no field of any document takes one."""

    __slots__ = ()

    def __init__(self, _: str) -> None: ...


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise SchemaType(f"field `{twice[:60]}` comes twice in one object")
    return fields


def _refuse_constant(_: str) -> Any:
    raise IntFormat("NaN and Infinity are not values of a document")


def load_json(raw: bytes, what: str = "document", limit: int = MAX_BYTES) -> Any:
    """The JSON value of UTF-8 bytes. Doubled keys, NaN, too many bytes and too much nesting are refused."""
    return _load(raw, what, limit, _Number)


def _load(raw: bytes, what: str, limit: int, number: Callable[[str], Any]) -> Any:
    if not isinstance(raw, bytes):
        raise SchemaType("a document is given as bytes", where=what, got=type(raw).__name__)
    if len(raw) > limit:
        raise SchemaType("document is too large", where=what, expected=f"at most {limit} bytes", got=len(raw))
    _check_depth(raw, what)
    try:
        return loads_json(
            raw.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_int=number,
            parse_float=number,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError):  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise SchemaType("not valid JSON in UTF-8", where=what) from None


def _check_depth(raw: bytes, what: str) -> None:
    """Bound the nesting before the parser recurses."""
    depth = 0
    outside = _STRINGS.sub(b"", raw) if b"\\" in raw else b"".join(raw.split(b'"')[::2])
    for bracket in re.findall(rb"[\[\]{}]", outside):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise SchemaType("document is nested too deeply", where=what, expected=f"at most {MAX_DEPTH} levels")


# --- field types ------------------------------------------------------------------------------------------


def _error(cls: type[ZkMarginError], message: str) -> PydanticCustomError:
    return PydanticCustomError(cls.code, message)


def _read_integer(pattern: re.Pattern[str], low: int, high: int, code: type[ZkMarginError]) -> Any:
    """A validator of integers in ``[low, high]``: strings of ``pattern`` on the wire, ints from Python."""

    def read(value: Any, info: ValidationInfo) -> int:
        if info.context == _WIRE:
            if not isinstance(value, str) or not pattern.fullmatch(value):
                raise _error(IntFormat, "integer must be a canonical decimal string")
            number = int(value)
        elif type(value) is int:
            number = value
        else:
            raise _error(IntFormat, "must be an integer")
        if not low <= number <= high:
            raise _error(code, "integer is out of range")
        return number

    return PlainValidator(read)


def unsigned_below(limit: int, error: type[ZkMarginError], meaning: str) -> tuple[Any, ...]:
    """Annotations of an int field in ``[0, limit)``; ``error`` is the code of a value beyond it."""
    return (
        _read_integer(_UINT, 0, limit - 1, error),
        PlainSerializer(str, when_used="json"),
        WithJsonSchema({"type": "string", "pattern": "^(0|[1-9][0-9]*)$", "description": meaning}),
    )


def _uint(bits: int) -> tuple[Any, ...]:
    return unsigned_below(1 << bits, IntFormat, f"below 2^{bits}")


def _read_bytes(length: int | None, maximum: int) -> Any:
    def read(value: Any, info: ValidationInfo) -> bytes:
        if info.context == _WIRE:
            if not isinstance(value, str) or not _HEX.fullmatch(value) or len(value) % 2:
                raise _error(BytesLength, "bytes must be 0x followed by lower-case hex")
            value = bytes.fromhex(value[2:])
        elif not isinstance(value, bytes):
            raise _error(SchemaType, "must be bytes")
        if length is not None and len(value) != length:
            raise _error(BytesLength, f"wrong number of bytes, expected {length}")
        if len(value) > maximum:
            raise _error(BytesLength, f"too many bytes, expected at most {maximum}")
        return bytes(value)

    return PlainValidator(read)


def _bytes(length: int | None, maximum: int = 1 << 16) -> tuple[Any, ...]:
    pattern = f"^0x[0-9a-f]{{{2 * length}}}$" if length is not None else "^0x([0-9a-f]{2})*$"
    return (
        _read_bytes(length, maximum),
        PlainSerializer(hex_bytes, when_used="json"),
        WithJsonSchema({"type": "string", "pattern": pattern}),
    )


def _read_text(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 200 or not value.isprintable():
        raise _error(SchemaType, "must be a printable string of 1 to 200 characters")
    return value


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


U8 = Annotated[int, *_uint(8)]
U16 = Annotated[int, *_uint(16)]
U32 = Annotated[int, *_uint(32)]
U64 = Annotated[int, *_uint(64)]
U128 = Annotated[int, *_uint(128)]
U248 = Annotated[int, *_uint(248)]
U256 = Annotated[int, *_uint(256)]


FieldElement = Annotated[int, *unsigned_below(FR_MODULUS, FieldRange, "below r, the order of BN254")]
SignedInteger = Annotated[
    int,
    _read_integer(_INT, -(1 << 252), 1 << 252, IntFormat),
    PlainSerializer(str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": "^(0|-?[1-9][0-9]*)$"}),
]
Bytes = Annotated[bytes, *_bytes(None)]
LongBytes = Annotated[bytes, *_bytes(None, 1 << 23)]
Bytes32 = Annotated[bytes, *_bytes(32)]
Address = Annotated[bytes, *_bytes(20)]
Text = Annotated[str, PlainValidator(_read_text), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 200})]
Sequence = BeforeValidator(_as_tuple)  # Annotated[tuple[X, ...], Sequence]: JSON has arrays only


def must_be_empty(value: Any) -> tuple[()]:
    """A list that a later version may fill: today anything in it is an error."""
    if not isinstance(value, list | tuple) or value:
        raise _error(SchemaType, "must be an empty array in version 1")
    return ()


Empty = Annotated[
    tuple[()],
    PlainValidator(must_be_empty),
    PlainSerializer(list, when_used="json"),
    WithJsonSchema({"type": "array", "maxItems": 0}),
]


def strictly_ascending(key: Callable[[Any], Any], what: str) -> AfterValidator:
    """A validator of tuples whose keys must rise: nothing twice, and one order only."""

    def check(values: tuple[Any, ...]) -> tuple[Any, ...]:
        keys = [key(value) for value in values]
        if any(not low < high for low, high in itertools.pairwise(keys)):
            raise _error(SchemaType, f"{what} must be strictly ascending")
        return values

    return AfterValidator(check)


# --- models -----------------------------------------------------------------------------------------------

_UNION_TAGS: Final = frozenset({"offline", "home"})  # of discriminated unions: not part of a document's path


def wire_name(name: str) -> str:
    """The JSON name of a field: ``r1cs_digest`` is ``r1csDigest``."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


@cache
def _wire_names(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in model.model_fields.items())


class Model(BaseModel):
    """Base of documents and their parts: frozen, strict, camelCase on the wire, snake_case in Python."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=wire_name,
        validate_by_name=True,
        validate_by_alias=True,
        hide_input_in_errors=True,
        defer_build=True,
        json_schema_serialization_defaults_required=True,
        protected_namespaces=(),
    )

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise _translate(error, type(self).__name__) from None

    # pydantic would otherwise route the validation of nested models through this constructor
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @model_validator(mode="before")
    @classmethod
    def _all_fields(cls, value: Any, info: ValidationInfo) -> Any:
        """On the wire every field is written out: defaults serve Python callers only."""
        if info.context == _WIRE and isinstance(value, dict):
            for name in _wire_names(cls):
                if name not in value:
                    raise _error(SchemaType, f"field `{name}` is missing")
        return value

    @classmethod
    def of_json(cls, tree: Any, what: str = "") -> Self:
        """Read from a JSON value. Raises SchemaUnknownField, SchemaType, IntFormat, BytesLength,
        FieldRange.
        """
        try:
            return cls.model_validate(tree, context=_WIRE, by_alias=True, by_name=False)
        except ValidationError as error:
            raise _translate(error, what) from None

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A checked copy: pydantic's own would skip the checks and keep what was computed from old fields."""
        fields = {name: getattr(self, name) for name in type(self).model_fields} | dict(update or {})
        return type(self)(**copy.deepcopy(fields) if deep else fields)

    def to_json(self) -> dict[str, Any]:
        """The JSON value, as read by ``of_json``."""
        return self.model_dump(mode="json", by_alias=True)


class Private(Model):
    """A document of the trader: its repr and str show nothing but its class."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (private)>"

    __str__ = __repr__

    def __repr_args__(self) -> Any:  # rich, devtools and pydantic's own printers
        return ()


class Document(Model):
    """A whole file. Subclasses declare ``type`` and ``version`` as literals with these values."""

    TYPE: ClassVar[str]
    VERSION: ClassVar[str] = "1"
    LIMIT: ClassVar[int] = MAX_BYTES

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read a file's bytes. Raises DocumentVersion where it is of another type or version."""
        numbers: list[str] = []

        def number(text: str) -> _Number:
            numbers.append(text)
            return _Number(text)

        tree = _load(raw, cls.TYPE, cls.LIMIT, number)
        if not isinstance(tree, dict):
            raise SchemaType("a document is a JSON object", where=cls.TYPE)
        for name, expected in (("type", cls.TYPE), ("version", cls.VERSION)):
            given = tree.get(name)
            if not isinstance(given, str):
                raise SchemaType("must be a string", where=name, expected=f'"{expected}"')
            if given != expected:
                raise DocumentVersion(
                    f"unsupported document {name}", where=name, expected=expected, got=repr(given[:60])
                )
        document = cls.of_json(tree)  # names a field that is a number, except in parts that are read later
        if numbers:
            raise IntFormat("integers of a document are decimal strings", where=cls.TYPE)
        return document

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Read a file. Raises FileUnreadable, and what ``parse`` raises; the errors name the file."""
        try:
            return cls.parse(read_file(path, cls.LIMIT + 1))
        except ZkMarginError as error:
            if str(path) not in error.where:
                error.where = f"{path}: {error.where}" if error.where else str(path)
                error.args = (str(error),)
            raise

    def to_bytes(self) -> bytes:
        """The canonical (RFC 8785) bytes of the file."""
        return canonical_json(self.to_json())

    def to_text(self) -> str:
        """An indented form for people: reads as the same document."""
        return json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n"


class PrivateDocument(Document, Private):
    """A whole file of the trader."""


def _codes() -> dict[str, type[ZkMarginError]]:
    found: dict[str, type[ZkMarginError]] = {}
    waiting: list[type[ZkMarginError]] = [ZkMarginError]
    while waiting:
        cls = waiting.pop()
        found.setdefault(cls.code, cls)
        waiting.extend(cls.__subclasses__())
    return found


def _path(location: tuple[int | str, ...], prefix: str) -> str:
    path = prefix
    for part in location:
        if part in _UNION_TAGS:
            continue
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{wire_name(part[:60])}" if path else wire_name(part[:60])
    return path


def _translate(error: ValidationError, prefix: str) -> ZkMarginError:
    """The first finding as an error of this project, without the value."""
    finding = error.errors(include_url=False, include_context=False, include_input=False)[0]
    location, kind = finding["loc"], finding["type"]
    where = _path(location, prefix)
    if kind == "extra_forbidden":
        return SchemaUnknownField(f"field `{str(location[-1])[:60]}` is not part of the document", where=where)
    if kind == "missing":
        return SchemaType(f"field `{location[-1]}` is missing", where=where)
    return _codes().get(kind, SchemaType)(finding["msg"], where=where)


def json_schema(model: type[Document]) -> dict[str, Any]:
    """The JSON Schema 2020-12 of a document; ``additionalProperties`` is false everywhere."""
    name = model.TYPE.rpartition("/")[2]
    schema = model.model_json_schema(by_alias=True, mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:zkmargin:schema:{name}:{model.VERSION}",
        **_plain(schema),
    }


def _plain(schema: Any, names: bool = False) -> Any:
    """Without titles and defaults, which pydantic derives from Python; ``names``: keys are a document's."""
    if isinstance(schema, list):
        return [_plain(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if names or key not in ("title", "default")}
    return {key: _plain(value, names=key in ("properties", "$defs") and not names) for key, value in kept.items()}
