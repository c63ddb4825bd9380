"""Canaries: every command runs on marked positions, keys and salts; whatever it prints or leaves is searched for them.

Each command is a process with a working folder, TMPDIR and HOME of its own. A secret is looked for in the encodings
that a careless line would use: decimal, scaled and with separators, hex and bytes of either order, base64. It may
stand only where ALLOWED says: in the private documents (mode 0600), and in what the trader's own commands print.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import stat
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from parties import CASH, IDS, KEYS, PUBLISHER, VENUE, World
from test_exit_codes import COMMANDS, READS, WRITES, write_inputs

from zkmargin.attestations.keyfiles import OwnerKeyFile
from zkmargin.attestations.owner import OwnerKeys
from zkmargin.attestations.positions import PositionOpening
from zkmargin.encoding import hex_bytes
from zkmargin.errors import MarginShort, ZkMarginError
from zkmargin.field import FR_MODULUS
from zkmargin.formats import write_wtns

SIZES = (735_193, -61_847, 483_729, -292_817, 0, 150_377)  # 7351.93 contracts, ...
MARKED_CASH = 73_451_928_357  # 734,519,283.57 USD
POOR = -99_451_928_357
ROOT = int.from_bytes(b"a private wire, marked, 31 byte", "big")
PHRASE = "canary-Quaint9Zebra-phrase"
SEEDS = {"owner seed": b"\x34" * 32, "publisher seed": b"\x15" * 32, "venue seed": b"\x16" * 32}

AMOUNTS, SALTS, SECRETS = "amounts", "salts", "secrets"
ALLOWED: Mapping[tuple[str, str], set[str]] = {
    ("account import", "stdout"): {AMOUNTS},
    ("account import", "account"): {AMOUNTS},
    ("account show", "stdout"): {AMOUNTS},
    ("check", "stdout"): {AMOUNTS},
    ("attest positions", "opening"): {AMOUNTS, SALTS},
}
"""Command and place to the kinds of secrets that belong there."""
PRIVATE = {"account", "opening", "key"}
"""Files that only their owner may read."""


def _numbers(value: int, decimals: int = 0) -> Iterator[str]:
    """Patterns of a number as text: exact digits, bounded by others, with and without point and separators."""
    magnitude = abs(value)
    shown = {str(magnitude), f"{magnitude:,}", f"{magnitude:_}", str(value % FR_MODULUS), f"0x{magnitude:x}"}
    if decimals:
        whole, rest = divmod(magnitude, 10**decimals)
        shown |= {f"{form}.{rest:0{decimals}d}" for form in (str(whole), f"{whole:,}", f"{whole:_}")}
    yield from (rf"(?<![0-9a-fA-F]){re.escape(text)}(?![0-9a-fA-F])" for text in shown)


def _bytes(raw: bytes) -> Iterator[bytes]:
    """The bytes themselves, hex of either case, and base64 at each alignment where it is not so short that random
    bytes of a key hold it.
    """
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for shift in range(3):
        padded = bytes(shift) + raw + bytes((-shift - len(raw)) % 3)
        inner = base64.b64encode(padded)[4 if shift else 0 : -4]
        if len(inner) < 8:
            continue
        yield from (inner, inner.replace(b"+", b"-").replace(b"/", b"_"))


def _integer(value: int, lengths: tuple[int, ...]) -> Iterator[bytes]:
    """An integer, and a negative one modulo r, as bytes of either order."""
    for length in lengths:
        number = value % (FR_MODULUS if length == 32 else 1 << 8 * length)
        for raw in (number.to_bytes(length, "little"), number.to_bytes(length, "big")):
            yield from _bytes(raw)


@dataclass(frozen=True)
class Canary:
    """A secret and the one pattern that finds it in any encoding."""

    name: str
    kind: str
    pattern: re.Pattern[bytes]

    @classmethod
    def of_number(cls, name: str, kind: str, value: int, decimals: int = 0, lengths: tuple[int, ...] = (32,)) -> Canary:
        texts = [text.encode() for text in _numbers(value, decimals)]
        return cls(name, kind, re.compile(b"|".join([*texts, *map(re.escape, _integer(value, lengths))])))

    @classmethod
    def of_bytes(cls, name: str, kind: str, raw: bytes) -> Canary:
        found = [re.escape(form) for value in (raw, raw[::-1]) for form in _bytes(value)]
        found.append(str(int.from_bytes(raw, "big")).encode())
        return cls(name, kind, re.compile(b"|".join(found)))


def _canaries(opening: PositionOpening) -> list[Canary]:
    amounts = {f"size of {name}": size for name, size in zip(IDS, SIZES, strict=True) if size}
    amounts |= {"cash": MARKED_CASH, "poor cash": POOR}
    keys: OwnerKeys = KEYS
    return [
        *(Canary.of_number(name, AMOUNTS, value, 2, (8, 32)) for name, value in amounts.items()),
        Canary.of_number("salt of the opening", SALTS, opening.salt),
        Canary.of_number("ask", SECRETS, keys.ask),
        Canary.of_number("nk", SECRETS, keys.nk),
        Canary.of_number("private wire", SECRETS, ROOT),
        *(Canary.of_bytes(name, SECRETS, seed) for name, seed in SEEDS.items()),
        Canary.of_bytes("passphrase", SECRETS, PHRASE.encode()),
    ]


@dataclass(frozen=True)
class Marked:
    """Marked files, a HOME that all commands share (its cache is searched at the end), and the canaries."""

    inputs: Path
    home: Path
    world: World
    canaries: list[Canary]

    def leaks(self, content: bytes, allowed: set[str] = frozenset()) -> list[str]:  # type: ignore[assignment]
        return [c.name for c in self.canaries if c.kind not in allowed and c.pattern.search(content)]

    def run(self, name: str, scratch: Path, changes: Mapping[str, Path], phrase: str, *more: str) -> Ran:
        """Run a command of COMMANDS as a process; nothing may be left but what it was told to write."""
        places = {place: scratch / place for place in ("out", "cwd", "tmp")}
        for place in places.values():
            place.mkdir(parents=True)
        text = READS.sub(lambda m: str(changes.get(m[1], self.inputs / m[1])), COMMANDS[name])
        arguments = shlex.split(WRITES.sub(lambda m: str(places["out"] / m[1]), text))
        kept = ("PATH", "PYTHONPATH", "LANG", "SYSTEMROOT")
        environment = {key: os.environ[key] for key in kept if key in os.environ} | {
            "HOME": str(self.home),
            "TMPDIR": str(places["tmp"]),
            "ZKMARGIN_PASSPHRASE": phrase,
        }
        done = subprocess.run(
            [sys.executable, "-m", "zkmargin.cli.main", *name.split(), *arguments, *more],
            cwd=places["cwd"],
            env=environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
            check=False,
        )
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        assert _files(places["cwd"]) == _files(places["tmp"]) == [], name
        return Ran(name, done.returncode, done.stdout, done.stderr, places["out"])

    def search(self, ran: Ran, extra: set[str] = frozenset()) -> None:  # type: ignore[assignment]
        """Everything that a command printed or wrote."""
        places = {"stdout": ran.out, "stderr": ran.err}
        for path in _files(ran.folder):
            places[str(path.relative_to(ran.folder))] = path.read_bytes()
            if path.name in PRIVATE:
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, (ran.name, path.name)
        for place, content in places.items():
            allowed = ALLOWED.get((ran.name, place), set()) | (extra if place == "stdout" else set())
            assert self.leaks(content, allowed) == [], (ran.name, place)


@dataclass(frozen=True)
class Ran:
    """What a process did."""

    name: str
    code: int
    out: bytes
    err: bytes
    folder: Path


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Marked:
    folder = tmp_path_factory.mktemp("marked")
    inputs, home = folder / "inputs", folder / "home"
    inputs.mkdir()
    home.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZKMARGIN_CACHE", str(folder / "cache"))
        patch.setattr("test_exit_codes.PASSPHRASE", PHRASE)
        patch.setenv("ZKMARGIN_PASSPHRASE", PHRASE)
        world = write_inputs(inputs, SIZES, MARKED_CASH, ROOT)
    opening = PositionOpening.read(inputs / "opening.json")
    return Marked(inputs, home, world, _canaries(opening))


def test_the_canaries_sing(marked: Marked) -> None:
    """What is searched for is what is there: the private files hold every canary in their way."""
    found = set(marked.leaks((marked.inputs / "opening.json").read_bytes()))
    found |= set(marked.leaks((marked.inputs / "account.csv").read_bytes()))
    found |= set(marked.leaks((marked.inputs / "circuit.wtns").read_bytes()))
    assert found == {c.name for c in marked.canaries if c.kind != SECRETS} - {"poor cash"} | {"private wire"}
    for size in ("7351.93", "7,351.93", "735193", "0xb37d9", str(FR_MODULUS - 61_847)):
        assert marked.leaks(f"({size})".encode()), size
    assert marked.leaks(base64.b64encode(b"x" + KEYS.ask.to_bytes(32, "little") + b"yz")) == ["ask"]
    assert marked.leaks(PHRASE.encode()) == ["passphrase"]
    assert marked.leaks(b"1735193 735193.5e 7351930") == ["size of BTC-PERP"]
    assert CASH != MARKED_CASH


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.prove
def test_every_command(style: str, marked: Marked, tmp_path: Path) -> None:
    commands = (
        COMMANDS if style == "json" else {name: COMMANDS[name] for name in ("check", "prove", "verify", "keys show")}
    )
    for name in commands:
        ran = marked.run(name, tmp_path / name.replace(" ", "-"), {}, PHRASE, *(["--json"] if style == "json" else []))
        assert ran.code == 0, (name, ran.out, ran.err)
        marked.search(ran)
    assert [(path.name, leaks) for path in _files(marked.home) if (leaks := marked.leaks(path.read_bytes()))] == []


FAILURES = {
    "wrong passphrase": ["prove", "attest positions", "market build", "market sign"],
    "tampered key": ["prove"],
    "shortfall": ["prove"],
    "another opening": ["prove"],
    "an opening out of bounds": ["prove"],
    "an opening with a size that is no number": ["prove"],
    "an opening cut short": ["prove", "inspect"],
    "private documents": ["inspect", "verify", "policy show", "market show"],
    "a bad witness": ["groth16 prove"],
    "an account out of bounds": ["attest positions", "check", "account show", "account import"],
    "an account with too many decimals": ["attest positions", "check", "account show", "account import"],
    "an account with an unlisted instrument": ["attest positions", "check", "account show", "account import"],
}


SPOILT = (b"735193", b"735194", b"618.47")
"""What is left of marked values in the spoilt files, which also must not come back."""


def _spoil(failure: str, name: str, marked: Marked, folder: Path) -> tuple[dict[str, Path], str]:
    """The files that a failing call reads instead, and its passphrase."""
    read = marked.inputs.joinpath
    if failure == "wrong passphrase":
        return {}, "another-phrase-entirely"
    if failure == "private documents":
        place = READS.findall(COMMANDS[name])[0]
        return {place: read("opening.json")}, PHRASE
    if failure == "shortfall":
        statement, opening = marked.world.statement(SIZES, POOR)
        changed = {"statement.json": statement.to_text(), "opening.json": opening.to_text()}
    elif failure == "tampered key":
        key = json.loads(read("owner.key").read_bytes())
        sealed = next(value for value in key.values() if isinstance(value, dict))
        sealed["ciphertext"] = hex_bytes(bytes(48))
        changed = {"owner.key": json.dumps(key)}
    elif failure.startswith(("an opening", "another opening")):
        text = read("opening.json").read_text()
        if failure == "another opening":
            text = text.replace("735193", "735194")
        elif failure == "an opening out of bounds":
            text = text.replace("735193", "735193" + "735193" * 3)
        elif failure == "an opening with a size that is no number":
            text = text.replace("735193", "7351.93")
        else:
            text = text[: len(text) * 2 // 3]
        changed = {"opening.json": text, "proof.json": text}
    elif failure == "a bad witness":
        wires = b"".join(value.to_bytes(32, "little") for value in (1, 9, ROOT))
        path = folder / "circuit.wtns"
        path.write_bytes(write_wtns(wires))
        return {"circuit.wtns": path}, PHRASE
    else:
        text = read("account.csv").read_text()
        if failure == "an account out of bounds":
            text = text.replace("7351.93", "735193")
        elif failure == "an account with too many decimals":
            text = text.replace("-618.47", "-618.479999")
        else:
            text = text.replace("BTC-FUT", "BTC-UNLISTED")
        changed = {"account.csv": text, "export.csv": text}
    for file, content in changed.items():
        (folder / file).write_text(content)
    return {file: folder / file for file in changed}, PHRASE


@pytest.mark.parametrize("failure", list(FAILURES))
def test_every_failure(failure: str, marked: Marked, tmp_path: Path) -> None:
    """Refusals say what is wrong without saying what is there; the trader's own shortfall is explained."""
    for name in FAILURES[failure]:
        changes, phrase = _spoil(failure, name, marked, tmp_path)
        ran = marked.run(
            name, tmp_path / name.replace(" ", "-"), changes, phrase, *([] if failure == "shortfall" else ["--json"])
        )
        tells = (failure, name) == ("private documents", "inspect")  # it names the kind of document and no more
        assert ran.code in ((0,) if tells else (1, 2)), (name, ran.out, ran.err)
        assert b"E_INTERNAL" not in ran.out + ran.err, (name, ran.out, ran.err)
        assert _files(ran.folder) == [], name
        found = Ran(f"{name} refused", ran.code, ran.out, ran.err, ran.folder)
        marked.search(found, {AMOUNTS} if failure == "shortfall" else set())
        for spoilt in SPOILT:
            assert spoilt not in ran.out + ran.err, (name, ran.out, ran.err)


