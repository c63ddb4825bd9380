"""The log's operator as the attacker: what it rewrites, drops, forks or hides, and who convicts it with what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from parties import STRANGER
from registry_world import (
    EPOCH,
    KEYS,
    NOW,
    OPERATOR,
    SIGNING,
    TERMS,
    A,
    B,
    C,
    Clock,
    open_registry,
    pledge,
    registration,
    release,
    sqlite_at,
)

from zkmargin.attestations.documents import OfflineDomain, sign
from zkmargin.attestations.signatures import SigningKey
from zkmargin.errors import DomainMismatch, SchemaType, VenueMismatch, VerificationError
from zkmargin.verifier.registry.bundle import (
    export_log,
    read_head,
    read_pages,
    read_receipt,
    read_terms,
    write_evidence,
)
from zkmargin.verifier.registry.documents import (
    Inclusion,
    LogConsistency,
    LogEntry,
    LogEvidence,
    LogHead,
    LogPage,
    PledgeReceiptDocument,
    Registration,
    SignedHead,
)
from zkmargin.verifier.registry.errors import (
    LogDoublePledge,
    LogFork,
    LogHeadInvalid,
    LogInclusion,
    ReceiptInvalid,
)
from zkmargin.verifier.registry.log import (
    require_consistency,
    require_evidence,
    require_head,
    require_inclusion,
    require_receipt,
)
from zkmargin.verifier.registry.merkle import EMPTY_ROOT, Tree, inclusion_path, leaf_hash
from zkmargin.verifier.registry.replay import LogFinding, require_log


class Honest:
    """A log of pledges, a refresh and a release, with what everybody was given meanwhile."""

    def __init__(self, folder: Path) -> None:
        clock = Clock()
        with open_registry(sqlite_at(folder), clock) as registry:
            self.receipts = [registry.register(registration(number, (A, B)[number % 2])) for number in range(1, 9)]
            self.kept = registry.fresh_head()
            clock.now += 60
            self.receipts.append(registry.register(registration(1, B, issued_at=NOW + 50)))
            registry.release(release(2, A))
            self.receipts.append(registry.register(registration(2, B)))
            clock.now += 60
            self.export = folder / "log"
            self.last = export_log(registry, self.export)
            self.inclusion = registry.prove_inclusion(3)
            self.consistency = registry.prove_consistency(5)
        self.pages = list(read_pages(self.export))
        self.entries = [entry for page in self.pages for entry in page.entries]
        self.heads = [signed for page in self.pages for signed in page.heads]

    @property
    def memory(self) -> SignedHead:
        """The head that an auditor kept."""
        return SignedHead(head=self.kept.head, signatures=self.kept.signatures)

    @property
    def end(self) -> SignedHead:
        """The head that was signed for the export."""
        return SignedHead(head=self.last.head, signatures=self.last.signatures)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Honest:
    return Honest(tmp_path_factory.mktemp("log"))


def head_of(
    entries: Sequence[LogEntry], at: int = NOW + 120, size: int | None = None, key: SigningKey = OPERATOR
) -> SignedHead:
    """What an operator signs over any entries it likes."""
    tree = Tree(leaf_hash(entry.canonical()) for entry in entries[:size])
    head = LogHead(pledge_domain=SIGNING.pledge_domain, size=tree.size, root=tree.root(), time=at)
    return SignedHead(head=head, signatures=sign(head, SIGNING, [key]))


def page_of(entries: Sequence[LogEntry], *heads: SignedHead, first: int = 0) -> LogPage:
    return LogPage(domain=TERMS.domain, first=first, entries=tuple(entries), heads=heads)


def cheat(entries: Sequence[LogEntry], **given: Any) -> LogFinding:
    """Replay what an operator made and signed anew."""
    return require_log([page_of(entries, head_of(entries))], TERMS, **given)


def entry(pledged: Registration, at: int = NOW, kind: Any = "registration", signed: bool = True) -> LogEntry:
    """An entry that an operator makes up; the venue signed it where it is in league."""
    signatures = sign(pledged, SIGNING, [KEYS[pledged.venue_id]]) if signed else ()
    return LogEntry(
        kind=kind, venue_id=pledged.venue_id, registration=pledged, release=None, signatures=signatures, recorded_at=at
    )


# --- the honest log -------------------------------------------------------------------------------------------------


def test_an_honest_log_holds(honest: Honest) -> None:
    assert read_terms(honest.export) == TERMS
    found = require_log(honest.pages, TERMS, heads=[honest.memory, honest.end], receipts=honest.receipts)
    assert (found.size, found.nullifiers, found.receipts) == (11, 8, 10)
    assert found.kinds == {"registration": 9, "refresh": 1, "release": 1}
    assert found.venues == {A: 4, B: 6}
    assert (found.unproven, found.unsigned) == (10, 0)
    assert found.head is not None
    assert found.head.head.size == honest.last.head.size == 11


def test_an_empty_log_holds() -> None:
    found = require_log([], TERMS, heads=[head_of([])])
    assert (found.size, found.nullifiers) == (0, 0)
    assert require_log([], TERMS).head is None
    assert head_of([]).head.root == EMPTY_ROOT


def test_a_clock_that_goes_back_makes_no_liar_of_the_operator(tmp_path: Path) -> None:
    clock = Clock()
    with open_registry(sqlite_at(tmp_path), clock) as registry:
        registry.register(registration(1))
        clock.now -= 30
        registry.register(registration(2, issued_at=clock.now - 5))
        kept = registry.fresh_head()
        clock.now -= 30
        registry.register(registration(3, issued_at=clock.now - 5))
        pages = [registry.page(0)]
    assert [signed.head.time for signed in pages[0].heads] == [NOW, NOW, NOW] == [kept.head.time] * 3
    require_log(pages, TERMS, heads=[SignedHead(head=kept.head, signatures=kept.signatures)])


def test_a_log_of_many_pages(tmp_path: Path) -> None:
    with open_registry(sqlite_at(tmp_path)) as registry:
        waiting = [registry.enter_registration(registration(number, (A, B)[number % 2])) for number in range(1, 1203)]
        for future in waiting:
            future.result()
        export_log(registry, tmp_path / "log")
        registry.require_whole()
    pages = list(read_pages(tmp_path / "log"))
    assert [len(page.entries) for page in pages] == [1000, 202]
    assert require_log(pages, TERMS, heads=[read_head(tmp_path / "log" / "head.json")]).size == 1202
    with pytest.raises(LogHeadInvalid):
        require_log(pages[1:], TERMS)
    with pytest.raises(LogHeadInvalid):
        require_log(pages[::-1], TERMS)


def test_proofs_of_an_honest_log_hold_and_nothing_else_does(honest: Honest) -> None:
    require_inclusion(honest.inclusion, TERMS)
    require_consistency(honest.consistency, TERMS)
    for changes in (
        {"index": 4},
        {"entry": honest.entries[4]},
        {"path": honest.inclusion.path[:-1]},
        {"log": honest.memory},
    ):
        with pytest.raises(LogInclusion):
            require_inclusion(honest.inclusion.model_copy(update=changes), TERMS)
    with pytest.raises(LogFork) as caught:
        require_consistency(honest.consistency.model_copy(update={"path": ()}), TERMS)
    assert caught.value.evidence is None
    swapped = {"first": honest.consistency.second, "second": honest.consistency.first}
    with pytest.raises(LogFork):
        require_consistency(honest.consistency.model_copy(update=swapped), TERMS)


def test_heads_are_the_operators_and_of_this_domain(honest: Honest) -> None:
    require_head(honest.last, TERMS)
    stranger = head_of(honest.entries, key=STRANGER)
    altered = honest.end.model_copy(update={"head": honest.end.head.model_copy(update={"time": 1})})
    unsigned = honest.end.model_copy(update={"signatures": ()})
    elsewhere = honest.end.head.model_copy(update={"pledge_domain": bytes(32)})
    foreign = SignedHead(head=elsewhere, signatures=sign(elsewhere, SIGNING, [OPERATOR]))
    for signed in (stranger, altered, unsigned, foreign):
        with pytest.raises(LogHeadInvalid):
            require_head(signed, TERMS)
        with pytest.raises(LogHeadInvalid):
            require_log(honest.pages, TERMS, heads=[signed])
    page = honest.pages[0].model_copy(update={"domain": OfflineDomain(salt=b"\x01" * 32)})
    with pytest.raises(DomainMismatch):
        require_log([page], TERMS)


# --- rewritten, dropped, forked: with evidence ------------------------------------------------------------------------


def convicts(error: pytest.ExceptionInfo[Any], kind: str, folder: Path) -> None:
    """The evidence is a file that holds for somebody who knows the operator's address alone."""
    evidence = error.value.evidence
    assert evidence is not None
    assert evidence.kind == kind
    again = LogEvidence.parse(write_evidence(evidence, folder / "evidence").read_bytes())
    assert again == evidence
    require_evidence(again, TERMS)


