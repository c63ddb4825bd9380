"""A root with everything that shows it right: openings, evidence, layouts, bindings, allocations. A folder of files.

specs/collateral.md#bundle
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
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
from zkmargin.attestations.faults import Report, reporting, stop
from zkmargin.attestations.schema import Document
from zkmargin.encoding import write_atomic
from zkmargin.errors import DocumentVersion, FileUnreadable, SchemaType

ROOT: Final = "root.json"
OPENINGS: Final = "openings.json"
LAYOUTS: Final = "layouts.json"
_NAME = re.compile(r"ev/[0-9]{1,9}\.json", re.ASCII)
_FOLDERS: Final = ("ev", "bindings", "allocations")
_PART = re.compile(r"(?:ev|bindings|allocations)/[^/]+\.json")
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
            for name in _FOLDERS:
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
        parts = read_parts(folder)
        if parts.document is None or parts.openings is None or parts.registry is None:
            raise FileUnreadable("the bundle is not whole", where=str(folder))
        return cls(
            parts.document, parts.openings, parts.registry, parts.evidence, parts.bindings, parts.allocations
        )  # fmt: skip


@dataclass(frozen=True)
class Parts:
    """What of a bundle could be read: None, or left out, is what could not."""

    document: CollateralRootDocument | None
    openings: LeafOpeningsDocument | None
    registry: LayoutRegistry | None
    evidence: Mapping[str, Evidence]
    bindings: tuple[OwnerBindingDocument, ...]
    allocations: tuple[AllocationDocument, ...]


def read_parts(folder: Path, report: Report = stop) -> Parts:
    """Read a bundle file by file. Reported are FileUnreadable, SchemaType, and what the parsers raise."""
    openings = _read(folder / OPENINGS, LeafOpeningsDocument.read, report)
    names = sorted({line.evidence for line in openings.leaves}) if openings is not None else []
    for name in names:
        if not _NAME.fullmatch(name):
            report(SchemaType("evidence is in ev/<number>.json", where=f"{folder / OPENINGS}: leaves", got=name))
    if openings is not None:
        present = {f"ev/{path.name}" for path in _files(folder / "ev", report)}
        for extra in sorted(present - set(names)):
            report(SchemaType("evidence that no line names", where=f"{folder}/{extra}"))
    evidence = {name: _read(folder / name, read_evidence, report) for name in names if _NAME.fullmatch(name)}
    return Parts(
        document=_read(folder / ROOT, CollateralRootDocument.read, report),
        openings=openings,
        registry=_read(folder / LAYOUTS, LayoutRegistry.read, report),
        evidence={name: entry for name, entry in evidence.items() if entry is not None},
        bindings=_read_all(folder / "bindings", OwnerBindingDocument.read, report),
        allocations=_read_all(folder / "allocations", AllocationDocument.read, report),
    )


def require_only_parts(folder: Path, report: Report = stop) -> None:
    """Raise SchemaType where a folder has something that is no part of a bundle: nobody would judge it."""
    with reporting(report):
        try:
            found = [path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()]
            folders = [path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink()]
        except OSError as error:
            raise FileUnreadable("folder cannot be read", where=str(folder), got=error.strerror) from None
        strange = [path for path in folders if path.parent != folder or path.name not in _FOLDERS]
        for path in found:
            inside = path.relative_to(folder).as_posix()
            if inside not in (ROOT, OPENINGS, LAYOUTS) and not _PART.fullmatch(inside):
                strange.append(path)
        for path in sorted(strange):
            report(SchemaType("no part of a bundle", where=str(path)))


def _read(path: Path, read: Callable[[Path], _D], report: Report) -> _D | None:
    """A file of the bundle's own. Reported where it lies elsewhere: what was judged would not be what is kept."""
    with reporting(report):
        if path.is_symlink() or (path.parent.is_symlink() and path.parent.name in _FOLDERS):
            raise FileUnreadable("a link, no file", where=str(path), hint="a bundle holds its files itself")
        return read(path)
    return None


def _read_all(folder: Path, read: Callable[[Path], _D], report: Report) -> tuple[_D, ...]:
    found = (_read(path, read, report) for path in _files(folder, report))
    return tuple(document for document in found if document is not None)


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


def _files(folder: Path | None, report: Report = stop) -> list[Path]:
    if folder is None or not folder.exists():
        return []
    with reporting(report):
        try:
            return sorted(path for path in folder.iterdir() if path.suffix == ".json")
        except OSError as error:
            raise FileUnreadable("folder cannot be read", where=str(folder), got=error.strerror) from None
    return []
