"""The cache of compiled circuits: a folder per circuit, named by the rules and the compiler that made it.

Found under ``$ZKMARGIN_CACHE``, else ``$XDG_CACHE_HOME/zkmargin``, else ``~/.cache/zkmargin``. Nothing in it
is secret. Files are checked against the digests of their index, which finds damage and not malice: who can write
to the folder can put another circuit there, as who can write to the package can.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from zkmargin import encoding
from zkmargin import field as field_module
from zkmargin.attestations import layout
from zkmargin.attestations.collateral import tree
from zkmargin.circuits.rules.tree import RuleSet
from zkmargin.encoding import read_file, sha256, write_atomic
from zkmargin.errors import FileUnreadable, ZkMarginError
from zkmargin.formats import parse_json
from zkmargin.reference import poseidon_permutation, program

INDEX = "circuit.json"
FILES = frozenset({"r1cs", "program", "names", "determinism", "reach"})
FORMAT = 2


def folder() -> Path:
    """Where compiled circuits are kept."""
    chosen = os.environ.get("ZKMARGIN_CACHE")
    if chosen:
        return Path(chosen) / "circuits"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "zkmargin" / "circuits"


def compiler_sources() -> list[Path]:
    """The compiler's own source, and that of what else goes into a circuit: tags, the layout of positions, the shape of
    the collateral tree.
    """
    package = Path(__file__).resolve().parent
    sources = sorted(
        (path for path in package.rglob("*.py") if path.parts[len(package.parts)] != "vectors"),  # they compile nothing
        key=lambda path: path.relative_to(package).as_posix(),
    )
    modules = (field_module, encoding, poseidon_permutation, program, layout, tree)
    return sources + [Path(module.__file__) for module in modules if module.__file__ is not None]


@lru_cache(maxsize=1)
def compiler_digest() -> bytes:
    """SHA-256 over those sources: another compiler never meets this one's circuits."""
    return sha256(b"".join(sha256(path.read_bytes()) for path in compiler_sources()))


def _place(rules: RuleSet) -> Path:
    return folder() / sha256(compiler_digest() + rules.digest).hex()[:40]


@dataclass(frozen=True)
class Found:
    """A circuit in the cache: digests and sizes; files are read on demand."""

    place: Path
    digests: Mapping[str, bytes]
    stats: Mapping[str, int]

    def read(self, name: str) -> bytes:
        """One file. Raises FileUnreadable where it is gone or altered."""
        content = read_file(self.place / name)
        if sha256(content) != self.digests[name]:
            raise FileUnreadable(
                "cached circuit was altered",
                where=str(self.place),
                hint="delete this folder and compile again",
            )
        return content


def load(rules: RuleSet, sizes: Collection[str]) -> Found | None:
    """The circuit of a rule set, or None. ``sizes`` names what its ``stats`` must hold."""
    place = _place(rules)
    try:
        index = parse_json((place / INDEX).read_bytes(), INDEX)
        digests = {str(name): bytes.fromhex(digest) for name, digest in index["digests"].items()}
        stats = {str(name): int(value) for name, value in index["stats"].items()}
        complete = index["format"] == FORMAT and digests.keys() == FILES and stats.keys() == set(sizes)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, ZkMarginError):
        return None
    if not complete or any(not (place / name).is_file() for name in FILES):
        return None
    return Found(place, digests, stats)


def store(rules: RuleSet, files: Mapping[str, bytes], stats: Mapping[str, int]) -> None:
    """Keep a circuit: its files first, the index that makes them valid last. Failing to is not an error."""
    place = _place(rules)
    index = {
        "format": FORMAT,
        "rules": rules.name,
        "digests": {name: sha256(content).hex() for name, content in files.items()},
        "stats": dict(stats),
    }
    try:
        place.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_atomic(place / name, content)
        write_atomic(place / INDEX, json.dumps(index, indent=1))
    except (OSError, FileUnreadable):
        return
