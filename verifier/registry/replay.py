"""Replaying a whole log: every head, every entry by the rules of pledges, every receipt.      specs/registry.md#log

For auditors, who rely on nothing but the operator's and the venues' signatures. What can be shown to third parties is
attached to the error as evidence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from zkmargin.attestations.documents import require_domain, require_signed
from zkmargin.errors import ProofExpired, SignatureNotAttestor, VenueMismatch, ZkMarginError
from zkmargin.verifier.registry import merkle
from zkmargin.verifier.registry.conditions import require_current, require_registration
from zkmargin.verifier.registry.documents import (
    Inclusion,
    LogEntry,
    LogEvidence,
    LogPage,
    PledgeReceiptDocument,
    RegisteredVenue,
    Registration,
    RegistryTerms,
    Release,
    SignedHead,
)
from zkmargin.verifier.registry.errors import (
    ContextReplay,
    LogDoublePledge,
    LogFork,
    LogHeadInvalid,
    LogInclusion,
    PledgeMissing,
    PledgeRefresh,
)
from zkmargin.verifier.registry.log import fork, is_receipt_of, require_head, require_receipt, shrunk


@dataclass(frozen=True)
class LogFinding:
    """A log that holds: its last head, how many entries of each kind, of each venue, and on whose word.

    ``unproven``: pledges that stand on a venue's signature; ``unsigned``: on the registry's word that it verified.
    """

    head: SignedHead | None
    size: int
    kinds: Mapping[str, int]
    venues: Mapping[bytes, int]
    nullifiers: int
    unproven: int
    unsigned: int
    heads: int
    receipts: int


@dataclass
class _Replay:
    """The registry as the entries so far make it."""

    terms: RegistryTerms
    tree: merkle.Tree = field(default_factory=merkle.Tree)
    entries: list[LogEntry] = field(default_factory=list)
    held: dict[int, int] = field(default_factory=dict)
    contexts: set[int] = field(default_factory=set)
    releases: set[tuple[int, int]] = field(default_factory=set)
    nullifiers: set[int] = field(default_factory=set)


def require_log(
    pages: Iterable[LogPage],
    terms: RegistryTerms,
    *,
    heads: Iterable[SignedHead] = (),
    receipts: Iterable[PledgeReceiptDocument] = (),
) -> LogFinding:
    """Raise unless the pages are one whole log of this operator, and every entry keeps the rules.

    ``heads``: what the auditor or others were shown before; ``receipts``: what venues and traders were given. Entries
    are judged first by the heads, then by the rules, so that a rewritten entry is a fault of the log.

    Raises LogHeadInvalid, LogFork, LogInclusion, ReceiptInvalid, LogDoublePledge, ContextReplay, PledgeRefresh,
    PledgeMissing, and the errors of times, venues and signatures; some with ``evidence``.
    """
    replay = _Replay(terms)
    exported = _read(pages, replay)
    given = tuple(receipts)
    for number, receipt in enumerate(given):
        require_receipt(receipt, terms, None)
        exported.append((receipt.log, f"receipts[{number}].log"))
    exported += [(signed, f"heads[{number}]") for number, signed in enumerate(heads)]
    anchor = _require_heads(exported, replay)
    for number, receipt in enumerate(given):
        _require_received(receipt, replay, anchor, f"receipts[{number}]")
    for index, entry in enumerate(replay.entries):
        _apply(index, entry, replay, anchor)
    _require_dated(exported, replay)
    kinds = Counter[str](entry.kind for entry in replay.entries)
    pledged = [entry for entry in replay.entries if entry.registration is not None]
    return LogFinding(
        head=anchor,
        size=len(replay.entries),
        kinds=dict(kinds),
        venues=dict(Counter(entry.venue_id for entry in pledged)),
        nullifiers=len(replay.nullifiers),
        unproven=sum(1 for entry in pledged if entry.signatures),
        unsigned=sum(1 for entry in pledged if not entry.signatures),
        heads=len(exported),
        receipts=len(given),
    )


def _read(pages: Iterable[LogPage], replay: _Replay) -> list[tuple[SignedHead, str]]:
    """Take the entries in; return the heads that came with them, and where."""
    found: list[tuple[SignedHead, str]] = []
    for page in pages:
        require_domain(page.domain, replay.terms.domain, "domain")
        if page.first != replay.tree.size:
            raise LogHeadInvalid(
                "the pages do not follow each other", where="first", expected=replay.tree.size, got=page.first
            )
        for entry in page.entries:
            replay.tree.append(merkle.leaf_hash(entry.canonical()))
            replay.entries.append(entry)
        found += [(signed, f"entries {page.first}, heads[{number}]") for number, signed in enumerate(page.heads)]
    return found


# --- heads ----------------------------------------------------------------------------------------------------------


def _require_heads(heads: list[tuple[SignedHead, str]], replay: _Replay) -> SignedHead | None:
    """Every head is the operator's and of these entries, and the last covers all; it is returned."""
    tree, terms = replay.tree, replay.terms
    for signed, where in heads:
        require_head(signed, terms, where)
    fitting = [signed for signed, _ in heads if signed.head.size <= tree.size and _fits(signed, tree)]
    anchor = max(fitting, key=lambda signed: signed.head.size, default=None)
    _require_growing(heads, terms)
    for signed, where in heads:
        if signed.head.size > tree.size or not _fits(signed, tree):
            raise _refused_head(signed, where, anchor, heads, replay)
    if tree.size > (0 if anchor is None else anchor.head.size):
        raise LogHeadInvalid(
            "no signed head covers the last entries", where="heads", expected=f"one over {tree.size} entries",
            got=0 if anchor is None else anchor.head.size,
        )  # fmt: skip
    return anchor


