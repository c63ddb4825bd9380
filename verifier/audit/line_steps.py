"""A6 to A14: blocks, evidence, balances, owners, notes, custodies, locks."""

from __future__ import annotations

from zkmargin.attestations.chains.errors import LayoutUnknown
from zkmargin.attestations.chains.layouts import Layout, LayoutRegistry
from zkmargin.attestations.collateral.bundle_checks import (
    Held,
    checkpoint_of,
    evidence_name,
    read_balance,
    require_balances,
    require_custodies,
    require_evidence_kind,
    require_kept,
    require_locks,
    require_notes,
    require_owners,
)
from zkmargin.attestations.collateral.documents import PROVEN_KINDS, Checkpoint, LeafOpening
from zkmargin.attestations.collateral.roots import require_checkpoints, require_fresh, require_kind
from zkmargin.attestations.collateral.signing import require_own
from zkmargin.attestations.faults import reporting
from zkmargin.errors import VerificationError
from zkmargin.verifier.audit.root_steps import NO_OPENINGS, NO_ROOT
from zkmargin.verifier.audit.work import Sheet, Work


def judge_checkpoints(work: Work, sheet: Sheet) -> None:
    """A6: checkpoints are the signed ones, final and fresh enough, and the chains' own where a node was asked.

    What is wrong with the auditor's own node is no finding: it is raised.
    """
    if work.document is None:
        return sheet.leave(NO_ROOT)
    rules, skew = work.given.collateral.rules(), work.given.policy.clock_skew
    for chain in sorted(set(work.given.nodes) - {entry.chain for entry in work.document.checkpoints}):
        sheet.remark(f"{chain}: no checkpoint, so the auditor's node was not asked")
    require_checkpoints(work.document, sheet.report)
    for entry in work.document.checkpoints:
        before = len(sheet.findings)
        require_fresh(entry, rules, work.at, skew, sheet.report)
        _confirm(work, sheet, entry)
        if len(sheet.findings) > before:
            work.doubtful.add(entry.chain)
    return None


def _confirm(work: Work, sheet: Sheet, entry: Checkpoint) -> None:
    """Ask the auditor's own node, where there is one for the chain."""
    block = f"{entry.chain}: block {entry.block_number}"
    if entry.chain not in work.given.nodes:
        return sheet.remark(f"{block} not independently confirmed (--node)")
    try:
        require_own(entry, work.given.nodes[entry.chain])
    except VerificationError as error:
        return sheet.report(error)
    return sheet.remark(f"{block} confirmed on the auditor's own node")


def judge_blocks(work: Work, sheet: Sheet) -> None:
    """A7: each evidence is of the checkpointed block of its lines' chain, header by hash, root, number and time."""
    if work.document is None or work.given.parts.openings is None:
        return sheet.leave(NO_ROOT if work.document is None else NO_OPENINGS)
    used: dict[str, LeafOpening] = {}
    for at, line in enumerate(work.lines):
        if at not in work.nameless:
            used.setdefault(line.evidence, line)
    for name, line in used.items():
        evidence = work.given.parts.evidence.get(name)
        if evidence is None:
            sheet.leave(f"{name} could not be read")
            continue
        where = f"leaves[{line.index}]: {name}"
        faults = len(sheet.findings)
        with reporting(sheet.report):
            evidence.require_block(checkpoint_of(line.chain, work.document.checkpoints, where), where)
        if len(sheet.findings) == faults:
            work.placed.add(name)
    return _leave_nameless(work, sheet)


def judge_evidence(work: Work, sheet: Sheet) -> None:
    """A8: each balance is what its evidence shows, read as the registry says: account, code, slots, proofs.

    Evidence that is no state proof is read too: what it shows is listed as observed (A9).
    """
    if work.document is None or work.given.parts.openings is None:
        return sheet.leave(NO_ROOT if work.document is None else NO_OPENINGS)
    registry = work.registry
    if registry is None:
        return sheet.leave("there is no registry of layouts")
    if work.given.registry is None:
        sheet.report(LayoutUnknown("judged by the bundle's own registry, which the attestors made",
                                   where="layouts.json", expected="a registry that the auditor reviewed",
                                   hint="--layouts: your own; after a review, the bundle's"))  # fmt: skip
    theirs = {(entry.asset, entry.custody): entry for entry in _layouts(work.given.parts.registry)}
    for entry in _layouts(registry):
        if (entry.asset, entry.custody) in theirs and theirs[entry.asset, entry.custody] != entry:
            sheet.remark(f"the attestors' registry says otherwise of {entry.name}; the auditor's own counts")
    missed = 0
    for held, lines in work.balances.items():
        with reporting(sheet.report):
            name = evidence_name(lines)
            if name not in work.placed or not _of_its_kind(work, name):
                missed += 1
                continue
            work.readings[held] = read_balance(
                held, lines, work.given.parts.evidence, work.document.checkpoints, registry
            )
            if work.given.parts.evidence[name].KIND not in PROVEN_KINDS:
                work.observed.add(held)
    if missed:
        sheet.leave(f"{missed} balances whose evidence is missing, of another block or of another kind (A1, A7, A9)")
    return _leave_nameless(work, sheet)


