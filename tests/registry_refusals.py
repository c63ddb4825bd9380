"""One way to meet each refusal of the registry and of its log, for the table of errors."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from registry_world import TERMS, A, B, open_registry, registration, release, sqlite_at

from zkmargin.attestations.schema import Document
from zkmargin.verifier.registry.database import Database
from zkmargin.verifier.registry.documents import (
    Inclusion,
    LogConsistency,
    LogEvidence,
    LogHeadDocument,
    LogPage,
    LogProof,
    PledgeReceiptDocument,
    SignedHead,
)
from zkmargin.verifier.registry.log import require_consistency, require_head, require_inclusion, require_receipt
from zkmargin.verifier.registry.registry import Registry


def with_registry(use: Callable[[Registry], object]) -> Callable[[], None]:
    """Use a registry that holds pledge 7 of one venue, in a folder that goes away."""

    def call() -> None:
        with tempfile.TemporaryDirectory() as folder, open_registry(sqlite_at(Path(folder))) as registry:
            registry.register(registration(7))
            use(registry)

    return call


@cache
def documents() -> tuple[PledgeReceiptDocument, LogProof, LogConsistency]:
    """A receipt, a proof of inclusion, and one of consistency, of one log."""
    with tempfile.TemporaryDirectory() as folder, open_registry(sqlite_at(Path(folder))) as registry:
        receipt = registry.register(registration(7))
        for number in range(8, 11):
            registry.register(registration(number, B))
        return receipt, registry.prove_inclusion(0), registry.prove_consistency(1)


@cache
def log_documents() -> tuple[Document, ...]:
    """One of every kind of document that registries, venues and auditors give away."""
    receipt, proof, consistency = documents()
    head = receipt.log
    fitting = Inclusion(index=0, entry=proof.entry, path=proof.path)
    evidence = LogEvidence(
        domain=TERMS.domain, kind="receipt", first=None, second=proof.log, prefix_root=None, path=(), receipt=receipt,
        inclusions=(fitting,),
    )  # fmt: skip
    page = LogPage(domain=TERMS.domain, first=0, entries=(proof.entry,), heads=(head,))
    last = LogHeadDocument(domain=TERMS.domain, head=head.head, signatures=head.signatures)
    return TERMS, registration(7), release(7), receipt, proof, consistency, evidence, page, last


def other_head() -> SignedHead:
    """A head with the operator's signature over another one."""
    head = documents()[0].log
    return head.model_copy(update={"head": head.head.model_copy(update={"size": 5})})


REGISTRY: Mapping[str, Callable[[], object]] = {
    "E_DOUBLE_PLEDGE": with_registry(lambda registry: registry.register(registration(7, B))),
    "E_REPLAY": with_registry(lambda registry: registry.register(registration(7))),
    "E_PLEDGE_REFRESH": with_registry(lambda registry: registry.register(registration(7, context=5))),
    "E_PLEDGE_MISSING": with_registry(lambda registry: registry.release(release(8))),
    "E_RECEIPT": lambda: require_receipt(documents()[0], TERMS, registration(7, A, context=5).registration),
    "E_LOG_HEAD": lambda: require_head(other_head(), TERMS),
    "E_LOG_INCLUSION": lambda: require_inclusion(documents()[1].model_copy(update={"index": 1}), TERMS),
    "E_LOG_FORK": lambda: require_consistency(documents()[2].model_copy(update={"path": ()}), TERMS),
    "E_STORE": lambda: Database("nonsense"),
}