def test_a_rewritten_entry_is_convicted_by_a_kept_head(honest: Honest, tmp_path: Path) -> None:
    rewritten = [*honest.entries]
    rewritten[2] = entry(pledge(3, A))
    with pytest.raises(LogFork) as caught:
        cheat(rewritten, heads=[honest.memory])
    convicts(caught, "fork", tmp_path)


def test_a_rewritten_entry_is_convicted_by_a_receipt(honest: Honest, tmp_path: Path) -> None:
    rewritten = [*honest.entries]
    rewritten[2] = entry(pledge(3, A))
    with pytest.raises(LogFork) as caught:
        cheat(rewritten, receipts=[honest.receipts[2]])
    convicts(caught, "fork", tmp_path)


def test_an_entry_dropped_from_the_middle_is_convicted(honest: Honest, tmp_path: Path) -> None:
    with pytest.raises(LogFork) as caught:
        cheat([*honest.entries[:4], *honest.entries[5:]], heads=[honest.memory])
    convicts(caught, "fork", tmp_path)


def test_entries_dropped_from_the_end_are_convicted_by_the_fresh_head(honest: Honest, tmp_path: Path) -> None:
    shorter = honest.entries[:6]
    with pytest.raises(LogFork) as caught:
        cheat(shorter, heads=[honest.memory])
    convicts(caught, "shrunk", tmp_path)