def test_exceptions_carry_no_value(marked: Marked) -> None:
    """What a caller of the library may log: text, repr, fields, and all that stands behind the exception."""
    world = marked.world
    statement, opening = world.statement(SIZES, POOR)
    good = PositionOpening.read(marked.inputs / "opening.json")
    calls = {
        "shortfall": lambda: world.prove(account=(statement, opening)),
        "another opening": lambda: world.prove(account=(statement, good)),
        "another owner": lambda: world.prove(account=(statement, opening), keys=OwnerKeys(ask=17, nk=34)),
        "wrong passphrase": lambda: OwnerKeyFile.read(marked.inputs / "owner.key").unlock("another-phrase-entirely"),
    }
    for name, failing in calls.items():
        with pytest.raises(ZkMarginError) as caught:
            failing()
        chain: list[BaseException] = [caught.value]
        while (behind := chain[-1].__cause__ or chain[-1].__context__) is not None:
            chain.append(behind)
        shown = [f"{error!r} {error} {error.args} {vars(error)}" for error in chain]
        shown.append("".join(traceback.format_exception_only(caught.value)))
        assert marked.leaks("\n".join(shown).encode()) == [], name
        assert isinstance(caught.value, MarginShort) == (name == "shortfall")


def test_secrets_have_no_repr(marked: Marked) -> None:
    opening = PositionOpening.read(marked.inputs / "opening.json")
    shown = f"{KEYS!r} {PUBLISHER!r} {VENUE!r} {opening!r} {opening} {KEYS} {PUBLISHER}"
    assert marked.leaks(shown.encode()) == []
