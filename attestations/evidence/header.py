"""Block headers of EVM chains, as raw RLP: forks append fields, so a header is never encoded again from named fields.

Yellow Paper, section 4.3: state root, number and time are the fourth, ninth and twelfth field in every fork. A header
does not name its chain: two chains can have blocks of one hash, so evidence counts only under a signed pair of both.
                                                                                         specs/evidence.md#headers
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zkmargin.attestations.evidence.errors import HeaderHash, HeaderRlp
from zkmargin.attestations.evidence.rlp_items import decode_strings
from zkmargin.encoding import hex_bytes, keccak256

MAX_BYTES: Final = 4096
LEAST_FIELDS: Final = 15
"""Those of Frontier; London and later forks append."""
_STATE_ROOT, _NUMBER, _TIME = 3, 8, 11
_LENGTHS: Final = {0: 32, 1: 32, 2: 20, 3: 32, 4: 32, 5: 32, 6: 256}


@dataclass(frozen=True)
class Header:
    """What evidence needs of a header; ``time`` in unix seconds."""

    block_hash: bytes
    state_root: bytes
    number: int
    time: int


def read_header(raw: bytes, block_hash: bytes, where: str = "headerRlp") -> Header:
    """The header whose bytes hash to ``block_hash``. Raises HeaderHash, HeaderRlp."""
    if len(raw) > MAX_BYTES:
        raise HeaderRlp("no header is this long", where=where, expected=f"at most {MAX_BYTES} bytes", got=len(raw))
    found = keccak256(raw)
    if found != block_hash:
        raise HeaderHash("not the block", where=where, expected=hex_bytes(block_hash), got=hex_bytes(found))
    fields = decode_strings(raw)
    if fields is None or len(fields) < LEAST_FIELDS:
        raise HeaderRlp("not canonical RLP of a header", where=where, expected=f"{LEAST_FIELDS} byte strings or more")
    if wrong := [at for at, length in _LENGTHS.items() if len(fields[at]) != length]:
        raise HeaderRlp("a field has the wrong length", where=f"{where}[{wrong[0]}]", expected=_LENGTHS[wrong[0]])
    numbers = []
    for at in (_NUMBER, _TIME):
        if len(fields[at]) > 8 or fields[at][:1] == b"\0":
            raise HeaderRlp("not a canonical number of 64 bits", where=f"{where}[{at}]")
        numbers.append(int.from_bytes(fields[at], "big"))
    return Header(found, fields[_STATE_ROOT], *numbers)
