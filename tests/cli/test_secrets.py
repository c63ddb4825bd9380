"""Canaries: every command runs on marked positions, keys and salts, in text and in JSON, to its end, to a refusal, to a
defect; whatever it prints or leaves behind is searched for them (``canaries.py`` says where they may stand)."""

from __future__ import annotations

import base64
import json
import sys
import traceback
from collections.abc import Callable
from mmap import mmap
from pathlib import Path
from types import FrameType
from typing import Any

import click
import pytest
from cages import Ran, files, run_caged
from canaries import AMOUNTS, SECRETS
from marked import MARKED_CASH, PHRASE, POOR, ROOT, SIZES, Marked
from parties import CASH, KEYS, PUBLISHER, VENUE
from test_exit_codes import COMMANDS, PLACES, WRITES, leaves

from zkmargin.attestations.keyfiles import OwnerKeyFile
from zkmargin.attestations.owner import OwnerKeys
from zkmargin.attestations.positions import PositionOpening
from zkmargin.cli.main import cli
from zkmargin.encoding import hex_bytes
from zkmargin.errors import MarginShort, ZkMarginError
from zkmargin.field import FR_MODULUS
from zkmargin.formats import write_wtns

pytestmark = pytest.mark.prove
STYLES: dict[str, list[str]] = {"text": [], "json": ["--json"]}
ELSEWHERE = {"demo", "attest collateral", "attest sign", "attest publish", "audit", "serve", "submit", "challenge"} | {
    f"contracts {name}" for name in ("add-policy", "challenge", "deploy", "release", "status", "submit")
}
"""Commands with tests of their own: test_secrets_of_the_demo; attestors' commands and contracts need chains
(tests/chains, tests/contracts), `serve` and what asks it a socket (tests/service), and an auditor has no secrets."""


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Marked:
    return Marked.make(tmp_path_factory.mktemp("marked"))


def test_no_command_is_left_out() -> None:
    assert set(leaves(cli)) == set(COMMANDS) | ELSEWHERE


def test_no_secret_is_an_option() -> None:
    """Arguments are public on any machine: secrets come in files, the passphrase by file, environment or terminal."""
    for name in leaves(cli):
        command: click.Command = cli
        for word in name.split():
            assert isinstance(command, click.Group)
            command = command.get_command(click.Context(command), word)  # type: ignore[assignment]
        for parameter in command.params:
            spelled = " ".join(parameter.opts).lower()
            assert not any(word in spelled for word in ("pass", "phrase", "secret", "seed", "salt")), name
            if any(word in spelled for word in ("key", "opening", "account")):
                assert isinstance(parameter.type, click.Path), (name, spelled)


def test_the_canaries_sing(marked: Marked) -> None:
    """What is searched for is what is there: the private files hold every canary in their way."""
    found = set(marked.leaks((marked.inputs / "opening.json").read_bytes()))
    found |= set(marked.leaks((marked.inputs / "account.csv").read_bytes()))
    found |= set(marked.leaks((marked.inputs / "circuit.wtns").read_bytes()))
    found |= set(marked.leaks((marked.inputs / "words.txt").read_bytes()))
    assert found == {c.name for c in marked.canaries if c.kind != SECRETS} - {"poor cash"} | {"private wire"}
    for size in ("7351.93", "7,351.93", "735193", "0xb37d9", str(FR_MODULUS - 61_847)):
        assert marked.leaks(f"({size})".encode()), size
    assert marked.leaks(base64.b64encode(b"x" + KEYS.ask.to_bytes(32, "little") + b"yz")) == ["ask"]
    assert marked.leaks(PHRASE.encode()) == ["passphrase"]
    assert marked.leaks(b"1735193 735193.5e 7351930") == ["size of BTC-PERP"]
    assert CASH != MARKED_CASH


@pytest.mark.parametrize("style", STYLES)
def test_every_command(style: str, marked: Marked, tmp_path: Path) -> None:
    for name in COMMANDS:
        ran = marked.run(name, tmp_path / name.replace(" ", "-"), *STYLES[style])
        assert ran.code == 0, (name, str(ran))
        marked.search(name, ran)
    marked.search_home()


