"""A root with everything that shows it right: openings, evidence, layouts, bindings, allocations. A folder of files.

specs/collateral.md#bundle
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from zkmargin.attestations.chains.documents import EVIDENCE, Evidence
from zkmargin.attestations.chains.layouts import LayoutRegistry
from zkmargin.attestations.collateral.documents import (
    AllocationDocument,
    CollateralRootDocument,
    LeafOpeningsDocument,
    OwnerBindingDocument,
)
from zkmargin.attestations.schema import Document
from zkmargin.encoding import write_atomic
from zkmargin.errors import DocumentVersion, FileUnreadable, SchemaType

ROOT: Final = "root.json"
OPENINGS: Final = "openings.json"
LAYOUTS: Final = "layouts.json"
_NAME = re.compile(r"ev/[0-9]{1,9}\.json", re.ASCII)
_D = TypeVar("_D", bound=Document)


@dataclass(frozen=True)
class Bundle:
    """``evidence`` by the names that openings give, such as ``ev/0007.json``."""

    document: CollateralRootDocument
    openings: LeafOpeningsDocument
    registry: LayoutRegistry
    evidence: Mapping[str, Evidence]
    bindings: tuple[OwnerBindingDocument, ...]
    allocations: tuple[AllocationDocument, ...]

    def write(self, folder: Path) -> None:
        """Write all files, readable by their owner alone: they show every balance. The folder must be new or empty."""
        require_free(folder)
        try:
            for name in ("ev", "bindings", "allocations"):
                (folder / name).mkdir(mode=0o700)
        except OSError as error:
            raise FileUnreadable("folder cannot be made", where=str(folder), got=error.strerror) from None
        files: list[tuple[str, Document]] = [(OPENINGS, self.openings), (LAYOUTS, self.registry)]
        files += sorted(self.evidence.items())
        files += [(f"bindings/{at:06}.json", entry) for at, entry in enumerate(self.bindings)]
        files += [(f"allocations/{at:06}.json", entry) for at, entry in enumerate(self.allocations)]
        files.append((ROOT, self.document))
        for name, document in files:
            write_atomic(folder / name, document.to_bytes(), private=True)

    @classmethod
    def read(cls, folder: Path) -> Bundle:
        """Read strictly: evidence is what openings name, nothing more. Raises FileUnreadable, SchemaType."""
        openings = LeafOpeningsDocument.read(folder / OPENINGS)
        names = sorted({line.evidence for line in openings.leaves})
        if wrong := [name for name in names if not _NAME.fullmatch(name)]:
            raise SchemaType("evidence is in ev/<number>.json", where=f"{folder}: leaves", got=wrong[0])
        present = {f"ev/{path.name}" for path in _files(folder / "ev")}
        if extra := sorted(present - set(names)):
            raise SchemaType("evidence that no line names", where=f"{folder}/{extra[0]}")
        return cls(
            document=CollateralRootDocument.read(folder / ROOT),
            openings=openings,
            registry=LayoutRegistry.read(folder / LAYOUTS),
            evidence={name: read_evidence(folder / name) for name in names},
            bindings=tuple(read_folder(folder / "bindings", OwnerBindingDocument)),
            allocations=tuple(read_folder(folder / "allocations", AllocationDocument)),
        )


def require_free(folder: Path) -> None:
    """Make a new folder, private, or take an empty one. Raises FileUnreadable."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        taken = any(folder.iterdir())
    except OSError as error:
        raise FileUnreadable("folder cannot be made", where=str(folder), got=error.strerror) from None
    if taken:
        raise FileUnreadable("the folder is not empty", where=str(folder), hint="name a new folder")


def read_evidence(path: Path) -> Evidence:
    """Evidence of any kind. Raises DocumentVersion where it is none."""
    for kind in EVIDENCE[:-1]:
        try:
            return kind.read(path)
        except DocumentVersion:
            continue
    return EVIDENCE[-1].read(path)


def read_folder(folder: Path | None, kind: type[_D]) -> Iterable[_D]:
    """All documents of one kind in a folder, by name; none where there is no folder."""
    return [kind.read(path) for path in _files(folder)]


def _files(folder: Path | None) -> list[Path]:
    if folder is None or not folder.exists():
        return []
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".json")
    except OSError as error:
        raise FileUnreadable("folder cannot be read", where=str(folder), got=error.strerror) from None
