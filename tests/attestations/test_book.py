"""The venue's book: one owner and pocket per customer and epoch, numbers that rise."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from zkmargin.attestations.book import Book, BookDocument
from zkmargin.attestations.positions import Customer
from zkmargin.errors import FileUnreadable, StatementMismatch

ALICE, BOB = Customer(owner=11, pocket=1), Customer(owner=22)


def test_numbers_rise_per_customer_and_epoch(tmp_path: Path) -> None:
    book = Book(tmp_path / "book")
    assert [book.next_number("alice", ALICE, 7) for _ in range(3)] == [1, 2, 3]
    assert book.next_number("bob", BOB, 7) == 1
    assert book.next_number("alice", ALICE, 8) == 1
    assert Book(tmp_path / "book").next_number("alice", ALICE, 7) == 4


@pytest.mark.parametrize(
    "other",
    [Customer(owner=12, pocket=1), Customer(owner=11, pocket=2), Customer(owner=11, pocket=1, subject=5)],
)
def test_a_customer_stays_what_it_is_for_the_epoch(tmp_path: Path, other: Customer) -> None:
    book = Book(tmp_path)
    book.next_number("alice", ALICE, 7)
    with pytest.raises(StatementMismatch, match="in this epoch"):
        book.next_number("alice", other, 7)
    assert book.next_number("alice", other, 8) == 1


def test_an_owner_is_one_customers(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.next_number("alice", ALICE, 7)
    with pytest.raises(StatementMismatch, match="another customer"):
        book.next_number("mallory", ALICE, 7)


def test_a_number_is_never_used_twice(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        numbers = list(threads.map(lambda _: Book(tmp_path).next_number("alice", ALICE, 7), range(24)))
    assert sorted(numbers) == list(range(1, 25))


def test_the_book_is_private_and_strict(tmp_path: Path) -> None:
    Book(tmp_path).next_number("alice", ALICE, 7)
    path = tmp_path / "7.book.json"
    assert path.stat().st_mode & 0o077 == 0
    document = BookDocument.parse(path.read_bytes())
    assert "alice" not in repr(document) + str(document.entries)
    path.rename(tmp_path / "8.book.json")
    with pytest.raises(StatementMismatch, match="another epoch"):
        Book(tmp_path).next_number("alice", ALICE, 8)


def test_a_book_that_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileUnreadable):
        Book(tmp_path / "file").next_number("alice", ALICE, 7)
