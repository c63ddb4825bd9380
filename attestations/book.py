"""A venue's book of position statements: who is bound to whom in an epoch, and how far the numbering is.

Within an epoch a customer has one owner and one pocket, an owner is one customer's; each new statement has
the next number, so that of two statements the later one wins (ATTESTATION §0). The book is written before a
statement leaves: a number may be skipped, never used twice.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from zkmargin.attestations.positions import Customer
from zkmargin.attestations.schema import U8, U64, FieldElement, Private, PrivateDocument, Sequence, Text
from zkmargin.attestations.schema import strictly_ascending as ascending
from zkmargin.encoding import write_atomic
from zkmargin.errors import FileUnreadable, StatementMismatch


class BookEntry(Private):
    """One customer in one epoch: their owner, pocket and subject, and the number of their last statement."""

    customer: Text
    owner: FieldElement
    pocket: U8
    subject: FieldElement
    seq: U64


class BookDocument(PrivateDocument):
    """``<epoch>.book.json``: the book of one epoch, by customer."""

    TYPE: ClassVar[str] = "zkmargin/position-book"
    LIMIT: ClassVar[int] = 1 << 28
    type: Literal["zkmargin/position-book"] = "zkmargin/position-book"
    version: Literal["1"] = "1"
    epoch: U64
    entries: Annotated[tuple[BookEntry, ...], Sequence, ascending(lambda entry: entry.customer, "customers of a book")]


class Book:
    """The books of all epochs, a file each in ``folder``, safe against two processes at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def next_number(self, name: str, customer: Customer, epoch: int) -> int:
        """Record the next statement of the customer ``name`` (the venue's own word) and return its number.

        Raises StatementMismatch where the customer has another owner, pocket or subject in this epoch, or the
        owner is another customer's; FileUnreadable where the book cannot be kept.
        """
        with self._locked():
            path = self.folder / f"{epoch}.book.json"
            entries = self._read(path, epoch)
            last = entries.get(name)
            self._require_bound(name, customer, entries)
            number = 1 if last is None else last.seq + 1
            entries[name] = BookEntry(
                customer=name,
                owner=customer.owner,
                pocket=customer.pocket,
                subject=customer.subject,
                seq=number,
            )
            ordered = tuple(entries[key] for key in sorted(entries))
            write_atomic(path, BookDocument(epoch=epoch, entries=ordered).to_text(), private=True)
            return number

    def _read(self, path: Path, epoch: int) -> dict[str, BookEntry]:
        if not path.exists():
            return {}
        book = BookDocument.read(path)
        if book.epoch != epoch:
            raise StatementMismatch("the book is of another epoch", where=str(path), expected=epoch)
        return {entry.customer: entry for entry in book.entries}

    def _require_bound(self, name: str, customer: Customer, entries: dict[str, BookEntry]) -> None:
        """What a customer is in an epoch stays so; otherwise one position could back two pledges."""
        for other in entries.values():
            if other.customer == name:
                for what in ("owner", "pocket", "subject"):
                    if getattr(other, what) != getattr(customer, what):
                        raise StatementMismatch(
                            f"the customer has another {what} in this epoch",
                            where="book",
                            hint=f"a new {what} can begin with the next epoch",
                        )
            elif other.owner == customer.owner:
                raise StatementMismatch("the owner is bound to another customer in this epoch", where="book")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.folder / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise FileUnreadable("the book cannot be opened", where=str(self.folder), got=error.strerror) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