def test_a_log_that_shrank_is_seen_among_many_heads(honest: Honest, tmp_path: Path) -> None:
    sizes = [(3, NOW + 1), (9, NOW + 2), (6, NOW + 3)]
    heads = [head_of(honest.entries[:size], at) for size, at in sizes]
    with pytest.raises(LogFork) as caught:
        require_log(honest.pages, TERMS, heads=heads)
    convicts(caught, "shrunk", tmp_path)


def test_entries_dropped_from_the_end_without_a_fresh_head_are_missed(honest: Honest) -> None:
    """Not a conviction: it may be an old export. It is an error all the same."""
    old = honest.heads[5]
    assert old.head.time == NOW
    with pytest.raises(LogHeadInvalid, match="missing"):
        require_log([page_of(honest.entries[:6], old)], TERMS, heads=[honest.memory])


def test_two_heads_of_one_size_convict_without_any_entry(honest: Honest, tmp_path: Path) -> None:
    other = head_of([*honest.entries[:7], entry(pledge(99, B))])
    with pytest.raises(LogFork) as caught:
        require_log([], TERMS, heads=[honest.memory, other])
    convicts(caught, "fork", tmp_path)
    proof = LogConsistency(domain=TERMS.domain, first=honest.memory, second=other, path=())
    with pytest.raises(LogFork) as caught:
        require_consistency(proof, TERMS)
    convicts(caught, "fork", tmp_path)


def test_entries_that_nobody_signed(honest: Honest) -> None:
    rewritten = [*honest.entries]
    rewritten[2] = entry(pledge(3, A))
    with pytest.raises(LogHeadInvalid):
        require_log([page_of(rewritten, *honest.heads)], TERMS)
    for others in (rewritten, rewritten[:1]):
        with pytest.raises(LogHeadInvalid, match="not those that the operator signed"):
            require_log([page_of(others, head_of([entry(pledge(98)), *others[1:]]))], TERMS)
    with pytest.raises(LogHeadInvalid, match="no signed head"):
        require_log([page_of(rewritten[:1])], TERMS)
    with pytest.raises(LogHeadInvalid, match="no signed head"):
        require_log([page_of([*honest.entries, entry(pledge(99))], *honest.heads)], TERMS)
    with pytest.raises(LogHeadInvalid, match="no signed head"):
        require_log([page_of(honest.entries)], TERMS)


