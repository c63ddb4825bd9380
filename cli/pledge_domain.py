"""The pledge domain and its epochs, from a domain file or from a policy, and what a holder signed in it before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from zkmargin.cli.files import read_document, read_domain
from zkmargin.cli.options import FILE, FOLDER
from zkmargin.cli.output import format_time

if TYPE_CHECKING:
    from zkmargin.attestations.documents import HomeDomain, OfflineDomain
    from zkmargin.attestations.schema import Document

_D = TypeVar("_D", bound="Document")

holder_domain_option = click.option(
    "--domain", type=FILE, required=True, help="Domain file of the attestors, or a policy in their domain."
)
known_option = click.option(
    "--known", type=FOLDER, help="Folder of what you signed before: nonces rise, nothing overlaps."
)


@dataclass(frozen=True)
class PledgeDomain:
    """``epoch_length`` in seconds."""

    domain: OfflineDomain | HomeDomain
    epoch_length: int

    def epoch(self, at: int) -> int:
        """The epoch of a time in unix seconds."""
        from zkmargin.attestations.context import epoch_of

        return epoch_of(at, self.epoch_length)

    def begins(self, epoch: int) -> str:
        """When an epoch begins, for people."""
        return f"epoch {epoch}, {format_time(epoch * self.epoch_length)}"


def read_pledge_domain(file: Path) -> PledgeDomain:
    """What signatures are made for."""
    from zkmargin.errors import DocumentVersion
    from zkmargin.verifier.policy import Policy

    try:
        found = read_domain(file)
    except DocumentVersion:
        policy = read_document(file, Policy)
        return PledgeDomain(policy.domain, policy.epoch_length)
    return PledgeDomain(found.domain(), found.epoch_length)


def read_known(folder: Path | None, kind: type[_D]) -> list[_D] | None:
    """All documents of one kind in a folder; None where none is named. Raises FileUnreadable where it is not there."""
    from zkmargin.attestations.collateral.bundle import read_folder
    from zkmargin.errors import FileUnreadable

    if folder is None:
        return None
    if not folder.is_dir():  # no folder would be: nothing signed before
        raise FileUnreadable("no such folder", where=str(folder))
    return list(read_folder(folder, kind))