@pytest.mark.parametrize(("name", "style"), [("keys show", "json"), ("prove", "text"), ("verify", "json")])
def test_processes(name: str, style: str, marked: Marked, tmp_path: Path) -> None:
    """As people call them; the passphrase of the key is in a file."""
    ran = marked.run_process(name, tmp_path, *STYLES[style])
    assert ran.code == 0, (name, str(ran))
    marked.search(name, ran)


FAILURES = {
    "wrong passphrase": [
        "prove",
        "attest positions",
        "market build",
        "market sign",
        "keys backup",
        "keys passphrase",
        "collateral allocate",
        "collateral bind",
        "collateral sign",
        "attest revoke",
    ],
    "tampered key": ["prove", "keys backup", "keys passphrase"],
    "two words swapped": ["keys restore"],
    "a word that is none": ["keys restore"],
    "twelve words": ["keys restore"],
    "shortfall": ["prove"],
    "another opening": ["prove"],
    "an opening out of bounds": ["prove"],
    "an opening with a size that is no number": ["prove"],
    "an opening cut short": ["prove", "inspect"],
    "a bad witness": ["groth16 prove"],
    "an account out of bounds": ["attest positions", "check", "account show", "account import"],
    "an account with too many decimals": ["attest positions", "check", "account show", "account import"],
    "an account with an unlisted instrument": ["attest positions", "check", "account show", "account import"],
}


SPOILT = (b"735193", b"735194", b"618.47", b"spoiltword")
"""What is left of marked values in the spoilt files, which also must not come back."""


def _spoil(failure: str, marked: Marked, folder: Path) -> tuple[dict[str, Path], str]:
    """The files that a failing call reads instead, and its passphrase."""
    read = marked.inputs.joinpath
    if failure == "wrong passphrase":
        return {}, "another-phrase-entirely"
    if failure == "shortfall":
        statement, opening = marked.world.statement(SIZES, POOR)
        changed = {"statement.json": statement.to_text(), "opening.json": opening.to_text()}
    elif failure == "tampered key":
        key = json.loads(read("owner.key").read_bytes())
        sealed = next(value for value in key.values() if isinstance(value, dict))
        sealed["ciphertext"] = hex_bytes(bytes(48))
        changed = {"owner.key": json.dumps(key)}
    elif "word" in failure:
        words = read("words.txt").read_text().split("\n", 2)[2].split()
        spoilt = {
            "two words swapped": [words[1], words[0], *words[2:]],
            "a word that is none": ["spoiltword", *words[1:]],
            "twelve words": words[:12],
        }
        changed = {"words.txt": " ".join(spoilt[failure])}
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


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("failure", list(FAILURES))
def test_every_failure(failure: str, style: str, marked: Marked, tmp_path: Path) -> None:
    """Refusals say what is wrong without saying what is there; the trader's own shortfall is explained."""
    instead, phrase = _spoil(failure, marked, tmp_path)
    for name in FAILURES[failure]:
        scratch = tmp_path / name.replace(" ", "-")
        ran = marked.run(name, scratch, *STYLES[style], instead=instead, environment=marked.environment(phrase))
        _refused(name, ran)
        marked.search(f"{name} refused", ran, {AMOUNTS} if failure == "shortfall" else set())
        if failure != "shortfall":
            assert not any(spoilt in ran.out + ran.err for spoilt in SPOILT), (name, str(ran))


def _refused(name: str, ran: Ran) -> None:
    assert ran.code in (1, 2), (name, str(ran))
    assert b"E_INTERNAL" not in ran.out + ran.err, (name, str(ran))
    assert files(ran.folder) == [], name