def test_a_receipt_for_what_the_log_does_not_hold(honest: Honest, tmp_path: Path) -> None:
    """The operator signs the log as it is, and a receipt for a pledge that is nowhere in it."""
    good = honest.receipts[0]
    lying = good.receipt.model_copy(update={"venue_id": A, "log_head": honest.end.head.digest(SIGNING)})
    receipt = PledgeReceiptDocument(
        domain=TERMS.domain, receipt=lying, signatures=sign(lying, SIGNING, [OPERATOR]), log=honest.end
    )
    with pytest.raises(LogInclusion) as caught:
        require_log(honest.pages, TERMS, heads=[honest.end], receipts=[receipt])
    convicts(caught, "receipt", tmp_path)


def test_a_pledge_to_two_venues_is_found_in_the_log(honest: Honest, tmp_path: Path) -> None:
    for where in (3, 6):
        doubled = [*honest.entries, entry(pledge(where, A if where % 2 else B, issued_at=NOW + 1))]
        with pytest.raises(LogDoublePledge) as caught:
            cheat(doubled)
        convicts(caught, "double", tmp_path)


def test_another_epochs_number_does_not_hide_it(honest: Honest, tmp_path: Path) -> None:
    later = NOW + 80_000
    moved = pledge(3, A, epoch=EPOCH + 1, issued_at=later, expires_at=later + 60)
    with pytest.raises(LogDoublePledge) as caught:
        cheat([*honest.entries, entry(moved, at=later)])
    convicts(caught, "double", tmp_path)


# --- entries that break the rules -------------------------------------------------------------------------------------

BAD: dict[str, tuple[str, Callable[[Honest], list[LogEntry]]]] = {
    "a context twice": (
        "E_REPLAY", lambda h: [entry(pledge(99, context=h.entries[0].registration.context))]  # type: ignore[union-attr]
    ),
    "an older refresh": ("E_PLEDGE_REFRESH", lambda _: [entry(pledge(4, A, issued_at=NOW - 50), kind="refresh")]),
    "a refresh of the same time": (
        "E_PLEDGE_REFRESH", lambda _: [entry(pledge(4, A, expires_at=NOW + 1801), kind="refresh")]
    ),
    "a shorter refresh": (
        "E_PLEDGE_REFRESH", lambda _: [entry(pledge(4, A, issued_at=NOW, expires_at=NOW + 9), kind="refresh")]
    ),
    "a refresh under another key": (
        "E_PLEDGE_REFRESH", lambda _: [entry(pledge(4, A, issued_at=NOW, vk_hash=bytes(32)), kind="refresh")]
    ),
    "a refresh called registration": ("E_PLEDGE_REFRESH", lambda _: [entry(pledge(4, A, issued_at=NOW))]),
    "a registration called refresh": ("E_PLEDGE_REFRESH", lambda _: [entry(pledge(99), kind="refresh")]),
    "expired when recorded": ("E_EXPIRY", lambda _: [entry(pledge(99), at=NOW + 5000)]),
    "another epoch": ("E_EPOCH", lambda _: [entry(pledge(99, epoch=EPOCH - 1))]),
    "beyond its epoch": ("E_PLEDGE_TOO_LONG", lambda _: [entry(pledge(99, expires_at=NOW + 90_000))]),
    "a stranger's signature": (
        "E_SIG_NOT_ATTESTOR",
        lambda _: [entry(pledge(99)).model_copy(update={"signatures": sign(pledge(99), SIGNING, [STRANGER])})],
    ),
    "a venue that does not attest": ("E_SIG_NOT_ATTESTOR", lambda _: [entry(pledge(99, C))]),
    "a release of nothing": ("E_PLEDGE_MISSING", lambda _: [_released(99, A)]),
    "a release by another venue": ("E_SIG_NOT_ATTESTOR", lambda _: [_released(4, B)]),
    "a release that nobody signed": (
        "E_QUORUM", lambda _: [_released(4, A).model_copy(update={"signatures": ()})]
    ),
    "a release twice": (
        "E_PLEDGE_MISSING", lambda _: [_released(4, A), _released(4, A)]
    ),
    "a release for an earlier pledge": (
        "E_REPLAY", lambda _: [_released(4, A), entry(pledge(4, A, issued_at=NOW)), _released(4, A)]
    ),
    "a release of another epoch": ("E_PLEDGE_MISSING", lambda _: [_released(4, A, epoch=EPOCH + 1)]),
    "a release of the future": ("E_EXPIRY", lambda _: [_released(4, A, NOW + 61)]),
    "recorded after its head": ("E_LOG_HEAD", lambda _: [entry(pledge(99), at=NOW + 121)]),
    "a pledge of the next epoch, recorded as of then": (
        "E_LOG_HEAD",
        lambda _: [entry(pledge(99, epoch=EPOCH + 1, issued_at=NOW + 80_000, expires_at=NOW + 80_060), at=NOW + 80_000)]
    ),
    "a release before the pledge": ("E_REPLAY", lambda _: [_released(4, A, NOW - 100)]),
}  # fmt: skip