def _layouts(registry: LayoutRegistry | None) -> tuple[Layout, ...]:
    return registry.layouts if registry is not None else ()


def _of_its_kind(work: Work, name: str) -> bool:
    """Whether evidence is of its checkpoint's kind; where it is not, A9 reports it."""
    evidence = work.given.parts.evidence[name]
    kinds = {entry.chain: entry.proof_kind for entry in work.document.checkpoints} if work.document else {}
    return kinds.get(evidence.chain) == evidence.KIND


def judge_kinds(work: Work, sheet: Sheet) -> None:
    """A9: what is attested and not proven is allowed by the policy, and is called so by the checkpoint."""
    document = work.document
    if document is None:
        return sheet.leave(NO_ROOT)
    rules = work.given.collateral.rules()
    chains = {line.chain for line in work.lines}
    for entry in document.checkpoints:
        if entry.chain in rules:  # A6 refuses the others
            require_kind(entry, rules, sheet.report)
        if entry.proof_kind not in PROVEN_KINDS and entry.chain in chains:
            sheet.remark(f"{entry.chain}: attested, not proven")
    for name in sorted(work.placed):
        evidence = work.given.parts.evidence[name]
        with reporting(sheet.report):
            require_evidence_kind(evidence, checkpoint_of(evidence.chain, document.checkpoints, name), name)
    if work.given.parts.openings is None:
        sheet.leave(NO_OPENINGS)
    return None


def judge_balances(work: Work, sheet: Sheet) -> None:
    """A10: the notes of a balance add up to no more than it."""
    require_balances(work.balances, work.readings, sheet.report)
    _leave_unread(work, sheet)


def judge_owners(work: Work, sheet: Sheet) -> None:
    """A11: bindings are signed and in time, an account has one owner in the epoch, the one before in the same epoch."""
    if work.document is None:
        return sheet.leave(NO_ROOT)
    epoch, domain = work.document.root.epoch, work.given.policy.domain
    bindings = work.given.parts.bindings
    require_owners(work.balances, work.readings, bindings, domain, epoch, work.given.previous, sheet.report)
    return _leave_unread(work, sheet)


def judge_notes(work: Work, sheet: Sheet) -> None:
    """A12: allocations are signed, lines are their notes, and within the epoch none grew, appeared or moved."""
    if work.document is None:
        return sheet.leave(NO_ROOT)
    epoch, domain = work.document.root.epoch, work.given.policy.domain
    allocations = work.given.parts.allocations
    require_notes(work.balances, work.readings, allocations, domain, epoch, sheet.report)
    named = (line for at, line in enumerate(work.lines) if at not in work.nameless)
    require_kept(named, allocations, domain, epoch, work.given.previous, sheet.report)
    if other := sum(entry.allocation.epoch != epoch for entry in allocations):
        sheet.remark(f"{other} allocations of other epochs: they say nothing of this root, and were not judged")
    return _leave_unread(work, sheet)


def judge_custodies(work: Work, sheet: Sheet) -> None:
    """A13: no coins stand in two lines, as a receipt and what it is for, or under two layouts."""
    registry = work.registry
    if work.given.parts.openings is None or registry is None:
        return sheet.leave(NO_OPENINGS if registry is not None else "there is no registry of layouts")
    known = {(entry.asset, entry.custody) for entry in registry.layouts}
    judged = {held: lines for held, lines in work.balances.items() if held[1:] in known}
    require_custodies(judged, registry, sheet.report)
    if missed := len(work.balances) - len(judged):
        sheet.leave(f"{missed} balances without a layout (A8)")
    return _leave_nameless(work, sheet)


def judge_locks(work: Work, sheet: Sheet) -> None:
    """A14: each line's lock is the one in its vault's slot; nothing but a vault locks."""
    require_locks(work.balances, work.readings, sheet.report)
    _leave_unread(work, sheet)


def _leave_unread(work: Work, sheet: Sheet) -> None:
    if work.given.parts.openings is None:
        return sheet.leave(NO_OPENINGS)
    unread: list[Held] = [held for held in work.balances if held not in work.readings]
    if unread:
        sheet.leave(f"{len(unread)} of {len(work.balances)} balances have no valid evidence (A7 to A9)")
    return _leave_nameless(work, sheet)


def _leave_nameless(work: Work, sheet: Sheet) -> None:
    if work.nameless:
        sheet.leave(f"{len(work.nameless)} lines have no canonical names (A1)")