TAKES = {
    ("account import", "export.csv", "account.csv"),
    ("account show", "account.csv", "export.csv"),
    ("check", "account.csv", "export.csv"),
    ("attest positions", "account.csv", "export.csv"),
    ("keys show", "publisher.key", "owner.key"),
    ("inspect", "proof.json", "opening.json"),
    ("inspect", "proof.json", "owner.key"),
    ("inspect", "proof.json", "circuit.wtns"),
}
"""Commands that do take a private document in the place of another; `inspect` names its kind and no more."""


@pytest.mark.parametrize("document", ["opening.json", "account.csv", "owner.key", "circuit.wtns", "words.txt"])
def test_private_documents_in_the_place_of_others(document: str, marked: Marked, tmp_path: Path) -> None:
    """A slip of the hand: what is read is not what was meant, and is not quoted."""
    for index, (name, read) in enumerate(PLACES):
        if read == document:
            continue
        scratch = tmp_path / str(index)
        style = list(STYLES.values())[index % 2]
        ran = marked.run(name, scratch, *style, instead={read: marked.inputs / document})
        if (name, read, document) in TAKES:
            marked.search(name, ran)
            continue
        _refused(name, ran)
        marked.search(f"{name} refused", ran)


@pytest.mark.parametrize("style", STYLES)
def test_nowhere_to_write(style: str, marked: Marked, tmp_path: Path) -> None:
    """All the work is done, and its result has no place; or, where there is none to write, the call is wrong."""
    blocked = tmp_path / "a-file"
    blocked.touch()
    for name, text in COMMANDS.items():
        scratch = tmp_path / name.replace(" ", "-")
        words = marked.words(name, blocked / "out") if WRITES.search(text) else [*name.split(), "--no-such-option"]
        ran = run_caged([*words, *STYLES[style]], scratch, marked.environment())
        _refused(name, ran)
        marked.search(f"{name} refused", ran)


# --- defects -----------------------------------------------------------------------------------------------


class Unexpected(Exception):
    """A defect whose text is all that is secret."""


def _fail_at(marked: Marked, at: int, tally: mmap) -> Callable[[], None]:
    """Raise at the ``at``-th call of a function of the package, and from behind another exception; count the calls."""
    secret = " ".join(
        [PHRASE, str(KEYS.ask), str(ROOT), *map(str, SIZES), (marked.inputs / "opening.json").read_text()]
    )

    def arm() -> None:
        def profile(frame: FrameType, event: str, _: Any) -> None:
            if event != "call" or not frame.f_globals.get("__name__", "").startswith("zkmargin."):
                return
            count = int.from_bytes(tally[:8], "little") + 1
            tally[:8] = count.to_bytes(8, "little")
            if count == at:
                sys.setprofile(None)
                try:
                    raise ValueError(secret)
                except ValueError as error:
                    raise Unexpected(secret, PHRASE) from error

        sys.setprofile(profile)

    return arm


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_defect_tells_nothing(name: str, marked: Marked, tmp_path: Path) -> None:
    """Whatever a command was doing when it met a defect: the place is named, its secrets are not."""
    tally = mmap(-1, 8)
    style = list(STYLES.values())[list(COMMANDS).index(name) % 2]
    assert marked.run(name, tmp_path / "cold", *style).code == 0  # so that the next one finds its circuit compiled
    assert marked.run(name, tmp_path / "whole", *style, before=_fail_at(marked, 0, tally)).code == 0
    calls = int.from_bytes(tally[:8], "little")
    reported = 0
    for index, at in enumerate((calls // 2, calls * 9 // 10, calls - 1)):
        tally[:8] = bytes(8)
        debug = {"ZKMARGIN_DEBUG": "1"} if index else {}
        environment = marked.environment() | debug
        ran = marked.run(name, tmp_path / str(at), *style, environment=environment, before=_fail_at(marked, at, tally))
        marked.search(name, ran)
        if ran.code == 0:  # some library takes any exception for "not this one of two kinds"
            continue
        reported += 1
        assert ran.code == 2, (at, str(ran))
        assert b"E_INTERNAL" in ran.out + ran.err, (at, str(ran))
        assert (b", in profile" in ran.err) == bool(debug), (at, str(ran))
    assert reported


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
