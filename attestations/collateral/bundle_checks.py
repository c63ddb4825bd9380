"""What a bundle must show, step by step: for the attestors before they sign, for an auditor afterwards.

Steps as in ATTESTATION §2.1: openings and tree (A4, A5), state proofs, observed lines, balances, overlap and locks (A7
to A10, A13, A14), owners (A11), pockets and amounts (A12). Who signs stops at the first fault, an auditor notes all.
                                                                                        specs/collateral.md#bundle
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from zkmargin.attestations.chains.documents import Evidence, Reading
from zkmargin.attestations.chains.errors import CheckpointChain, LockMismatch
from zkmargin.attestations.chains.layouts import LayoutRegistry, require_apart
from zkmargin.attestations.collateral.bindings import (
    DEFAULT_NOTES,
    owner_in_epoch,
    require_allocation,
    require_binding,
    require_covered,
    require_in_time,
    require_not_raised,
    share_balance,
)
from zkmargin.attestations.collateral.bundle import Bundle
from zkmargin.attestations.collateral.documents import (
    AllocationDocument,
    Checkpoint,
    CollateralRootDocument,
    LeafOpening,
    Note,
    OwnerBinding,
    OwnerBindingDocument,
)
from zkmargin.attestations.collateral.errors import (
    AllocationMoved,
    AllocationRaised,
    AllocationSignature,
    BindingConflict,
    BindingMidEpoch,
    BindingMissing,
    CheckpointMissing,
    ProofKindRefused,
    RootChain,
)
from zkmargin.attestations.collateral.roots import require_leaves, require_openings, require_successor
from zkmargin.attestations.collateral.tree import Tree
from zkmargin.attestations.documents import HomeDomain, OfflineDomain
from zkmargin.attestations.faults import Report, reporting, stop
from zkmargin.encoding import hex_bytes
from zkmargin.errors import ZkMarginError

Held: TypeAlias = tuple[str, str, str]
"""Account, asset, custody: what one balance is of."""
Balances: TypeAlias = Mapping[Held, Sequence[LeafOpening]]
"""Lines by the balance that they share."""


def require_bundle(
    bundle: Bundle, registry: LayoutRegistry, domain: OfflineDomain | HomeDomain, previous: Bundle | None
) -> Tree:
    """The tree of a bundle that follows from its evidence, by the verifier's own registry.

    ``previous``: the bundle of the root before it, which the root names. Who signed, when, and whether blocks are the
    chains' own is judged by ``require_root``, ``require_chains`` and on nodes. Raises what the steps raise.
    """
    require_follows(bundle.document, previous)
    tree = require_openings(bundle.document, bundle.openings)
    balances, epoch = by_balance(bundle.openings.leaves), bundle.document.root.epoch
    readings = read_balances(bundle, registry)
    require_owners(balances, readings, bundle.bindings, domain, epoch, previous)
    require_notes(balances, readings, bundle.allocations, domain, epoch)
    require_kept(bundle.openings.leaves, bundle.allocations, domain, epoch, previous)
    return tree


def require_follows(document: CollateralRootDocument, previous: Bundle | None, report: Report = stop) -> None:
    """Raise unless the root follows the previous one, whose openings are given, or is the first.

    Raises RootChain, LeavesHash, LeafCount, and of require_successor.
    """
    if previous is not None:
        require_successor(previous.document, document, report)
        require_leaves(previous.document, previous.openings, partial(_of_previous, report))
    elif document.root.prev_digest != bytes(32):
        report(RootChain("the bundle before it is missing", where="root.prevDigest",
                         got=hex_bytes(document.root.prev_digest),
                         hint="give the bundle of the root that this one names"))  # fmt: skip


def _of_previous(report: Report, error: ZkMarginError) -> None:
    error.where = f"previous: {error.where}"
    report(error)


def by_balance(lines: Iterable[LeafOpening]) -> dict[Held, list[LeafOpening]]:
    """Lines by the balance that they share."""
    found: dict[Held, list[LeafOpening]] = {}
    for line in lines:
        found.setdefault((line.account, line.asset, line.custody), []).append(line)
    return found


# --- evidence -------------------------------------------------------------------------------------------------------


def read_balances(bundle: Bundle, registry: LayoutRegistry) -> dict[Held, Reading]:
    """What evidence shows of each balance, under the checkpoints; it covers the lines, and their locks are its own.

    Raises CheckpointMissing, CheckpointChain, ProofKindRefused, LayoutUnknown, LockMismatch, BalanceShort,
    CustodyOverlap, and what reading the evidence raises.
    """
    balances, checkpoints = by_balance(bundle.openings.leaves), bundle.document.checkpoints
    found = {held: read_balance(held, lines, bundle.evidence, checkpoints, registry)
             for held, lines in balances.items()}  # fmt: skip
    require_locks(balances, found)
    require_balances(balances, found)
    require_custodies(balances, registry)
    return found


def read_balance(
    held: Held,
    lines: Sequence[LeafOpening],
    evidence: Mapping[str, Evidence],
    checkpoints: Iterable[Checkpoint],
    registry: LayoutRegistry,
) -> Reading:
    """What the one evidence of a balance shows of it, under its chain's checkpoint.

    Raises CheckpointMissing, CheckpointChain, ProofKindRefused, LayoutUnknown, and what reading it raises.
    """
    where = f"leaves[{lines[0].index}]"
    layout = registry.find(held[1], held[2], where)
    name = evidence_name(lines)
    checkpoint = checkpoint_of(layout.chain, checkpoints, where)
    return read_evidence_of(evidence[name], checkpoint, registry, held, f"{where}: {name}")


def evidence_name(lines: Sequence[LeafOpening]) -> str:
    """The one file that shows a balance. Raises CheckpointChain where its lines name several."""
    if len(names := sorted({line.evidence for line in lines})) != 1:
        raise CheckpointChain("one balance, several evidences", where=f"leaves[{lines[0].index}].evidence",
                              expected=names[0], got=", ".join(names[:4]))  # fmt: skip
    return names[0]


def checkpoint_of(chain: str, checkpoints: Iterable[Checkpoint], where: str) -> Checkpoint:
    """The chain's checkpoint. Raises CheckpointMissing."""
    for entry in checkpoints:
        if entry.chain == chain:
            return entry
    raise CheckpointMissing("the line's chain has no checkpoint", where=where, got=chain)