def _released(nullifier: int, venue: bytes, at: int = NOW, epoch: int = EPOCH) -> LogEntry:
    document = release(nullifier, venue, at, epoch)
    return LogEntry(
        kind="release", venue_id=venue, registration=None, release=document.release, signatures=document.signatures,
        recorded_at=NOW,
    )  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_an_entry_that_breaks_a_rule_is_named(name: str, honest: Honest) -> None:
    code, more = BAD[name]
    with pytest.raises(VerificationError) as caught:
        cheat([*honest.entries, *more(honest)])
    assert caught.value.code == code
    assert "entry 1" in caught.value.where


@pytest.mark.parametrize("at", [NOW - 5, NOW + 60])
def test_a_release_at_the_ends_of_its_time(at: int, honest: Honest) -> None:
    """From the pledge's issue on, and as far ahead as the venue's clock may be."""
    assert cheat([*honest.entries, _released(4, A, at)]).size == 12


def test_entries_are_dated_by_every_head_that_covers_them(honest: Honest) -> None:
    entries = [*honest.entries, entry(pledge(99), at=NOW + 121)]
    page = page_of(entries, head_of(entries), head_of(entries, size=5))
    with pytest.raises(LogHeadInvalid, match="recorded after a head"):
        require_log([page], TERMS)


def test_pages_follow_each_other(honest: Honest) -> None:
    entries = honest.entries
    for first in (3, 4):
        pages = [page_of(entries[:3]), page_of(entries[3:], head_of(entries), first=first)]
        if first == 3:
            assert require_log(pages, TERMS).size == 11
        else:
            with pytest.raises(LogHeadInvalid, match="do not follow"):
                require_log(pages, TERMS)


def test_a_page_of_another_domain_says_of_which(honest: Honest) -> None:
    elsewhere = OfflineDomain(salt=b"\x51" * 32)
    with pytest.raises(DomainMismatch) as refusal:
        require_log([page_of(honest.entries, honest.end).model_copy(update={"domain": elsewhere})], TERMS)
    assert refusal.value.expected == "0x" + SIGNING.pledge_domain.hex()
    assert refusal.value.got == "0x" + elsewhere.signing().pledge_domain.hex()


def test_a_receipt_of_a_stranger_accuses_nobody(honest: Honest) -> None:
    said = honest.receipts[0].receipt.model_copy(update={"context": 99})
    forged = honest.receipts[0].model_copy(update={"receipt": said, "signatures": sign(said, SIGNING, [STRANGER])})
    with pytest.raises(ReceiptInvalid):
        require_log(honest.pages, TERMS, receipts=[forged])


def test_a_venue_that_the_terms_do_not_know(honest: Honest) -> None:
    terms = TERMS.model_copy(update={"venues": tuple(v for v in TERMS.venues if v.venue_id != B)})
    with pytest.raises(VenueMismatch):
        require_log(honest.pages, terms)


def test_an_entry_on_the_registrys_word_is_counted(honest: Honest) -> None:
    found = cheat([*honest.entries, entry(pledge(99, C), signed=False)])
    assert (found.unproven, found.unsigned) == (10, 1)


def test_entries_hold_what_their_kind_says() -> None:
    for changes in ({"kind": "release"}, {"registration": None}, {"release": release(1).release}, {"venue_id": B}):
        with pytest.raises(SchemaType):
            entry(pledge(1, A)).model_copy(update=changes)


# --- receipts -------------------------------------------------------------------------------------------------------


