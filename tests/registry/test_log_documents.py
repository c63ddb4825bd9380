"""Documents about a log, each with one part that the operator did not sign, or that is of another log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from parties import STRANGER
from registry_refusals import documents
from registry_world import (
    EPOCH_END,
    NOW,
    OPERATOR,
    SIGNING,
    TERMS,
    B,
    open_registry,
    pledge,
    registration,
    release,
    sqlite_at,
)

from zkmargin.attestations.documents import OfflineDomain, sign
from zkmargin.errors import DomainMismatch, EpochMismatch, PledgeTooLong, SchemaType, ZkMarginError
from zkmargin.verifier.registry.conditions import require_current
from zkmargin.verifier.registry.documents import (
    Inclusion,
    LogEntry,
    LogEvidence,
    LogHead,
    PledgeReceiptDocument,
    SignedHead,
)
from zkmargin.verifier.registry.errors import LogFork, LogHeadInvalid, LogInclusion, ReceiptInvalid
from zkmargin.verifier.registry.log import (
    fork,
    is_receipt_of,
    require_consistency,
    require_evidence,
    require_inclusion,
    require_receipt,
    shrunk,
)
from zkmargin.verifier.registry.merkle import leaf_hash, node_hash

ELSEWHERE = OfflineDomain(salt=b"\x51" * 32)
RECEIPT, PROOF, CONSISTENCY = documents()


def strangers(signed: SignedHead) -> SignedHead:
    """The same head, which the operator did not sign."""
    return signed.model_copy(update={"signatures": sign(signed.head, SIGNING, [STRANGER])})


def head(size: int, time: int, root: bytes = b"\x07" * 32) -> SignedHead:
    found = LogHead(pledge_domain=SIGNING.pledge_domain, size=size, root=root, time=time)
    return SignedHead(head=found, signatures=sign(found, SIGNING, [OPERATOR]))


def forks(first: SignedHead) -> LogEvidence:
    second = head(5, NOW + 9)
    return fork(first, second, second.head.root, (), TERMS)


FORGED_PROOF = PROOF.model_copy(update={"log": strangers(PROOF.log)})
FORGED_HEADS: dict[str, Callable[[], None]] = {
    "of an inclusion": lambda: require_inclusion(FORGED_PROOF, TERMS),
    "of a receipt": lambda: require_receipt(RECEIPT.model_copy(update={"log": strangers(RECEIPT.log)}), TERMS),
    "of a receipt's inclusion": lambda: require_receipt(RECEIPT, TERMS, None, FORGED_PROOF),
    "first of two": lambda: require_consistency(
        CONSISTENCY.model_copy(update={"first": strangers(CONSISTENCY.first)}), TERMS
    ),
    "second of two": lambda: require_consistency(
        CONSISTENCY.model_copy(update={"second": strangers(CONSISTENCY.second)}), TERMS
    ),
    "of a fork": lambda: require_evidence(forks(strangers(head(5, NOW, bytes(32)))), TERMS),
    "of a longer log": lambda: require_evidence(shrunk(strangers(head(5, NOW)), head(4, NOW + 1), TERMS), TERMS),
}


@pytest.mark.parametrize("case", FORGED_HEADS)
def test_a_head_of_a_stranger(case: str) -> None:
    with pytest.raises(LogHeadInvalid):
        FORGED_HEADS[case]()


def test_documents_of_another_domain() -> None:
    evidence = forks(head(5, NOW, bytes(32)))
    require_evidence(evidence, TERMS)
    moved = {"domain": ELSEWHERE}
    for judge in (
        lambda: require_inclusion(PROOF.model_copy(update=moved), TERMS),
        lambda: require_consistency(CONSISTENCY.model_copy(update=moved), TERMS),
        lambda: require_receipt(RECEIPT.model_copy(update=moved), TERMS),
        lambda: require_evidence(evidence.model_copy(update=moved), TERMS),
    ):
        with pytest.raises(DomainMismatch) as refusal:
            judge()
        domains = TERMS.domain.signing().pledge_domain, ELSEWHERE.signing().pledge_domain
        assert (refusal.value.expected, refusal.value.got) == tuple("0x" + domain.hex() for domain in domains)


def test_heads_in_the_wrong_order() -> None:
    swapped = {"first": CONSISTENCY.second, "second": CONSISTENCY.first}
    with pytest.raises(LogFork, match="wrong order"):
        require_consistency(CONSISTENCY.model_copy(update=swapped), TERMS)


@pytest.mark.parametrize(("size", "time"), [(5, NOW + 1), (4, NOW), (4, NOW - 1), (6, NOW + 1)])
def test_an_operator_who_signs_again_or_earlier_has_shortened_nothing(size: int, time: int) -> None:
    first = head(5, NOW)
    require_evidence(shrunk(first, head(4, NOW + 1), TERMS), TERMS)
    with pytest.raises(LogInclusion):
        require_evidence(shrunk(first, head(size, time), TERMS), TERMS)


def test_a_receipt_is_of_the_entry_that_is_shown(tmp_path: Path) -> None:
    require_receipt(RECEIPT, TERMS, None, PROOF)
    later = RECEIPT.receipt.model_copy(update={"recorded_at": RECEIPT.receipt.recorded_at + 1})
    otherwise = RECEIPT.model_copy(update={"receipt": later, "signatures": sign(later, SIGNING, [OPERATOR])})
    with pytest.raises(LogInclusion, match="another entry"):
        require_receipt(otherwise, TERMS, None, PROOF)
    with open_registry(sqlite_at(tmp_path)) as registry:
        receipts: list[PledgeReceiptDocument] = [registry.register(registration(number)) for number in (7, 8)]
        registry.release(release(7))
        other, released = registry.prove_inclusion(1), registry.prove_inclusion(2)
    with pytest.raises(LogInclusion, match="another entry"):
        require_receipt(receipts[0], TERMS, None, other)
    assert released.entry.registration is None
    same_time = receipts[0].receipt.model_copy(update={"recorded_at": released.entry.recorded_at})
    assert is_receipt_of(same_time, released.entry) is False


def test_an_entry_that_stands_twice_is_in_the_receipts_place_once() -> None:
    """An operator that logs a pledge again has still promised the first place, whose entry it could replace."""
    leaf = leaf_hash(PROOF.entry.canonical())
    doubled = head(2, NOW, node_hash(leaf, leaf))
    promised = RECEIPT.receipt.model_copy(update={"log_index": 0, "log_head": doubled.head.digest(SIGNING)})
    receipt = RECEIPT.model_copy(
        update={"receipt": promised, "signatures": sign(promised, SIGNING, [OPERATOR]), "log": doubled}
    )
    first, second = (PROOF.model_copy(update={"index": n, "path": (leaf,), "log": doubled}) for n in (0, 1))
    require_receipt(receipt, TERMS, None, first)
    require_inclusion(second, TERMS)
    with pytest.raises(LogInclusion, match="another entry"):
        require_receipt(receipt, TERMS, None, second)


@pytest.mark.parametrize(
    ("evidence", "missing"),
    [
        (forks(head(5, NOW, bytes(32))), {"first": None}),
        (forks(head(5, NOW, bytes(32))), {"prefix_root": None}),
        (shrunk(head(5, NOW), head(4, NOW + 1), TERMS), {"first": None}),
    ],
)
def test_evidence_that_no_validator_saw_is_judged_all_the_same(
    evidence: LogEvidence, missing: dict[str, object]
) -> None:
    require_evidence(evidence, TERMS)
    unseen = LogEvidence.model_construct(
        **{name: getattr(evidence, name) for name in LogEvidence.model_fields} | missing
    )
    with pytest.raises(LogInclusion, match="two heads"):
        require_evidence(unseen, TERMS)


def test_evidence_by_a_receipt_needs_the_operators_receipt() -> None:
    """A receipt that a stranger signed convicts nobody, though the log holds another entry in its place."""
    said = RECEIPT.receipt.model_copy(update={"context": 99})
    entry = Inclusion(index=PROOF.index, entry=PROOF.entry, path=PROOF.path)
    for key, convicts in ((OPERATOR, True), (STRANGER, False)):
        receipt = RECEIPT.model_copy(update={"receipt": said, "signatures": sign(said, SIGNING, [key])})
        evidence = LogEvidence(
            domain=TERMS.domain, kind="receipt", first=None, second=PROOF.log, prefix_root=None, path=(),
            receipt=receipt, inclusions=(entry,),
        )  # fmt: skip
        if convicts:
            require_evidence(evidence, TERMS)
        else:
            with pytest.raises(ReceiptInvalid):
                require_evidence(evidence, TERMS)


def test_a_pledge_that_is_in_no_log_doubles_nothing() -> None:
    """Whoever has one entry makes up the other."""
    other = registration(7, B)
    made = {"venue_id": B, "registration": other.registration, "signatures": other.signatures}
    shown = Inclusion(index=PROOF.index, entry=PROOF.entry, path=PROOF.path)
    evidence = LogEvidence(
        domain=TERMS.domain, kind="double", first=None, second=PROOF.log, prefix_root=None, path=(), receipt=None,
        inclusions=(shown, Inclusion(index=1, entry=PROOF.entry.model_copy(update=made), path=PROOF.path)),
    )  # fmt: skip
    with pytest.raises(LogInclusion, match="not shown to be in the log"):
        require_evidence(evidence, TERMS)


def test_a_release_is_no_pledge_and_pledges_are_named_in_order(tmp_path: Path) -> None:
    """An honest log that moved a nullifier to another venue: its release and its second pledge show no double."""
    with open_registry(sqlite_at(tmp_path)) as registry:
        registry.register(registration(7))
        registry.release(release(7))
        registry.register(registration(7, B))
        proofs = [registry.prove_inclusion(index) for index in range(3)]
    pledged, released, again = (Inclusion(index=p.index, entry=p.entry, path=p.path) for p in proofs)
    for pair in ((released, again), (again, pledged), (pledged, pledged)):
        evidence = LogEvidence(
            domain=TERMS.domain, kind="double", first=None, second=proofs[0].log, prefix_root=None, path=(),
            receipt=None, inclusions=pair,
        )  # fmt: skip
        with pytest.raises(LogInclusion, match="not two pledges"):
            require_evidence(evidence, TERMS)


def test_pledges_of_two_traders_are_no_double(tmp_path: Path) -> None:
    """Any two entries of an honest log would convict its operator."""
    with open_registry(sqlite_at(tmp_path)) as registry:
        registry.register(registration(7))
        registry.register(registration(8, B))
        proofs = [registry.prove_inclusion(index) for index in range(2)]
    evidence = LogEvidence(
        domain=TERMS.domain, kind="double", first=None, second=proofs[0].log, prefix_root=None, path=(), receipt=None,
        inclusions=tuple(Inclusion(index=p.index, entry=p.entry, path=p.path) for p in proofs),
    )  # fmt: skip
    with pytest.raises(LogInclusion, match="not two pledges"):
        require_evidence(evidence, TERMS)


@pytest.mark.parametrize("more", [{"prefix_root": bytes(32)}, {"path": (bytes(32),)}, {"receipt": RECEIPT}])
def test_evidence_holds_nothing_beside_its_kind(more: dict[str, object]) -> None:
    with pytest.raises(SchemaType):
        shrunk(head(5, NOW), head(4, NOW + 1), TERMS).model_copy(update=more)


def test_terms_are_of_epochs_that_pass_and_of_venues_that_can_sign() -> None:
    assert TERMS.model_copy(update={"epoch_length": 1}).epoch_length == 1
    (venue, *_) = TERMS.venues
    short = venue.signers.model_copy(update={"threshold": len(venue.signers.members) + 1})
    for changes in ({"epoch_length": 0}, {"venues": (venue.model_copy(update={"signers": short}),)}):
        with pytest.raises(ZkMarginError):
            TERMS.model_copy(update=changes)


def test_an_entry_is_of_its_epoch() -> None:
    assert PROOF.entry.registration is not None
    assert PROOF.entry.epoch == PROOF.entry.registration.epoch
    fields = {name: getattr(PROOF.entry, name) for name in LogEntry.model_fields}
    with pytest.raises(SchemaType, match="empty entry"):
        _ = LogEntry.model_construct(**fields | {"registration": None}).epoch


def test_the_second_in_which_an_epoch_ends_is_of_the_next() -> None:
    outliving = pledge(7, expires_at=EPOCH_END + 600)
    with pytest.raises(PledgeTooLong):
        require_current(outliving, TERMS, EPOCH_END - 1)
    with pytest.raises(EpochMismatch):
        require_current(outliving, TERMS, EPOCH_END)
