"""A world whose positions, keys and salts are marked, and commands that run in it and are searched for them."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from cages import Ran, files, run_caged
from canaries import ALLOWED, AMOUNTS, PRIVATE, SALTS, SECRETS, WORDS, Canary, leaks
from parties import IDS, KEYS, World
from test_exit_codes import COMMANDS, OWNER_SEED, READS, WRITES, write_inputs

from zkmargin.attestations.backup import words_of
from zkmargin.attestations.positions import PositionOpening

SIZES = (735_193, -61_847, 483_729, -292_817, 0, 150_377)  # 7351.93 contracts, ...
MARKED_CASH = 73_451_928_357  # 734,519,283.57 USD
POOR = -99_451_928_357
ROOT = int.from_bytes(b"a private wire, marked, 31 byte", "big")
PHRASE = "canary-Quaint9Zebra-phrase"
NEW_PHRASE = "canary-Brisk7Otter-phrase"
SEEDS = {"owner seed": OWNER_SEED, "publisher seed": b"\x15" * 32, "venue seed": b"\x16" * 32}
KEPT = ("PATH", "PYTHONPATH", "LANG", "SYSTEMROOT")  # of the environment, for a process

NONE: frozenset[str] = frozenset()


def _canaries(opening: PositionOpening) -> list[Canary]:
    amounts = {f"size of {name}": size for name, size in zip(IDS, SIZES, strict=True) if size}
    amounts |= {"cash": MARKED_CASH, "poor cash": POOR}
    return [
        *(Canary.of_number(name, AMOUNTS, value, 2, (8, 32)) for name, value in amounts.items()),
        Canary.of_number("salt of the opening", SALTS, opening.salt),
        Canary.of_number("ask", SECRETS, KEYS.ask),
        Canary.of_number("nk", SECRETS, KEYS.nk),
        Canary.of_number("private wire", SECRETS, ROOT),
        *(Canary.of_bytes(name, SECRETS, seed) for name, seed in SEEDS.items()),
        Canary.of_bytes("passphrase", SECRETS, PHRASE.encode()),
        Canary.of_bytes("new passphrase", SECRETS, NEW_PHRASE.encode()),
        Canary.of_words("backup", WORDS, words_of(OWNER_SEED)),
    ]


@dataclass(frozen=True)
class Marked:
    """Marked files, a HOME that all commands share (its cache is searched at the end), and the canaries."""

    inputs: Path
    home: Path
    world: World
    canaries: list[Canary]

    @classmethod
    def make(cls, folder: Path) -> Marked:
        inputs, home = folder / "inputs", folder / "home"
        inputs.mkdir()
        home.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ZKMARGIN_CACHE", str(folder / "cache"))
            patch.setattr("test_exit_codes.PASSPHRASE", PHRASE)
            patch.setenv("ZKMARGIN_PASSPHRASE", PHRASE)
            world = write_inputs(inputs, SIZES, MARKED_CASH, ROOT)
        (inputs / "phrase").write_text(PHRASE + "\n")
        return cls(inputs, home, world, _canaries(PositionOpening.read(inputs / "opening.json")))

    def leaks(self, content: bytes, allowed: set[str] | frozenset[str] = NONE) -> list[str]:
        """Names of the secrets in ``content``."""
        return leaks(self.canaries, content, allowed)

    def words(self, name: str, out: Path, instead: Mapping[str, Path] | None = None) -> list[str]:
        """The call of a command of COMMANDS, which must hold no secret: others can see arguments."""
        text = READS.sub(lambda m: str((instead or {}).get(m[1], self.inputs / m[1])), COMMANDS[name])
        words = [*name.split(), *shlex.split(WRITES.sub(lambda m: str(out / m[1]), text))]
        assert self.leaks(" ".join(words).encode()) == [], name
        return words

    def environment(self, phrase: str = PHRASE) -> dict[str, str]:
        """What a command sees of the world outside."""
        return {"HOME": str(self.home), "ZKMARGIN_PASSPHRASE": phrase, "ZKMARGIN_NEW_PASSPHRASE": NEW_PHRASE}

    def run(
        self,
        name: str,
        scratch: Path,
        *more: str,
        instead: Mapping[str, Path] | None = None,
        environment: Mapping[str, str] | None = None,
        before: Callable[[], None] = lambda: None,
    ) -> Ran:
        """Run a command of COMMANDS in a cage, on other files in the place of some."""
        words = self.words(name, scratch / "out", instead)
        return run_caged([*words, *more], scratch, environment or self.environment(), before)

    def run_process(self, name: str, scratch: Path, *more: str) -> Ran:
        """The same as a process that starts anew, with its passphrase in a file."""
        places = {place: scratch / place for place in ("out", "cwd", "tmp")}
        for place in places.values():
            place.mkdir(parents=True)
        environment = {key: os.environ[key] for key in KEPT if key in os.environ} | {
            "HOME": str(self.home),
            "TMPDIR": str(places["tmp"]),
            "ZKMARGIN_PASSPHRASE_FILE": str(self.inputs / "phrase"),
        }
        done = subprocess.run(
            [sys.executable, "-m", "zkmargin.cli.main", *self.words(name, places["out"]), *more],
            cwd=places["cwd"],
            env=environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
            check=False,
        )
        assert [*files(places["cwd"]), *files(places["tmp"])] == [], name
        return Ran(done.returncode, done.stdout, done.stderr, places["out"])

    def search(self, name: str, ran: Ran, tells: set[str] | frozenset[str] = NONE) -> None:
        """Everything that a command printed or wrote; ``tells``: what it may print beyond ALLOWED."""
        assert b"Traceback" not in ran.out + ran.err, (name, str(ran))
        places = {"stdout": ran.out, "stderr": ran.err}
        for path in files(ran.folder):
            places[str(path.relative_to(ran.folder))] = path.read_bytes()
            if path.name in PRIVATE:
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, (name, path.name)
        for place, content in places.items():
            allowed = ALLOWED.get((name, place), NONE) | (tells if place == "stdout" else NONE)
            assert self.leaks(content, allowed) == [], (name, place)

    def search_home(self) -> None:
        """The cache that all commands share."""
        assert [(path.name, found) for path in files(self.home) if (found := self.leaks(path.read_bytes()))] == []