def _fits(signed: SignedHead, tree: merkle.Tree) -> bool:
    return tree.root(signed.head.size) == signed.head.root


def _require_growing(heads: list[tuple[SignedHead, str]], terms: RegistryTerms) -> None:
    """No head is later than another and over fewer entries."""
    longest: SignedHead | None = None
    for signed, where in sorted(heads, key=lambda pair: (pair[0].head.time, pair[0].head.size)):
        if longest is not None and signed.head.size < longest.head.size and signed.head.time > longest.head.time:
            raise LogFork(
                "the log became shorter", where=where, expected=f"at least {longest.head.size} entries",
                got=signed.head.size, evidence=shrunk(longest, signed, terms),
            )  # fmt: skip
        if longest is None or signed.head.size > longest.head.size:
            longest = signed


def _refused_head(
    signed: SignedHead, where: str, anchor: SignedHead | None, heads: list[tuple[SignedHead, str]], replay: _Replay
) -> ZkMarginError:
    """A head is signed, and is not of these entries: say whether that convicts the operator."""
    size, tree, terms = signed.head.size, replay.tree, replay.terms
    if anchor is not None and size <= anchor.head.size:
        path = tuple(merkle.consistency_path(size, anchor.head.size, tree.node)) if size else ()
        evidence = fork(signed, anchor, tree.root(size), path, terms)
        return LogFork(
            "two signed heads are of two logs",
            where=where,
            got=f"sizes {size} and {anchor.head.size}",
            evidence=evidence,
        )
    for other, place in heads:
        if other.head.size == size and other.head.root != signed.head.root:
            evidence = fork(signed, other, other.head.root, (), terms)
            return LogFork("two signed heads of one size differ", where=f"{where}, {place}", evidence=evidence)
    if size > tree.size:
        return LogHeadInvalid(
            "entries are missing: the operator signed a longer log", where=where, expected=size, got=tree.size
        )
    return LogHeadInvalid("the entries are not those that the operator signed", where=where)


def _require_dated(heads: list[tuple[SignedHead, str]], replay: _Replay) -> None:
    """No entry was recorded after a head that covers it: its time decided which rules it kept."""
    signed_at: int | None = None
    end = len(replay.entries)
    for head in sorted((signed.head for signed, _ in heads), key=lambda head: head.size, reverse=True):
        _require_recorded(range(min(head.size, end), end), signed_at, replay)
        end, signed_at = min(head.size, end), head.time if signed_at is None else min(head.time, signed_at)
    _require_recorded(range(end), signed_at, replay)


def _require_recorded(indices: range, signed_at: int | None, replay: _Replay) -> None:
    for index in indices:
        if signed_at is not None and replay.entries[index].recorded_at > signed_at:
            raise LogHeadInvalid(
                "an entry was recorded after a head that covers it", where=f"entry {index}",
                expected=f"at most {signed_at}", got=replay.entries[index].recorded_at,
            )  # fmt: skip


# --- receipts -------------------------------------------------------------------------------------------------------


def _require_received(document: PledgeReceiptDocument, replay: _Replay, anchor: SignedHead | None, where: str) -> None:
    """The entry that a receipt names is the one that it says; its head fits the log, so the entry exists."""
    receipt = document.receipt
    entry = replay.entries[receipt.log_index]
    if is_receipt_of(receipt, entry):
        return
    evidence = None
    if anchor is not None:
        evidence = LogEvidence(
            domain=replay.terms.domain, kind="receipt", first=None, second=anchor, prefix_root=None, path=(),
            receipt=document, inclusions=(_inclusion(receipt.log_index, replay, anchor),),
        )  # fmt: skip
    raise LogInclusion(
        "the log has another entry where the receipt says", where=where, got=f"entry {receipt.log_index}",
        evidence=evidence,
    )  # fmt: skip


