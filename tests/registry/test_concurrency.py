"""First writer wins: fifty writers and ten thousand attempts, on both databases."""

from __future__ import annotations

import threading
from collections import Counter
from random import Random

import pytest
from registry_world import KEYS, NOW, TERMS, A, B, Clock, open_registry, pledge, registration, release

from zkmargin.errors import ZkMarginError
from zkmargin.verifier.registry import pledging
from zkmargin.verifier.registry.errors import StoreFailed
from zkmargin.verifier.registry.pledging import Recorded
from zkmargin.verifier.registry.registry import Registry
from zkmargin.verifier.registry.replay import require_log
from zkmargin.verifier.registry.transaction import Transaction

WRITERS, ATTEMPTS, NULLIFIERS = 50, 10_000, 2_500


def _put(registry: Registry, nullifier: int, venue: bytes, context: int) -> Recorded:
    """A pledge that was verified: signatures are another test's subject."""
    pledged = pledge(nullifier, venue, context=context)
    return registry._writer.put(lambda tx: pledging.record(tx, TERMS, pledged)).result()


def test_ten_thousand_attempts_and_none_doubled(url: str) -> None:
    """Each nullifier is asked for twice by each of two venues, in a random order, through two registries at once."""
    random = Random(7)
    asked = [(nullifier, venue, 4 * nullifier + turn) for nullifier in range(1, NULLIFIERS + 1)
             for turn, venue in enumerate((A, B, A, B))]  # fmt: skip
    random.shuffle(asked)
    assert len(asked) == ATTEMPTS
    waiting, lock = iter(asked), threading.Lock()
    accepted: list[tuple[int, bytes, int]] = []
    refused: Counter[str] = Counter()
    with open_registry(url) as one, open_registry(url) as two:

        def write(registry: Registry) -> None:
            while True:
                with lock:
                    attempt = next(waiting, None)
                if attempt is None:
                    return
                try:
                    recorded = _put(registry, *attempt)
                except ZkMarginError as error:
                    with lock:
                        refused[error.code] += 1
                else:
                    with lock:
                        accepted.append((attempt[0], attempt[1], recorded.index))

        threads = [threading.Thread(target=write, args=((one, two)[n % 2],)) for n in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(accepted) == NULLIFIERS == len({nullifier for nullifier, _, _ in accepted})
        # a venue's own second attempt is an equal one, and no refresh
        assert refused == {"E_DOUBLE_PLEDGE": 2 * NULLIFIERS, "E_PLEDGE_REFRESH": NULLIFIERS}
        assert sorted(index for _, _, index in accepted) == list(range(NULLIFIERS))
        for nullifier, venue, index in accepted[::50]:
            held = one.pledge(nullifier)
            assert held is not None
            assert (held.venue_id, held.log_index) == (venue, index)
        two.require_whole()
        pages = [two.page(first) for first in range(0, NULLIFIERS, 1000)]
        found = {entry.nullifier: entry.venue_id for page in pages for entry in page.entries}
        assert found == {nullifier: venue for nullifier, venue, _ in accepted}


def test_many_release_and_take_over_and_the_log_replays(url: str) -> None:
    """Writers that pledge, refresh and release over each other leave a log that keeps every rule."""
    clock = Clock()
    with open_registry(url, clock) as registry:

        def work(seed: int) -> None:
            random = Random(seed)
            for _ in range(20):
                nullifier, venue = random.randrange(1, 6), random.choice((A, B))
                issued = NOW - random.randrange(200)
                try:
                    if random.random() < 0.4:
                        registry.release(release(nullifier, venue, NOW - random.randrange(200)))
                    else:
                        registry.register(registration(nullifier, venue, issued_at=issued, expires_at=NOW + 500))
                except StoreFailed:
                    raise
                except ZkMarginError:
                    continue

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        registry.require_whole()
        found = require_log([registry.page(0)], TERMS)
        assert found.kinds["registration"] > 5
        assert found.kinds["release"] > 0
    assert set(found.venues) <= set(KEYS)


def test_a_store_that_fails_inside_a_job_leaves_nothing_of_it(url: str) -> None:
    with open_registry(url) as registry:

        def fail(transaction: Transaction) -> None:
            transaction.take_context(1, 1)
            raise StoreFailed("out of space")

        with pytest.raises(StoreFailed):
            registry._writer.put(fail).result()
        registry.require_whole()


def test_a_broken_job_takes_nobody_with_it(url: str) -> None:
    with open_registry(url) as registry:
        entered = threading.Event()
        go = threading.Event()

        def hold(_: Transaction) -> None:
            entered.set()
            go.wait(30)

        def break_(transaction: Transaction) -> None:
            transaction.take_context(1, 1)
            raise RuntimeError("a defect")

        first = registry._writer.put(hold)
        entered.wait(30)
        good = [registry.enter_registration(registration(number)) for number in (1, 2)]
        bad = registry._writer.put(break_)
        good += [registry.enter_registration(registration(number, B)) for number in (3, 1)]
        go.set()
        first.result()
        with pytest.raises(RuntimeError):
            bad.result()
        assert [future.result().index for future in good[:3]] == [0, 1, 2]
        assert getattr(good[3].exception(), "code", "") == "E_DOUBLE_PLEDGE"
        registry.require_whole()


def test_what_cannot_be_committed_is_not_acknowledged(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that fails at the end of the transaction: the caller hears of it, and nothing is there."""
    with open_registry(url) as registry:

        def fail(*_: object) -> None:
            raise StoreFailed("the disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(Transaction, "finish", fail)
            with pytest.raises(StoreFailed):
                registry.register(registration(7))
        assert registry.pledge(7) is None
        assert registry.size() == 0
        registry.register(registration(7))
        registry.require_whole()