def read_evidence_of(
    evidence: Evidence, checkpoint: Checkpoint, registry: LayoutRegistry, held: Held, where: str
) -> Reading:
    """What evidence shows of one balance. Raises ProofKindRefused where the checkpoint is of another kind of proof."""
    account, asset, custody = held
    layout = registry.find(asset, custody, where)
    require_evidence_kind(evidence, checkpoint, where)
    return evidence.reading(checkpoint, layout, account, where)


def require_evidence_kind(evidence: Evidence, checkpoint: Checkpoint, where: str) -> None:
    """Evidence of a chain is of the kind that its checkpoint says. Raises ProofKindRefused."""
    if evidence.chain == checkpoint.chain and checkpoint.proof_kind != evidence.KIND:
        raise ProofKindRefused("evidence of another kind than the checkpoint says", where=where,
                               expected=checkpoint.proof_kind, got=evidence.KIND)  # fmt: skip


def require_locks(balances: Balances, readings: Mapping[Held, Reading], report: Report = stop) -> None:
    """The lock of each line is the one that its evidence shows. Raises LockMismatch."""
    for held, reading in readings.items():
        for line in balances[held]:
            if line.lock_until != reading.lock_until:
                report(LockMismatch("not the lock that the evidence shows", where=f"leaves[{line.index}].lockUntil",
                                    expected=reading.lock_until, got=line.lock_until))  # fmt: skip


