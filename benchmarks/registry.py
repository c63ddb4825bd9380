"""Registrations a second: signatures verified, pledges recorded durably, receipts signed.

    python benchmarks/registry.py [--url URL] [--count N] [--writers N]

Without ``--url`` the registry is a SQLite database in a temporary folder beside this file, so that a disk and no memory
file system takes the commits.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zkmargin.attestations.documents import DomainFile, Signers, sign
from zkmargin.attestations.keyfiles import party_of
from zkmargin.attestations.signatures import SigningKey
from zkmargin.verifier.registry.documents import RegisteredVenue, Registration, RegistrationDocument, RegistryTerms
from zkmargin.verifier.registry.registry import Registry

HERE = Path(__file__).resolve().parent
DAY = 86400
OPERATOR, *VENUES = (SigningKey(bytes([number]) * 32) for number in (1, 2, 3))


def terms() -> RegistryTerms:
    """A registry of two venues that attest."""
    venues = [
        RegisteredVenue(
            venue_id=party_of(key.address), name=f"venue {number}", signers=Signers.of(key.address), attests=True
        )
        for number, key in enumerate(VENUES)
    ]
    return RegistryTerms(
        domain=DomainFile(name="bench", epoch_length=DAY).domain(),
        operator=OPERATOR.address,
        epoch_length=DAY,
        epoch_lead=3600,
        clock_skew=60,
        venues=tuple(sorted(venues, key=lambda venue: venue.venue_id)),
    )


def registrations(published: RegistryTerms, count: int, now: int) -> list[RegistrationDocument]:
    """Signed by the venues in turn, each of its own nullifier."""
    documents = []
    for number in range(1, count + 1):
        key = VENUES[number % 2]
        pledged = Registration(
            nullifier=number, venue_id=party_of(key.address), epoch=now // DAY, issued_at=now,
            expires_at=(now // DAY + 1) * DAY, context=number, vk_hash=bytes(32), policy_id=bytes(32),
            proof_hash=bytes(32),
        )  # fmt: skip
        signatures = sign(pledged, published.domain.signing(), [key])
        documents.append(RegistrationDocument(domain=published.domain, registration=pledged, signatures=signatures))
    return documents


@contextmanager
def database(url: str | None) -> Iterator[str]:
    """The given database, or a new one of SQLite."""
    if url is not None:
        yield url
        return
    with tempfile.TemporaryDirectory(prefix=".registry-", dir=HERE) as folder:
        yield f"sqlite:///{folder}/registry.db"


def seconds(count: int, writers: int, url: str | None = None) -> float:
    """Wall seconds from the first registration to the last receipt."""
    published, now = terms(), 1_800_000_000
    waiting = iter(registrations(published, count, now))
    lock = threading.Lock()
    with database(url) as address:
        Registry.create(address, published)
        with Registry(address, published, OPERATOR, clock=lambda: now) as registry:

            def write() -> None:
                while True:
                    with lock:
                        document = next(waiting, None)
                    if document is None:
                        return
                    registry.register(document)

            threads = [threading.Thread(target=write) for _ in range(writers)]
            start = time.perf_counter()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            elapsed = time.perf_counter() - start
            if registry.size() != count:
                raise RuntimeError("registrations are missing")
    return elapsed


def main() -> None:
    """Measure once and print."""
    parser = argparse.ArgumentParser(description="Registrations a second.")
    parser.add_argument("--url", help="an empty database, e.g. postgresql://..")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--writers", type=int, default=50)
    options = parser.parse_args()
    elapsed = seconds(options.count, options.writers, options.url)
    print(f"{options.count / elapsed:,.0f} registrations a second, {options.writers} writers")


if __name__ == "__main__":
    main()
