"""Two chains with the contracts at equal addresses, made once and put back as they were after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ledger import Ledger, ledger_chain
from tiny_proofs import TinyKey


@pytest.fixture(scope="session")
def tiny_keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[TinyKey, TinyKey, TinyKey]:
    """Two keys over seven inputs, one over eight (two venues)."""
    folder = tmp_path_factory.mktemp("tiny")
    return TinyKey(folder), TinyKey(folder, tau=2**100 + 3), TinyKey(folder, inputs=8)


@pytest.fixture(scope="session")
def _ledgers(tiny_keys: tuple[TinyKey, TinyKey, TinyKey]) -> Iterator[tuple[Ledger, Ledger]]:
    with ledger_chain(1) as home, ledger_chain(8453) as away:
        yield Ledger(*home, *tiny_keys), Ledger(*away, *tiny_keys)


@pytest.fixture
def ledger(_ledgers: tuple[Ledger, Ledger]) -> Iterator[Ledger]:
    """The registry on chain 1; what a test does to it is undone."""
    with _ledgers[0].chain.undone():
        yield _ledgers[0]


@pytest.fixture
def away(_ledgers: tuple[Ledger, Ledger]) -> Iterator[Ledger]:
    """The registry on chain 8453."""
    with _ledgers[1].chain.undone():
        yield _ledgers[1]