def require_balances(balances: Balances, readings: Mapping[Held, Reading], report: Report = stop) -> None:
    """The lines of each balance add up to no more than it. Raises BalanceShort."""
    for held, reading in readings.items():
        with reporting(report):
            require_covered(reading.balance, balances[held], f"leaves[{balances[held][0].index}]")


def require_custodies(balances: Balances, registry: LayoutRegistry, report: Report = stop) -> None:
    """No two balances are of the same coins. Raises LayoutUnknown, CustodyOverlap."""
    places = [f"leaves[{lines[0].index}]" for lines in balances.values()]
    held = [(registry.find(asset, custody, place), account)
            for (account, asset, custody), place in zip(balances, places, strict=True)]  # fmt: skip
    require_apart(held, report=report, places=places)


# --- owners ---------------------------------------------------------------------------------------------------------


def require_bindings(
    documents: Sequence[OwnerBindingDocument],
    domain: OfflineDomain | HomeDomain,
    epoch: int,
    known: Iterable[OwnerBinding],
    report: Report = stop,
) -> dict[str, list[OwnerBinding]]:
    """Bindings by account: signed, in time after those that were known before, all known ones kept.

    Raises BindingMissing where a known one is gone, BindingConflict, BindingMidEpoch, BindingSignature.
    """
    given: list[tuple[int, OwnerBinding]] = []
    for number, document in enumerate(documents):
        with reporting(report):
            require_binding(document, domain, f"bindings[{number}]")
            given.append((number, document.binding))
    accepted = by_account(known)
    kept = {document.binding for document in documents}
    for entry in (entry for entries in accepted.values() for entry in entries):
        if entry not in kept:
            report(BindingMissing("a binding of the bundle before is gone", where="bindings", got=entry.account))
    for number, entry in sorted(given, key=lambda pair: pair[1].nonce):
        before = accepted.setdefault(entry.account, [])
        if entry not in before:
            with reporting(report):
                require_in_time(entry, before, epoch, f"bindings[{number}]")
                before.append(entry)
    return accepted


def by_account(bindings: Iterable[OwnerBinding]) -> dict[str, list[OwnerBinding]]:
    """Bindings by the account that they are of."""
    found: dict[str, list[OwnerBinding]] = {}
    for entry in bindings:
        found.setdefault(entry.account, []).append(entry)
    return found


def owner_of(held: Held, reading: Reading, epoch: int, bindings: Iterable[OwnerBinding]) -> int:
    """The owner key of a balance: the vault's slot where it names one, else the account's binding. BindingMissing."""
    if reading.owner is not None:
        return reading.owner
    return owner_in_epoch(held[0], epoch, bindings).owner


def require_owners(
    balances: Balances,
    readings: Mapping[Held, Reading],
    documents: Sequence[OwnerBindingDocument],
    domain: OfflineDomain | HomeDomain,
    epoch: int,
    previous: Bundle | None,
    report: Report = stop,
) -> None:
    """Raise unless each account has one owner for the epoch, and its lines name it.

    ``readings``: of the balances that are judged. Raises BindingConflict, BindingMidEpoch, BindingMissing,
    BindingSignature.
    """
    known = [document.binding for document in previous.bindings] if previous is not None else []
    bindings = require_bindings(documents, domain, epoch, known, report)
    before = owners_before(previous, epoch)
    owners: dict[str, int] = {}
    for held, reading in readings.items():
        where = f"leaves[{balances[held][0].index}]"
        with reporting(report):
            try:
                owner = owner_of(held, reading, epoch, bindings.get(held[0], ()))
            except BindingMissing as error:
                raise BindingMissing(error.message, where=where, got=error.got) from None
            require_same_owner(held[0], owner, owners, before, where)
            for line in balances[held]:
                if line.owner != owner:
                    report(BindingConflict("the line names another owner than its account's",
                                           where=f"leaves[{line.index}].owner", expected=owner,
                                           got=line.owner))  # fmt: skip


