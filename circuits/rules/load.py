"""From a rule file to a RuleSet, phase by phase.     specs/rules.md"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from zkmargin.circuits.rules.bounds import Bounded, bound
from zkmargin.circuits.rules.document import read_document
from zkmargin.circuits.rules.parse import parse
from zkmargin.circuits.rules.problems import did_you_mean
from zkmargin.circuits.rules.reader import MAX_BYTES
from zkmargin.circuits.rules.resolve import resolve
from zkmargin.circuits.rules.sides import demands
from zkmargin.circuits.rules.tree import Node, RuleSet, Side
from zkmargin.circuits.rules.types import infer_types
from zkmargin.encoding import read_file, sha256
from zkmargin.errors import FileUnreadable

_BUNDLED = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Phases:
    """The product of every front-end phase; each later one holds the earlier ones."""

    bounded: Bounded
    sides: dict[Node, Side]


def run_phases(text: bytes, file: str) -> Phases:
    """Document, parse, resolve, type, bound, side. Raises RuleProblems with every mistake of the first bad
    phase.
    """
    bounded = bound(infer_types(resolve(parse(read_document(text, file)))))
    return Phases(bounded, demands(bounded.equity, bounded.requirements.values(), bounded.conditions))


def parse_rules(text: bytes, file: str = "<rules>") -> RuleSet:
    """The rule set of a file's bytes. ``file`` is how error messages name it."""
    phases = run_phases(text, file)
    bounded = phases.bounded
    document = bounded.typed.resolved.parsed.document
    return RuleSet(
        text=text,
        digest=sha256(text),
        file=file,
        name=document.name,
        binding=document.binding,
        value_bits=document.value_bits,
        venues=document.venues,
        lines=document.lines,
        axes=MappingProxyType(document.axes),
        columns=MappingProxyType(document.columns),
        labels=MappingProxyType(document.labels),
        definitions=MappingProxyType(bounded.definitions),
        equity=bounded.equity,
        requirements=MappingProxyType(bounded.requirements),
        conditions=bounded.conditions,
        sides=MappingProxyType(phases.sides),
    )


def load_rules(path_or_name: str | Path, folder: Path | None = None) -> RuleSet:
    """A rule set by the name of a bundled one (``portfolio_scan``), or by the path of its file, from ``folder`` on.

    Raises RuleProblems, or FileUnreadable where there is no such file.
    """
    is_name = isinstance(path_or_name, str) and _BUNDLED.fullmatch(path_or_name)
    return parse_rules(*read_rules(path_or_name if folder is None or is_name else folder / path_or_name))


def read_rules(path_or_name: str | Path) -> tuple[bytes, str]:
    """The bytes of a rule file, and the name to call it by in messages."""
    if isinstance(path_or_name, str) and _BUNDLED.fullmatch(path_or_name):
        known = list_rules()
        if path_or_name in known:
            file = f"{path_or_name}.yaml"
            return (files("zkmargin") / "rules" / file).read_bytes(), file
        words = f"no bundled rule set `{path_or_name}`{did_you_mean(path_or_name, known)}"
        raise FileUnreadable(words, hint=f"bundled: {', '.join(known)}; or give the path of a file")
    return read_file(path_or_name, MAX_BYTES), Path(path_or_name).name


def list_rules() -> tuple[str, ...]:
    """Names of the bundled rule sets, ascending."""
    names = (entry.name for entry in (files("zkmargin") / "rules").iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))
