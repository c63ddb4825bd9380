"""What a bundle must show, step by step: for the attestors before they sign, for an auditor afterwards.

Steps as in ATTESTATION §2.1: openings and tree (A4, A5), state proofs, observed lines, balances, overlap and locks (A7
to A10, A13, A14), owners (A11), pockets and amounts (A12).                            specs/collateral.md#bundle
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
from zkmargin.attestations.collateral.roots import require_openings, require_successor
from zkmargin.attestations.collateral.tree import Tree
from zkmargin.attestations.documents import HomeDomain, OfflineDomain

Held: TypeAlias = tuple[str, str, str]
"""Account, asset, custody: what one balance is of."""


def require_bundle(
    bundle: Bundle, registry: LayoutRegistry, domain: OfflineDomain | HomeDomain, previous: Bundle | None
) -> Tree:
    """The tree of a bundle that follows from its evidence, by the verifier's own registry.

    ``previous``: the bundle of the root before it, which the root names. Who signed, when, and whether blocks are the
    chains' own is judged by ``require_root``, ``require_chains`` and on nodes. Raises what the steps raise.
    """
    require_follows(bundle, previous)
    tree = require_openings(bundle.document, bundle.openings)
    readings = read_balances(bundle, registry)
    require_owners(bundle, readings, domain, previous)
    require_amounts(bundle, readings, domain, previous)
    return tree


def require_follows(bundle: Bundle, previous: Bundle | None) -> None:
    """Raise unless the root follows the previous one, or is the first. Raises RootChain, and of require_successor."""
    if previous is not None:
        require_successor(previous.document, bundle.document)
    elif bundle.document.root.prev_digest != bytes(32):
        raise RootChain("the bundle before it is missing", where="root.prevDigest",
                        hint="give the bundle of the root that this one names")  # fmt: skip


def by_balance(lines: Iterable[LeafOpening]) -> dict[Held, list[LeafOpening]]:
    """Lines by the balance that they share."""
    found: dict[Held, list[LeafOpening]] = {}
    for line in lines:
        found.setdefault((line.account, line.asset, line.custody), []).append(line)
    return found


def read_balances(bundle: Bundle, registry: LayoutRegistry) -> dict[Held, Reading]:
    """What evidence shows of each balance, under the checkpoints; it covers the lines, and their locks are its own.

    Raises CheckpointMissing, CheckpointChain, ProofKindRefused, LayoutUnknown, LockMismatch, BalanceShort,
    CustodyOverlap, and what reading the evidence raises.
    """
    checkpoints = {entry.chain: entry for entry in bundle.document.checkpoints}
    found: dict[Held, Reading] = {}
    held = []
    for key, lines in by_balance(bundle.openings.leaves).items():
        account, asset, custody = key
        where = f"leaves[{lines[0].index}]"
        layout = registry.find(asset, custody, where)
        if layout.chain not in checkpoints:
            raise CheckpointMissing("the line's chain has no checkpoint", where=where, got=layout.chain)
        if len(names := sorted({line.evidence for line in lines})) != 1:
            raise CheckpointChain("one balance, several evidences", where=where, got=", ".join(names))
        found[key] = read_evidence_of(
            bundle.evidence[names[0]], checkpoints[layout.chain], registry, key, f"{where}: {names[0]}"
        )
        if wrong := [line for line in lines if line.lock_until != found[key].lock_until]:
            raise LockMismatch("not the lock that the evidence shows", where=f"leaves[{wrong[0].index}].lockUntil",
                               expected=found[key].lock_until, got=wrong[0].lock_until)  # fmt: skip
        require_covered(found[key].balance, lines, where)
        held.append((layout, account))
    require_apart(held)
    return found


def read_evidence_of(
    evidence: Evidence, checkpoint: Checkpoint, registry: LayoutRegistry, held: Held, where: str
) -> Reading:
    """What evidence shows of one balance. Raises ProofKindRefused where the checkpoint is of another kind of proof."""
    account, asset, custody = held
    layout = registry.find(asset, custody, where)
    if evidence.chain == checkpoint.chain and checkpoint.proof_kind != evidence.KIND:
        raise ProofKindRefused("evidence of another kind than the checkpoint says", where=where,
                               expected=checkpoint.proof_kind, got=evidence.KIND)  # fmt: skip
    return evidence.reading(checkpoint, layout, account, where)


def require_bindings(
    documents: Sequence[OwnerBindingDocument],
    domain: OfflineDomain | HomeDomain,
    epoch: int,
    known: Iterable[OwnerBinding],
) -> dict[str, list[OwnerBinding]]:
    """Bindings by account: signed, in time after those that were known before, all known ones kept.

    Raises BindingMissing where a known one is gone, BindingConflict, BindingMidEpoch, BindingSignature.
    """
    for number, document in enumerate(documents):
        require_binding(document, domain, f"bindings[{number}]")
    given = [document.binding for document in documents]
    accepted = by_account(known)
    kept = set(given)
    for entry in (entry for entries in accepted.values() for entry in entries):
        if entry not in kept:
            raise BindingMissing("a binding of the bundle before is gone", where="bindings", got=entry.account)
    for entry in sorted(given, key=lambda binding: binding.nonce):
        before = accepted.setdefault(entry.account, [])
        if entry not in before:
            require_in_time(entry, before, epoch)
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
    bundle: Bundle,
    readings: Mapping[Held, Reading],
    domain: OfflineDomain | HomeDomain,
    previous: Bundle | None,
) -> None:
    """Raise unless each account has one owner for the epoch, and its lines name it.

    Raises BindingConflict, BindingMidEpoch, BindingMissing, BindingSignature.
    """
    epoch = bundle.document.root.epoch
    known = [document.binding for document in previous.bindings] if previous is not None else []
    bindings = require_bindings(bundle.bindings, domain, epoch, known)
    before = owners_before(previous, epoch)
    owners: dict[str, int] = {}
    for held, lines in by_balance(bundle.openings.leaves).items():
        owner = owner_of(held, readings[held], epoch, bindings.get(held[0], ()))
        where = f"leaves[{lines[0].index}]"
        require_same_owner(held[0], owner, owners, before, where)
        if any(line.owner != owner for line in lines):
            raise BindingConflict("the line names another owner than its account's", where=where, got=held[0])


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


def notes_by_balance(
    documents: Iterable[AllocationDocument], domain: OfflineDomain | HomeDomain, epoch: int
) -> dict[Held, tuple[Note, ...]]:
    """The allocation of each balance in an epoch. Raises AllocationSignature, also where there are two."""
    found: dict[Held, tuple[Note, ...]] = {}
    for number, document in enumerate(documents):
        if document.allocation.epoch != epoch:
            continue
        where = f"allocations[{number}]"
        require_allocation(document, domain, epoch, where)
        held = (document.allocation.account, document.allocation.asset, document.allocation.custody)
        if found.setdefault(held, document.notes) != document.notes:
            raise AllocationSignature("two allocations of one balance in one epoch", where=where)
    return found


def require_amounts(
    bundle: Bundle,
    readings: Mapping[Held, Reading],
    domain: OfflineDomain | HomeDomain,
    previous: Bundle | None,
) -> None:
    """Raise unless each line is a note of its allocation, holds no more than its share, and did not grow or move.

    Raises AllocationSignature, AllocationMoved, AllocationRaised.
    """
    epoch = bundle.document.root.epoch
    allocated = notes_by_balance(bundle.allocations, domain, epoch)
    same_epoch = previous is not None and previous.document.root.epoch == epoch
    if previous is not None and same_epoch:
        for held, notes in notes_by_balance(previous.allocations, domain, epoch).items():
            if allocated.get(held) != notes:
                raise AllocationMoved("an allocation changed within the epoch", where="allocations", got=held[0])
    for held, lines in by_balance(bundle.openings.leaves).items():
        listed = allocated.get(held, DEFAULT_NOTES)
        shares = share_balance(readings[held].balance, listed)
        pockets = {note.note: note.pocket for note in listed}
        for line in lines:
            where = f"leaves[{line.index}]"
            if pockets.get(line.note) != line.pocket:
                raise AllocationMoved("no note of the allocation, or in another pocket", where=where)
            if line.amount > shares[line.note]:
                raise AllocationRaised("more than the note's share of the balance", where=f"{where}.amount")
    if previous is not None and same_epoch:
        require_not_raised(
            {line.cid: line for line in previous.openings.leaves}, {line.cid: line for line in bundle.openings.leaves}
        )
