"""EIP-712 for flat structures: strict values first, hashing after.                 specs/documents.md#eip-712

Libraries of the field ignore unknown fields (which are then unsigned) and pad short byte strings. Here a
value that does not fit its declared type exactly is an error before anything is hashed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from zkmargin.encoding import hex_bytes, keccak256
from zkmargin.errors import BytesLength, DomainMismatch, IntFormat, SchemaType, SchemaUnknownField

Value = int | bytes | str

_STRUCTURE = re.compile(r"([A-Z][A-Za-z0-9]*)\(((?:[a-z0-9]+ [a-z][A-Za-z0-9]*)(?:,[a-z0-9]+ [a-z][A-Za-z0-9]*)*)\)")
_UINT_TYPE = re.compile(r"uint([1-9][0-9]{0,2})")


def encode_uint(value: int, bits: int = 256, where: str = "") -> bytes:
    """An unsigned integer below ``2**bits`` as one 32-byte word."""
    if type(value) is not int:
        raise IntFormat("must be an integer", where=where, got=type(value).__name__)
    if value < 0 or value >> bits:
        raise IntFormat(f"integer does not fit uint{bits}", where=where)
    return value.to_bytes(32, "big")


def encode_address(value: bytes, where: str = "") -> bytes:
    """The 20 bytes of an address as one word."""
    return bytes(12) + _exact_bytes(value, 20, where)


def _exact_bytes(value: Value, length: int | None, where: str) -> bytes:
    if not isinstance(value, bytes):
        raise SchemaType("must be bytes", where=where, got=type(value).__name__)
    if length is not None and len(value) != length:
        raise BytesLength("wrong number of bytes", where=where, expected=length, got=len(value))
    return value


def _encode_string(value: Value, where: str) -> bytes:
    if not isinstance(value, str):
        raise SchemaType("must be a string", where=where, got=type(value).__name__)
    try:
        return keccak256(value.encode("utf-8"))
    except UnicodeEncodeError:  # a lone surrogate: JSON can spell it, UTF-8 cannot
        raise SchemaType("must be well-formed Unicode", where=where) from None


def _encoder(type_name: str) -> Callable[[Value, str], bytes]:
    """The word encoder of one member type."""
    if match := _UINT_TYPE.fullmatch(type_name):
        bits = int(match.group(1))
        if bits % 8 == 0 and bits <= 256:
            return lambda value, where: encode_uint(value, bits, where)  # type: ignore[arg-type]
    if type_name == "bytes32":
        return lambda value, where: _exact_bytes(value, 32, where)
    if type_name == "bytes":
        return lambda value, where: keccak256(_exact_bytes(value, None, where))
    if type_name == "address":
        return lambda value, where: encode_address(value, where)  # type: ignore[arg-type]
    if type_name == "string":
        return _encode_string
    raise SchemaType("not a member type that documents use", where=type_name)


@dataclass(frozen=True)
class Structure:
    """A flat EIP-712 structure, e.g. ``Structure("PledgeScope(bytes32 pledgeDomain,uint64 epoch)")``."""

    signature: str

    def __post_init__(self) -> None:
        if not _STRUCTURE.fullmatch(self.signature):
            raise SchemaType("not the type of a flat structure", where=self.signature)
        if len(dict(self.members)) != len(self.members):
            raise SchemaType("a member is named twice", where=self.signature)
        for _, type_name in self.members:
            _encoder(type_name)

    @property
    def name(self) -> str:
        """The structure's name."""
        return self.signature.partition("(")[0]

    @cached_property
    def members(self) -> tuple[tuple[str, str], ...]:
        """Name and type of each member, in order."""
        inside = self.signature.partition("(")[2][:-1]
        pairs = (member.split(" ") for member in inside.split(","))
        return tuple((name, type_name) for type_name, name in pairs)

    @cached_property
    def type_hash(self) -> bytes:
        """keccak256 of the type string."""
        return keccak256(self.signature.encode("ascii"))

    @cached_property
    def _encoders(self) -> dict[str, tuple[Callable[[Value, str], bytes], str]]:
        """Of each member, and what it is called in errors."""
        return {name: (_encoder(type_name), f"{self.name}.{name}") for name, type_name in self.members}

    def hash(self, values: Mapping[str, Value]) -> bytes:
        """hashStruct of exactly the declared members.

        Raises SchemaUnknownField, SchemaType (a member missing or of the wrong type), IntFormat (range),
        BytesLength.
        """
        for name in values:
            if name not in self._encoders:
                raise SchemaUnknownField(f"field `{name}` is not part of the signed document", where=self.name)
        encoded = [self.type_hash]
        for name, (encode, where) in self._encoders.items():
            if name not in values:
                raise SchemaType(f"field `{name}` is missing", where=self.name)
            encoded.append(encode(values[name], where))
        return keccak256(b"".join(encoded))


