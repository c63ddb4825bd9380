"""Encodings that every layer shares: tags, digests, canonical JSON, exact decimals.     specs/formats.md#encodings"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any, BinaryIO

from zkmargin.errors import AmountDecimals, BytesLength, FileUnreadable, IntFormat

try:
    from zkmargin._core import keccak256 as _keccak
except ImportError:  # the core is not built: the same digests, slowly
    from eth_hash.auto import keccak as _keccak

_UINT = re.compile(r"0|[1-9][0-9]*")
_INT = re.compile(r"0|-?[1-9][0-9]*")
_MAX_DECIMAL_TEXT = 200
_DECIMAL = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?")
_HEX = re.compile(r"0x(?:[0-9a-f]{2})*")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def keccak256(message: bytes) -> bytes:
    """Keccak-256 as Ethereum uses it."""
    return bytes(_keccak(message))


def sha256(message: bytes) -> bytes:
    """SHA-256 (FIPS 180-4)."""
    return hashlib.sha256(message).digest()


def tag(name: str) -> int:
    """The domain tag ``zkmargin.v1.<name>`` as a big-endian integer of its ASCII bytes (ATTESTATION §1.0)."""
    return int.from_bytes(f"zkmargin.v1.{name}".encode("ascii"), "big")


def u248(digest: bytes) -> int:
    """The upper 248 bits of 32 bytes, so that every digest is a canonical field element."""
    if len(digest) != 32:
        raise BytesLength("a digest has 32 bytes", expected=32, got=len(digest))
    return int.from_bytes(digest, "big") >> 8


def identifier(name: str) -> int:
    """``id(s) = u248(keccak256(utf8(s)))``, for chains, assets and accounts."""
    return u248(keccak256(name.encode("utf-8")))


def canonical_json(document: Any) -> bytes:
    """RFC 8785 bytes of a document that holds objects with ASCII keys, arrays, strings, booleans and null.

    Documents carry integers as decimal strings, so the number rules of RFC 8785 never apply; numbers are refused.
    """
    _refuse_numbers(document)
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def _refuse_numbers(node: Any) -> None:
    if isinstance(node, dict):
        for key in node:
            if not isinstance(key, str) or not key.isascii():
                raise IntFormat("a canonical document has ASCII keys", got=type(key).__name__)
        children: Collection[Any] = node.values()
    elif isinstance(node, list | tuple):
        children = node
    elif isinstance(node, str | bool) or node is None:
        return
    else:
        raise IntFormat("a canonical document carries integers as decimal strings", got=type(node).__name__)
    if not set(map(type, children)) <= {str}:  # almost all arrays and objects hold strings alone
        for value in children:
            _refuse_numbers(value)


def loads_json(text: str, **hooks: Any) -> Any:
    """``json.loads``, without strings that no UTF-8 file can hold: an escape may name half of a surrogate pair, and
    whoever writes it out again fails. Raises ValueError.
    """
    value = json.loads(text, **hooks)
    if _SURROGATE.search(text):
        _refuse_surrogates(value)
    return value


def _refuse_surrogates(node: Any) -> None:
    if isinstance(node, str):
        node.encode()  # UnicodeEncodeError is a ValueError
    elif isinstance(node, dict):
        for name, entry in node.items():
            name.encode()
            _refuse_surrogates(entry)
    elif isinstance(node, list):
        for entry in node:
            _refuse_surrogates(entry)


def parse_uint(text: object, where: str, bits: int = 256) -> int:
    """A decimal string without sign or leading zeros, below ``2**bits``."""
    if not isinstance(text, str) or not _UINT.fullmatch(text):
        raise IntFormat("integer must be a decimal string without sign or leading zeros", where=where)
    if len(text) > 80 or (value := int(text)) >> bits:
        raise IntFormat(f"integer does not fit {bits} bits", where=where)
    return value


def parse_int(text: object, where: str, bits: int = 256) -> int:
    """A decimal string, with ``-`` where negative (``-0`` is refused), of magnitude below ``2**bits``."""
    if not isinstance(text, str) or not _INT.fullmatch(text):
        raise IntFormat("integer must be a canonical decimal string", where=where)
    if len(text) > 81 or abs(value := int(text)) >> bits:
        raise IntFormat(f"integer does not fit {bits} bits", where=where)
    return value


def parse_bytes(text: object, where: str, length: int | None = None) -> bytes:
    """0x lower-case hex of exactly ``length`` bytes; never padded."""
    if not isinstance(text, str) or not _HEX.fullmatch(text):
        raise BytesLength("bytes must be 0x followed by lower-case hex", where=where)
    value = bytes.fromhex(text[2:])
    if length is not None and len(value) != length:
        raise BytesLength("wrong number of bytes", where=where, expected=length, got=len(value))
    return value


def hex_bytes(value: bytes) -> str:
    """0x lower-case hex."""
    return "0x" + value.hex()


def parse_decimal(text: str, decimals: int, where: str) -> int:
    """The integer ``text * 10**decimals``, exactly. Raises AmountDecimals where digits would be lost."""
    match = _DECIMAL.fullmatch(text.strip()) if len(text) <= _MAX_DECIMAL_TEXT else None
    if match is None:
        raise AmountDecimals(
            "not a plain decimal number", where=where, expected="digits, at most one point, no exponent"
        )
    sign, whole, fraction = match.group(1), match.group(2), match.group(3) or ""
    kept = fraction.rstrip("0")
    if len(kept) > decimals:
        raise AmountDecimals("too many decimals", where=where, expected=f"at most {decimals}", got=len(kept))
    value = int(whole + kept.ljust(decimals, "0"))
    return -value if sign else value


def format_decimal(value: int, decimals: int, group: bool = False) -> str:
    """``value / 10**decimals`` in plain digits; the inverse of parse_decimal (trailing zeros are kept)."""
    whole, fraction = divmod(abs(value), 10**decimals)
    text = f"{whole:,}" if group else str(whole)
    if decimals:
        text += "." + str(fraction).rjust(decimals, "0")
    return "-" + text if value < 0 else text


def write_atomic(path: Path | str, content: bytes | str, private: bool = False) -> None:
    """Write a file whole or not at all: to a temporary name beside it, flushed, then renamed.

    ``private`` files are readable by their owner alone.
    """
    path = Path(path)
    raw = content.encode("utf-8") if isinstance(content, str) else content
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(raw)
            stream.flush()
            os.fsync(stream.fileno())
        if not private:
            os.chmod(temporary, 0o644)  # mkstemp makes 0600
        os.replace(temporary, path)
        temporary = ""
    except OSError as error:
        raise FileUnreadable(
            "file cannot be written", where=str(path), got=error.strerror, hint="check the folder and its free space"
        ) from None
    finally:
        if temporary:  # an interrupt leaves nothing behind either
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def read_file(path: Path | str, limit: int = 1 << 31) -> bytes:
    """Read a whole file of at most ``limit`` bytes; pipes and devices too."""
    path = Path(path)
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            content = stream.read(size + 1) if size <= limit else b""
            if len(content) > size:  # it has no size of its own
                content += _read_on(stream, limit + 1 - len(content))
    except OSError as error:
        raise FileUnreadable("file cannot be read", where=str(path), got=error.strerror) from None
    if max(size, len(content)) > limit:
        raise FileUnreadable("file is too large", where=str(path), expected=f"at most {limit} bytes")
    return content


def _read_on(stream: BinaryIO, count: int) -> bytes:
    """Up to ``count`` bytes, in pieces: a large count takes no memory of its own."""
    content = bytearray()
    while len(content) < count and (piece := stream.read(min(1 << 20, count - len(content)))):
        content += piece
    return bytes(content)
