"""Structure-aware mutation. Every function takes bytes that some parser accepts and gives bytes near them.

All randomness comes from the ``Random`` that is passed in, so a seed number names an input.
"""

from __future__ import annotations

import copy
import json
import re
import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

Mutator = Callable[[bytes, Random, Sequence[bytes]], bytes]
"""``(input, random, other accepted inputs) -> mutated``."""

COUNTS = (0, 1, 2, 3, 4, 7, 8, 16, 31, 32, 33, 63, 64, 65, 255, 256, 1 << 16, (1 << 16) + 1, 1 << 20)
COUNTS += ((1 << 28) - 1, 1 << 28, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
WIDE_COUNTS = (*COUNTS, 1 << 32, (1 << 58), (1 << 59) - 1, 1 << 61, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
FR_MODULUS = 21888242871839275222246405745257275088548364400416034343698204186575808495617
FQ_MODULUS = 21888242871839275222246405745257275088696311157297823662689037894645226208583
ELEMENTS = (0, 1, 2, FR_MODULUS - 1, FR_MODULUS, FQ_MODULUS - 1, FQ_MODULUS, (1 << 254) - 1, (1 << 256) - 1)

TEXTS = (
    "",
    " ",
    "\0",
    "0",
    "1",
    "-0",
    "-1",
    "01",
    "+1",
    "1e18",
    "1e-3",
    "1.0",
    "1_000",
    ".5",
    "1" * 78,
    "9" * 5000,
    "\u0661\u0662",
    "\uff11",
    "NaN",
    "inf",
    "0x",
    "0x0",
    "0xAB",
    "0x" + "ab" * 31,
    "0x" + "ab" * 32,
    "0x" + "ab" * 33,
    "null",
    "\ud800",
    "\u202ecba",
    "\ufeff1",
    "\u00a01",
    "a" * 300,
    "__class__",
    "../../etc/passwd",
    "2026-02-05T09:36:47Z",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    str(FR_MODULUS),
    str((1 << 256) - 1),
    str(1 << 64),
)
TOKENS = (
    *TEXTS,
    ",",
    ",,",
    '"',
    "'",
    "\r",
    "\r\n",
    "\n\n",
    "\u2028",
    "\x85",
    "&a ",
    "*a",
    "!!python/object:os.system ",
    "<<: *a",
    "? ",
    "- ",
    "|\n",
    ">-\n",
    "{",
    "}",
    "[",
    "]",
    "[" * 40,
    "{a: " * 40,
    "(" * 80,
    "-" * 80,
    "# x",
    "%YAML 1.1\n---\n",
    "...",
    "max(",
    "sum(size * pnl, over=instrument)",
    "positive(",
    "floor(",
    "div(size, cash, decimals=2)",
    "sqrt(",
    "nearest(size, 1)",
    "by=group",
    "worst=1.5",
    "/ 0",
    "/ 3",
    "* 1e99",
    "1e99",
    "1e-99",
    "over=",
    "<= <=",
    "== 1",
    ": ",
    "~",
    "yes",
    "0o17",
    "1:30",
)


def _position(content: Sequence[Any], random: Random) -> int:
    return random.randrange(len(content) + 1)


def mutate_bytes(content: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """One to four edits that know nothing of any format."""
    edited = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        at = _position(edited, random)
        kind = random.randrange(9)
        if kind == 0 and at < len(edited):
            edited[at] ^= 1 << random.randrange(8)
        elif kind == 1 and at < len(edited):
            edited[at] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
        elif kind == 2:
            del edited[at:]
        elif kind == 3:
            del edited[at : at + random.choice((1, 4, 8, 32, 64))]
        elif kind == 4:
            edited[at:at] = random.randbytes(random.choice((1, 4, 8, 32)))
        elif kind == 5:
            edited[at : at + 4] = struct.pack("<I", random.choice(COUNTS))
        elif kind == 6:
            edited[at : at + 8] = struct.pack("<Q", random.choice(WIDE_COUNTS))
        elif kind == 7:
            length = random.choice((1, 4, 8, 32, 100))
            edited[at:at] = edited[at : at + length]
        elif others:
            other = random.choice(others)
            edited[at:] = other[_position(other, random) :]
    return bytes(edited)


def mutate_words(content: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Edits of aligned 32-bit words and of field elements, for formats that are made of them."""
    edited = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 3))):
        if len(edited) < 8:
            break
        at = 4 * random.randrange(len(edited) // 4)
        value = int.from_bytes(edited[at : at + 4], "little")
        kind = random.randrange(4)
        if kind == 0:
            edited[at : at + 4] = struct.pack("<I", random.choice(COUNTS))
        elif kind == 1:
            edited[at : at + 4] = struct.pack("<I", (value + random.choice((-1, 1, 2))) % (1 << 32))
        elif kind == 2:
            edited[at : at + 32] = random.choice(ELEMENTS).to_bytes(32, "little")
        else:
            return mutate_bytes(bytes(edited), random, others)
    return bytes(edited)


# --- iden3's container: magic, version, sections ------------------------------------------------------------


def _split(content: bytes) -> tuple[bytes, list[tuple[int, bytes]]] | None:
    if len(content) < 12:
        return None
    sections, at = [], 12
    while at + 12 <= len(content):
        section_id, length = struct.unpack_from("<IQ", content, at)
        sections.append((section_id, content[at + 12 : at + 12 + length]))
        at += 12 + length
    return content[:8], sections


def mutate_sections(content: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Shuffle, drop, double, renumber, empty or edit sections, or lie about their lengths and their number."""
    split = _split(content)
    if split is None or not split[1] or random.random() < 0.15:
        return mutate_bytes(content, random, others)
    head, sections = split
    lie: int | None = None
    wrong_length: tuple[int, int] | None = None
    at = random.randrange(len(sections))
    section_id, body = sections[at]
    kind = random.randrange(10)
    if kind == 0:
        random.shuffle(sections)
    elif kind == 1:
        del sections[at]
    elif kind == 2:
        sections.insert(_position(sections, random), sections[at])
    elif kind == 3:
        sections[at] = (random.choice((0, 1, 2, 3, 4, 5, 9, 10, 11, 1 << 31)), body)
    elif kind == 4:
        sections[at] = (section_id, b"")
    elif kind == 5:
        lie = random.choice(COUNTS)
    elif kind == 6:
        wrong_length = (at, random.choice((*WIDE_COUNTS, len(body) + 1, max(0, len(body) - 1))))
    elif kind == 7 and others and (found := _split(random.choice(others))) and found[1]:
        sections[at] = (section_id, random.choice(found[1])[1])
    else:
        sections[at] = (section_id, mutate_words(body, random, ()))
    parts = [head, struct.pack("<I", len(sections) if lie is None else lie)]
    for index, (number, inner) in enumerate(sections):
        stated = wrong_length[1] if wrong_length and wrong_length[0] == index else len(inner)
        parts += [struct.pack("<IQ", number, stated), inner]
    return b"".join(parts)


# --- JSON ---------------------------------------------------------------------------------------------------


class _Raw:
    """JSON text that is written as it stands."""

    def __init__(self, text: str) -> None:
        self.text = text


_RAW = (
    "1",
    "-1",
    "1e400",
    "1.5",
    "NaN",
    "-Infinity",
    "1" * 6000,
    "[" * 100 + "]" * 100,
    '{"a":' * 40 + "1" + "}" * 40,
    "[" * 2000,
    '"\\ud800"',
    '"\\u0000"',
    "{}",
    "[]",
    "null",
    "true",
    '{"a":"1","a":"2"}',
    '"\x01"',
)


def _dump(node: Any) -> str:
    if isinstance(node, _Raw):
        return node.text
    if isinstance(node, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{_dump(value)}" for key, value in node.items()) + "}"
    if isinstance(node, _Doubled):
        pairs = [*node.items, node.items[0]]
        return "{" + ",".join(f"{json.dumps(key)}:{_dump(value)}" for key, value in pairs) + "}"
    if isinstance(node, list):
        return "[" + ",".join(map(_dump, node)) + "]"
    return json.dumps(node)


class _Doubled:
    """An object whose first field comes twice."""

    def __init__(self, items: list[tuple[str, Any]]) -> None:
        self.items = items


def _places(node: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Every (container, key) of a tree."""
    keys: Any = ()
    if isinstance(node, dict):
        keys = list(node)
    elif isinstance(node, list):
        keys = range(len(node))
    for key in keys:
        found.append((node, key))
        _places(node[key], found)
    return found


def _scalar(value: Any, random: Random) -> Any:
    """Near a scalar."""
    if not isinstance(value, str) or random.random() < 0.4:
        return random.choice(TEXTS) if random.random() < 0.6 else _Raw(random.choice(_RAW))
    kind = random.randrange(6)
    if kind == 0 and value.isascii() and value.removeprefix("-").isdigit() and len(value) < 200:
        return str(int(value) + random.choice((-1, 1, FR_MODULUS, -FR_MODULUS, 1 << 64)))
    if kind == 1 and value.startswith("0x") and len(value) > 2:
        at = random.randrange(2, len(value))
        return value[:at] + random.choice("0123456789abcdefABCDEFgxX") + value[at + 1 :]
    if kind == 2:
        return value + random.choice(("0", " ", "\n", "\u0661", "ab"))
    if kind == 3:
        return value[: _position(value, random)]
    if kind == 4:
        return value.upper() if random.random() < 0.5 else random.choice((" ", "0", "-", "+")) + value
    return random.choice(TEXTS)


def mutate_json(content: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Edit the tree: values, keys, lengths, nesting, doubled fields; sometimes the text."""
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return mutate_bytes(content, random, others)
    holder = {"root": tree}
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        container, key = random.choice(_places(holder, []))
        value = container[key]
        kind = random.randrange(9)
        if kind == 0 and isinstance(container, dict) and len(container) > 1:
            del container[key]
        elif kind == 1 and isinstance(container, dict):
            container[random.choice((*TEXTS, key + "x", key.upper()))] = copy.deepcopy(value)
        elif kind == 2 and isinstance(container, list):
            container.insert(key, copy.deepcopy(value))
        elif kind == 3 and isinstance(container, list):
            del container[key]
        elif kind == 4 and isinstance(value, dict) and value:
            container[key] = _Doubled(list(value.items()))
        elif kind == 5:
            other, inner = random.choice(_places(holder, []))
            container[key] = copy.deepcopy(other[inner])
        elif kind == 6:
            container[key] = [value] if random.random() < 0.5 else {"a": value}
        else:
            container[key] = _scalar(value, random)
    if "root" not in holder:
        return b""
    encoded = _dump(holder["root"]).encode("utf-8", "surrogatepass")
    return mutate_bytes(encoded, random, others) if random.random() < 0.15 else encoded


# --- lines of text ------------------------------------------------------------------------------------------

_WORDS = re.compile(rb"[A-Za-z0-9_.\-]+")


def mutate_text(content: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Edit lines and words: double, drop, swap, replace; sometimes the bytes."""
    if random.random() < 0.1:
        return mutate_bytes(content, random, others)
    lines = content.split(b"\n")
    for _ in range(random.choice((1, 1, 2, 3))):
        if not lines:
            break
        at, other = random.randrange(len(lines)), random.randrange(len(lines))
        kind = random.randrange(8)
        if kind == 0:
            lines.insert(other, lines[at])
        elif kind == 1:
            del lines[at]
        elif kind == 2:
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == 3:
            token = random.choice(TOKENS).encode("utf-8", "surrogatepass")
            where = _position(lines[at], random)
            lines[at] = lines[at][:where] + token + lines[at][where:]
        else:
            words = list(_WORDS.finditer(lines[at]))
            if words:
                word = random.choice(words)
                new = random.choice(TOKENS).encode("utf-8", "surrogatepass")
                if kind == 4 and (pool := _WORDS.findall(lines[other])):
                    new = random.choice(pool)
                lines[at] = lines[at][: word.start()] + new + lines[at][word.end() :]
    return random.choice((b"\n",) * 9 + (b"\r\n",)).join(lines)