def owners_before(previous: Bundle | None, epoch: int) -> dict[str, int]:
    """Owners of accounts in the epoch's earlier root."""
    if previous is None or previous.document.root.epoch != epoch:
        return {}
    return {line.account: line.owner for line in previous.openings.leaves}


def require_same_owner(
    account: str, owner: int, owners: dict[str, int], before: Mapping[str, int], where: str = "bindings"
) -> None:
    """Raise where an account has another owner than in the epoch's earlier root, or two. Notes it in ``owners``.

    Raises BindingMidEpoch, BindingConflict.
    """
    if before.get(account, owner) != owner:
        raise BindingMidEpoch("the account has another owner than in the epoch's earlier root", where=where,
                              got=account)  # fmt: skip
    if owners.setdefault(account, owner) != owner:
        raise BindingConflict("two owners for one account", where=where, got=account)


# --- notes ----------------------------------------------------------------------------------------------------------


def notes_by_balance(
    documents: Iterable[AllocationDocument],
    domain: OfflineDomain | HomeDomain,
    epoch: int,
    report: Report = stop,
) -> dict[Held, tuple[Note, ...]]:
    """The allocation of each balance in an epoch. Raises AllocationSignature, also where there are two."""
    found: dict[Held, tuple[Note, ...]] = {}
    for number, document in enumerate(documents):
        if document.allocation.epoch != epoch:
            continue
        where = f"allocations[{number}]"
        with reporting(report):
            require_allocation(document, domain, epoch, where)
            held = (document.allocation.account, document.allocation.asset, document.allocation.custody)
            if found.setdefault(held, document.notes) != document.notes:
                raise AllocationSignature("two allocations of one balance in one epoch", where=where)
    return found


def require_notes(
    balances: Balances,
    readings: Mapping[Held, Reading],
    documents: Iterable[AllocationDocument],
    domain: OfflineDomain | HomeDomain,
    epoch: int,
    report: Report = stop,
) -> None:
    """Raise unless each line is a note of its allocation, and holds no more than its share.

    ``readings``: of the balances that are judged. Raises AllocationSignature, AllocationMoved, AllocationRaised.
    """
    allocated = notes_by_balance(documents, domain, epoch, report)
    for held, reading in readings.items():
        listed = allocated.get(held, DEFAULT_NOTES)
        shares = share_balance(reading.balance, listed)
        pockets = {note.note: note.pocket for note in listed}
        for line in balances[held]:
            where = f"leaves[{line.index}]"
            if pockets.get(line.note) != line.pocket:
                report(AllocationMoved("no note of the allocation, or in another pocket", where=f"{where}.pocket",
                                       expected=pockets.get(line.note, "no such note"), got=line.pocket))  # fmt: skip
            elif line.amount > shares[line.note]:
                report(AllocationRaised("more than the note's share of the balance", where=f"{where}.amount",
                                        expected=shares[line.note], got=line.amount))  # fmt: skip


def require_kept(
    lines: Iterable[LeafOpening],
    documents: Iterable[AllocationDocument],
    domain: OfflineDomain | HomeDomain,
    epoch: int,
    previous: Bundle | None,
    report: Report = stop,
) -> None:
    """Raise where the epoch's earlier root had other allocations, or a line grew, appeared or moved since.

    Raises AllocationSignature, AllocationMoved, AllocationRaised.
    """
    if previous is None or previous.document.root.epoch != epoch:
        return
    allocated = {
        (entry.allocation.account, entry.allocation.asset, entry.allocation.custody): entry.notes
        for entry in documents
        if entry.allocation.epoch == epoch
    }
    before = notes_by_balance(previous.allocations, domain, epoch, partial(_of_previous, report))
    for held, notes in before.items():
        if allocated.get(held) != notes:
            report(AllocationMoved("an allocation changed within the epoch", where="allocations", got=held[0]))
    first = {line.cid: line for line in previous.openings.leaves}
    require_not_raised(first, {line.cid: line for line in lines}, report=report)
