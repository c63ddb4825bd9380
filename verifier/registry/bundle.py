"""The log as files: ``registry.json`` (the terms), ``entries-000000000.json`` (1,000 entries each), ``head.json``.

A folder for auditors: entries name venues. Heads and receipts that others kept are files of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from zkmargin.encoding import read_file, write_atomic
from zkmargin.errors import FileUnreadable, ZkMarginError
from zkmargin.verifier.registry.documents import (
    LogEvidence,
    LogHeadDocument,
    LogPage,
    PledgeReceiptDocument,
    RegistryTerms,
    SignedHead,
)
from zkmargin.verifier.registry.replay import LogFinding, require_log

if TYPE_CHECKING:
    from zkmargin.verifier.registry.registry import Registry

TERMS: Final = "registry.json"
HEAD: Final = "head.json"
_PAGE: Final = re.compile(r"entries-([0-9]{9})\.json")


def export_log(registry: Registry, folder: Path) -> LogHeadDocument:
    """Write the whole log, under a head that is signed now; the head. An earlier export in the folder is replaced.

    Files with entries are readable by their owner alone.
    """
    _make(folder)
    head = registry.fresh_head()
    write_atomic(folder / TERMS, registry.terms.to_text())
    first = 0
    while first < head.head.size:
        page = registry.page(first, head.head.size)
        write_atomic(folder / f"entries-{first:09}.json", page.to_bytes(), private=True)
        first += len(page.entries)
    write_atomic(folder / HEAD, head.to_text())
    return head


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FileUnreadable("folder cannot be made", where=str(folder), got=error.strerror) from None


def read_terms(folder: Path) -> RegistryTerms:
    """The terms that lie beside the pages. Whoever audits compares them with those that the operator published."""
    return RegistryTerms.parse(read_file(folder / TERMS))


def read_pages(folder: Path) -> Iterator[LogPage]:
    """The pages in order, one at a time."""
    try:
        names = sorted(path.name for path in folder.iterdir() if _PAGE.fullmatch(path.name))
    except OSError as error:
        raise FileUnreadable("folder cannot be read", where=str(folder), got=error.strerror) from None
    for name in names:
        yield LogPage.parse(read_file(folder / name, LogPage.LIMIT))


def judge_log(
    folder: Path,
    terms: RegistryTerms,
    heads: Iterable[SignedHead] = (),
    receipts: Iterable[PledgeReceiptDocument] = (),
) -> LogFinding:
    """Replay an exported log with what was kept. Raises what ``require_log`` does, and FileUnreadable.

    The head that was signed for the export must be there: without it an old export passes for the whole.
    """
    return require_log(read_pages(folder), terms, heads=[read_head(folder / HEAD), *heads], receipts=receipts)


def evidence_of(error: ZkMarginError) -> LogEvidence | None:
    """What convicts the operator, where an error of the log says."""
    found = getattr(error, "evidence", None)
    return found if isinstance(found, LogEvidence) else None


def read_head(path: Path) -> SignedHead:
    """A head that somebody kept."""
    document = LogHeadDocument.parse(read_file(path))
    return SignedHead(head=document.head, signatures=document.signatures)


def read_receipt(path: Path) -> PledgeReceiptDocument:
    """A receipt that somebody kept."""
    return PledgeReceiptDocument.parse(read_file(path))


def write_evidence(evidence: LogEvidence, folder: Path) -> Path:
    """Write evidence into a folder, under a name of its content."""
    _make(folder)
    path = folder / f"{evidence.kind}-{evidence.second.head.size}.evidence.json"
    write_atomic(path, evidence.to_text(), private=True)
    return path
