"""Documents from and to files: read strictly, written whole, never over something by accident."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from zkmargin.encoding import write_atomic
from zkmargin.errors import FileUnreadable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zkmargin.attestations.documents import DomainFile, RegistryDomainFile
    from zkmargin.attestations.schema import Document
    from zkmargin.attestations.signatures import SigningKey
    from zkmargin.verifier.envelope import Envelope

_D = TypeVar("_D", bound="Document")


def read_document(path: Path, kind: type[_D]) -> _D:
    """A document of the given kind. Errors name the file."""
    return kind.read(path)


def read_domain(path: Path) -> DomainFile | RegistryDomainFile:
    """The domain that signatures are made for: offline, or a registry's on a chain."""
    from zkmargin.attestations.documents import DomainFile, RegistryDomainFile
    from zkmargin.errors import DocumentVersion

    try:
        return read_document(path, DomainFile)
    except DocumentVersion:
        return read_document(path, RegistryDomainFile)


def write_document(path: Path, document: Document, *, force: bool = False) -> None:
    """Write a document; one of the trader's is readable by its owner alone."""
    from zkmargin.attestations.schema import PrivateDocument

    refuse_existing(path, force)
    write_atomic(path, document.to_text(), private=isinstance(document, PrivateDocument))


def refuse_existing(path: Path, force: bool) -> None:
    """Raise FileUnreadable where ``path`` exists and ``force`` is not given."""
    if path.exists() and not force:
        raise FileUnreadable("file exists", where=str(path), hint="--force replaces it")


def read_keys(paths: Sequence[Path]) -> list[SigningKey]:
    """The signing keys of key files."""
    from zkmargin.attestations.keyfiles import SigningKeyFile
    from zkmargin.cli.passphrase import passphrase

    return [read_document(path, SigningKeyFile).unlock(passphrase()) for path in paths]


def read_signer(text: str) -> bytes:
    """The address of a signer given as an address or as a key file."""
    from zkmargin.attestations.keyfiles import SigningKeyFile
    from zkmargin.encoding import parse_bytes

    if text.startswith("0x"):
        return parse_bytes(text, "signer", 20)
    return read_document(Path(text), SigningKeyFile).address


def read_envelope(path: Path) -> Envelope:
    """A proof's file."""
    from zkmargin.verifier.envelope import Envelope

    return read_document(path, Envelope)


def make_folder(path: Path, *, private: bool = False) -> None:
    """Make a folder, with those above it. Raises FileUnreadable where that cannot be."""
    try:
        path.mkdir(mode=0o700 if private else 0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise FileUnreadable("folder cannot be made", where=str(path), got=error.strerror) from None