DOMAIN_NAME: Final = "ZKMargin"
DOMAIN_VERSION: Final = "1"
_OFFLINE = Structure("EIP712Domain(string name,string version,bytes32 salt)")
_HOME = Structure("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")


@dataclass(frozen=True)
class SigningDomain:
    """The EIP-712 domain of a pledge domain: offline by ``salt``, or a home registry on a chain; never both.

    ``salt`` is the SHA-256 of the domain file (32 bytes); ``verifying_contract`` is 20 bytes.
    """

    salt: bytes | None = None
    chain_id: int | None = None
    verifying_contract: bytes | None = None

    def __post_init__(self) -> None:
        home = (self.chain_id, self.verifying_contract)
        offline = self.salt is not None and home == (None, None)
        on_chain = self.salt is None and None not in home
        if not offline and not on_chain:
            raise DomainMismatch(
                "a domain is either offline or on a home chain",
                expected="salt, or chainId and verifyingContract",
            )
        if self.salt is not None:
            _exact_bytes(self.salt, 32, "domain.salt")
        if self.chain_id is not None:
            encode_uint(self.chain_id, 256, "domain.chainId")
        if self.verifying_contract is not None:
            _exact_bytes(self.verifying_contract, 20, "domain.verifyingContract")

    @cached_property
    def separator(self) -> bytes:
        """The domain separator."""
        values: dict[str, Value] = {"name": DOMAIN_NAME, "version": DOMAIN_VERSION}
        if self.salt is not None:
            return _OFFLINE.hash({**values, "salt": self.salt})
        if self.chain_id is None or self.verifying_contract is None:  # excluded by __post_init__
            raise DomainMismatch("a domain is either offline or on a home chain")
        return _HOME.hash({**values, "chainId": self.chain_id, "verifyingContract": self.verifying_contract})

    @cached_property
    def pledge_domain(self) -> bytes:
        """``keccak256(abi.encode(uint256 chainId, address registry))``; offline the salt."""
        if self.salt is not None:
            return self.salt
        if self.chain_id is None or self.verifying_contract is None:  # excluded by __post_init__
            raise DomainMismatch("a domain is either offline or on a home chain")
        return keccak256(encode_uint(self.chain_id) + encode_address(self.verifying_contract))

    def digest(self, structure: Structure, values: Mapping[str, Value]) -> bytes:
        """What is signed: ``keccak256(0x1901 || separator || hashStruct)``."""
        return keccak256(b"\x19\x01" + self.separator + structure.hash(values))

    def typed_data(self, structure: Structure, values: Mapping[str, Value]) -> dict[str, object]:
        """The same as JSON for a wallet's ``eth_signTypedData_v4``: integers as decimal strings, bytes as hex.

        Raises what ``Structure.hash`` raises: a wallet never sees what would not be hashed here.
        """
        structure.hash(values)
        own: dict[str, Value] = {"name": DOMAIN_NAME, "version": DOMAIN_VERSION}
        if self.salt is not None:
            declared, own = _OFFLINE, own | {"salt": self.salt}
        else:
            declared = _HOME
        domain: dict[str, object] = {name: _as_json(value) for name, value in own.items()}
        if self.chain_id is not None and self.verifying_contract is not None:
            # a number: wallets compare it with the chain that they are on
            domain |= {"chainId": self.chain_id, "verifyingContract": hex_bytes(self.verifying_contract)}
        return {
            "types": {
                kind.name: [{"name": name, "type": type_name} for name, type_name in kind.members]
                for kind in (declared, structure)
            },
            "primaryType": structure.name,
            "domain": domain,
            "message": {name: _as_json(values[name]) for name, _ in structure.members},
        }


def _as_json(value: Value) -> str:
    return hex_bytes(value) if isinstance(value, bytes) else str(value)