def _inclusion(index: int, replay: _Replay, anchor: SignedHead) -> Inclusion:
    path = merkle.inclusion_path(index, anchor.head.size, replay.tree.node)
    return Inclusion(index=index, entry=replay.entries[index], path=tuple(path))


# --- the rules ------------------------------------------------------------------------------------------------------


def _apply(index: int, entry: LogEntry, replay: _Replay, anchor: SignedHead | None) -> None:
    where = f"entry {index}"
    venue = next((venue for venue in replay.terms.venues if venue.venue_id == entry.venue_id), None)
    if venue is None:
        raise VenueMismatch("not a venue of this registry", where=where)
    if entry.registration is not None:
        _apply_pledge(index, entry, entry.registration, replay, anchor)
        if entry.signatures:
            _placed(where, require_registration, entry.registration, entry.signatures, venue, replay.terms)
    elif entry.release is not None:
        _apply_release(entry, entry.release, replay, where, venue)


def _placed(where: str, check: Callable[..., None], *arguments: object) -> None:
    """Name the entry in what a check raises."""
    try:
        check(*arguments)
    except ZkMarginError as error:
        raise type(error)(
            error.message, where=f"{where}, {error.where}", expected=error.expected, got=error.got, hint=error.hint
        ) from None


def _apply_pledge(
    index: int, entry: LogEntry, pledged: Registration, replay: _Replay, anchor: SignedHead | None
) -> None:
    where = f"entry {index}"
    _placed(where, require_current, pledged, replay.terms, entry.recorded_at)
    if pledged.context in replay.contexts:
        raise ContextReplay("a context stands in two entries", where=where)
    before = replay.held.get(pledged.nullifier)
    previous = None if before is None else replay.entries[before].registration
    if before is not None and previous is not None:
        if previous.venue_id != pledged.venue_id:
            raise _double(before, index, replay, anchor)
        same = (previous.epoch, previous.vk_hash, previous.policy_id) == (
            pledged.epoch, pledged.vk_hash, pledged.policy_id
        )  # fmt: skip
        newer = pledged.issued_at > previous.issued_at and pledged.expires_at >= previous.expires_at
        if not same or not newer:
            raise PledgeRefresh(
                "an entry replaces a pledge that it may not replace", where=where, got=f"entry {before}"
            )
    if entry.kind != ("registration" if before is None else "refresh"):
        raise PledgeRefresh("an entry is of another kind than what it does", where=where, got=entry.kind)
    replay.held[pledged.nullifier] = index
    replay.contexts.add(pledged.context)
    replay.nullifiers.add(pledged.nullifier)


def _double(first: int, second: int, replay: _Replay, anchor: SignedHead | None) -> LogDoublePledge:
    evidence = None
    if anchor is not None:
        evidence = LogEvidence(
            domain=replay.terms.domain, kind="double", first=None, second=anchor, prefix_root=None, path=(),
            receipt=None, inclusions=(_inclusion(first, replay, anchor), _inclusion(second, replay, anchor)),
        )  # fmt: skip
    return LogDoublePledge(
        "one nullifier is pledged to two venues, and nothing was released between",
        where=f"entries {first} and {second}", evidence=evidence,
    )  # fmt: skip


def _apply_release(entry: LogEntry, release: Release, replay: _Replay, where: str, venue: RegisteredVenue) -> None:
    held = replay.held.get(release.nullifier)
    pledged = None if held is None else replay.entries[held].registration
    if pledged is None or pledged.epoch != release.epoch:
        raise PledgeMissing("an entry releases what is not pledged", where=where)
    if pledged.venue_id != entry.venue_id:
        raise SignatureNotAttestor("an entry releases another venue's pledge", where=where)
    if release.at > entry.recorded_at + replay.terms.clock_skew:
        raise ProofExpired(
            "an entry releases by a word of the future", where=where, expected=f"at most {entry.recorded_at}",
            got=release.at,
        )  # fmt: skip
    signers, signing = venue.signers.signer_set(), replay.terms.domain.signing()
    require_signed(release, signing, entry.signatures, signers, where)
    if release.at < pledged.issued_at or (release.nullifier, release.at) in replay.releases:
        raise ContextReplay("an entry releases by the word for an earlier pledge", where=where)
    replay.releases.add((release.nullifier, release.at))
    del replay.held[release.nullifier]