def test_a_receipt_is_for_this_pledge_signed_and_covered(honest: Honest) -> None:
    receipt, pledged = honest.receipts[3], honest.entries[3].registration
    require_receipt(receipt, TERMS, pledged, honest.inclusion)
    with pytest.raises(ReceiptInvalid):
        require_receipt(None, TERMS, pledged)
    assert pledged is not None
    for field, value in (("nullifier", 5), ("venue_id", A), ("epoch", 1), ("expires_at", 1), ("context", 1)):
        if getattr(pledged, field) != value:
            with pytest.raises(ReceiptInvalid):
                require_receipt(receipt, TERMS, pledged.model_copy(update={field: value}))
    with pytest.raises(ReceiptInvalid):
        require_receipt(receipt.model_copy(update={"signatures": ()}), TERMS)
    with pytest.raises(ReceiptInvalid):
        require_receipt(receipt.model_copy(update={"log": honest.end}), TERMS)
    uncovered = receipt.receipt.model_copy(update={"log_index": receipt.log.head.size})
    signed = {"receipt": uncovered, "signatures": sign(uncovered, SIGNING, [OPERATOR])}
    with pytest.raises(ReceiptInvalid):
        require_receipt(receipt.model_copy(update=signed), TERMS)
    with pytest.raises(LogInclusion):
        require_receipt(honest.receipts[4], TERMS, None, honest.inclusion)
    with pytest.raises(DomainMismatch):
        require_receipt(receipt.model_copy(update={"domain": OfflineDomain(salt=b"\x01" * 32)}), TERMS)


def test_receipts_are_kept_as_files(honest: Honest, tmp_path: Path) -> None:
    path = tmp_path / "pledge.receipt.json"
    path.write_text(honest.receipts[0].to_text())
    assert read_receipt(path) == honest.receipts[0]


# --- evidence -------------------------------------------------------------------------------------------------------


def test_evidence_that_shows_nothing_convicts_nobody(honest: Honest) -> None:
    """An honest operator is not convicted by its own heads, receipts and entries."""
    tree = Tree(leaf_hash(entry.canonical()) for entry in honest.entries)
    size = honest.end.head.size
    included = [
        Inclusion(index=n, entry=honest.entries[n], path=tuple(inclusion_path(n, size, tree.node))) for n in range(size)
    ]
    blank: dict[str, Any] = {
        "domain": TERMS.domain, "first": None, "second": honest.end, "prefix_root": None, "path": (), "receipt": None,
        "inclusions": (),
    }  # fmt: skip
    joined = honest.consistency.path
    first = honest.consistency.first
    cases: list[dict[str, Any]] = [
        {"kind": "fork", "first": first, "prefix_root": first.head.root, "path": joined},
        {"kind": "fork", "first": first, "prefix_root": bytes(32), "path": joined},
        {"kind": "fork", "first": honest.end, "prefix_root": honest.end.head.root, "path": ()},
        {"kind": "shrunk", "first": honest.memory},
        {"kind": "shrunk", "first": honest.end},
        {"kind": "receipt", "receipt": honest.receipts[3], "inclusions": (included[3],)},
        {"kind": "receipt", "receipt": honest.receipts[3], "inclusions": (included[4],)},
        {"kind": "receipt", "receipt": honest.receipts[3],
         "inclusions": (included[3].model_copy(update={"entry": honest.entries[4]}),)},
        {"kind": "double", "inclusions": (included[0], included[8])},
        {"kind": "double", "inclusions": (included[1], included[0])},
        {"kind": "double", "inclusions": (included[1], included[9])},
        {"kind": "double", "inclusions": (included[1].model_copy(update={"entry": honest.entries[10]}), included[10])},
        {"kind": "double", "inclusions": (included[10], included[1])},
    ]  # fmt: skip
    for case in cases:
        with pytest.raises(LogInclusion):
            require_evidence(LogEvidence(**blank | case), TERMS)
    forged = head_of(honest.entries[:3], key=STRANGER)
    unsigned = LogEvidence(**blank | {"kind": "shrunk", "first": honest.end, "second": forged})
    with pytest.raises(LogHeadInvalid):
        require_evidence(unsigned, TERMS)
    for changes in ({"kind": "double"}, {"kind": "fork"}, {"kind": "receipt"}, {"kind": "shrunk"}):
        with pytest.raises(SchemaType):
            LogEvidence(**blank | changes)


def test_a_release_between_is_the_operators_answer_to_a_double_pledge(honest: Honest) -> None:
    """Two pledges of one nullifier to two venues look doubled to who does not see the release between them."""
    released = [number for number, found in enumerate(honest.entries) if found.kind == "release"]
    assert released == [9]
    assert honest.entries[1].nullifier == honest.entries[9].nullifier == honest.entries[10].nullifier
    require_log(honest.pages, TERMS)
