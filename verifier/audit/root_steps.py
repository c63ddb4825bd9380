"""A1 to A5: the files, who signed the root and when, what it follows, its openings, its tree."""

from __future__ import annotations

from zkmargin.attestations.collateral.bundle_checks import require_follows
from zkmargin.attestations.collateral.documents import CollateralRootDocument
from zkmargin.attestations.collateral.equivocation import find_equivocation, valid_signatures
from zkmargin.attestations.collateral.errors import AttestorSetMismatch, Equivocation, RootChain
from zkmargin.attestations.collateral.identifiers import require_chain, require_custody, split_account, split_asset
from zkmargin.attestations.collateral.roots import (
    require_depth,
    require_leaves,
    require_not_revoked,
    require_set,
    require_times,
    require_tree,
    require_within_epoch,
)
from zkmargin.attestations.context import epoch_of
from zkmargin.attestations.documents import require_signed
from zkmargin.attestations.faults import reporting
from zkmargin.encoding import hex_bytes
from zkmargin.errors import IdCanonical, ZkMarginError
from zkmargin.verifier.audit.work import Sheet, Work

NO_ROOT = "the root could not be read"
NO_OPENINGS = "the openings could not be read"


def judge_files(work: Work, sheet: Sheet) -> None:
    """A1: every file is whole, of a known version, and is what a bundle has; every name has its one spelling."""
    parts = work.given.parts
    for fault in work.given.faults:
        sheet.report(fault)
    for entry in parts.document.checkpoints if parts.document is not None else ():
        with reporting(sheet.report):
            require_chain(entry.chain, "root.json: checkpoints")
    for at, line in enumerate(work.lines):
        faults: list[ZkMarginError] = []
        where = f"leaves[{at}]"
        for check, text, name in (
            (require_chain, line.chain, "chain"),
            (split_account, line.account, "account"),
            (split_asset, line.asset, "asset"),
            (require_custody, line.custody, "custody"),
        ):
            try:
                check(text)
            except IdCanonical as error:
                error.where = f"{where}.{name}"
                faults.append(error)
        if faults:
            work.nameless.add(at)
        for fault in faults:
            sheet.report(fault)
    for name, evidence in parts.evidence.items():
        with reporting(sheet.report):
            require_chain(evidence.chain, f"{name}: chain")
    for at, bound in enumerate(parts.bindings):
        with reporting(sheet.report):
            split_account(bound.binding.account, f"bindings[{at}].account")
    for at, shared in enumerate(parts.allocations):
        with reporting(sheet.report):
            split_account(shared.allocation.account, f"allocations[{at}].account")
            split_asset(shared.allocation.asset, f"allocations[{at}].asset")
            require_custody(shared.allocation.custody, f"allocations[{at}].custody")


def judge_signatures(work: Work, sheet: Sheet) -> None:
    """A2: a quorum of the policy's attestors signed this root for this domain; it counts at the time of judgement."""
    given, document = work.given, work.document
    if document is None:
        return sheet.leave(NO_ROOT)
    domain, attestors, skew = given.policy.domain, given.collateral.attestors, given.policy.clock_skew
    require_set(document, domain, attestors, sheet.report)
    signers = require_signed(document.root, domain.signing(), document.signatures, attestors.signers.signer_set(),
                             "root", sheet.report)  # fmt: skip
    if not sheet.findings:
        sheet.remark(f"signed by {len(signers)} of {len(attestors.signers.members)} attestors, "
                     f"{attestors.signers.threshold} needed")  # fmt: skip
    at = work.at
    if given.at is None:
        sheet.remark("judged as of the root's own time of issue")
        if document.root.issued_at > given.clock + skew:
            at = given.clock
    require_times(document, epoch_of(at, given.policy.epoch_length), at, skew, sheet.report)
    require_within_epoch(document, given.policy.epoch_length, sheet.report)
    require_not_revoked(document, domain, attestors, given.revocations, sheet.report)
    return None


def judge_succession(work: Work, sheet: Sheet) -> None:
    """A3: the root follows the one before it, none between them is passed over, and no number was signed twice."""
    given, document = work.given, work.document
    if document is None:
        return sheet.leave(NO_ROOT)
    faults: list[ZkMarginError] = []
    require_follows(document, given.previous, faults.append)
    for fault in faults:
        if not isinstance(fault, Equivocation):  # below, with evidence where signatures hold
            sheet.report(fault)
    previous = given.previous.document if given.previous is not None else None
    if previous is None:
        sheet.remark("the root names none before it; whether there was one, this bundle cannot tell")
    else:
        _judge_signed_before(work, sheet, previous)
    _judge_seen(work, sheet, previous)
    _judge_equivocation(work, sheet, previous, any(isinstance(fault, Equivocation) for fault in faults))
    number = document.root.seq
    same = previous is not None and previous.root.epoch == document.root.epoch
    expected = previous.root.seq + 1 if previous is not None and same else 1
    if number > expected:
        sheet.remark(f"number {number} where {expected} would be next: roots between were never published, or are "
                     "withheld (--seen)")  # fmt: skip
    return None


def _judge_signed_before(work: Work, sheet: Sheet, previous: CollateralRootDocument) -> None:
    """The root before was signed by a quorum of its set, which is the policy's unless attestors rotated."""
    domain, root = work.given.policy.domain, previous.root
    if root.attestor_set_id != previous.attestors.identity:
        sheet.report(AttestorSetMismatch("not the set that its root names", where="previous: attestors",
                                         expected=hex_bytes(root.attestor_set_id),
                                         got=hex_bytes(previous.attestors.identity)))  # fmt: skip
        return
    with reporting(sheet.report):
        signers = previous.attestors.signers.signer_set()
        require_signed(root, domain.signing(), previous.signatures, signers, "previous: root", sheet.report)
    if previous.attestors != work.given.collateral.attestors:
        sheet.remark(f"the root before is of another attestor set, {hex_bytes(root.attestor_set_id)}")


def _judge_seen(work: Work, sheet: Sheet, previous: CollateralRootDocument | None) -> None:
    """Roots that the auditor saw and this one passes over."""
    document, attestors = work.document, work.given.collateral.attestors
    if document is None:
        return
    after = (-1, -1) if previous is None else (previous.root.epoch, previous.root.seq)
    for at, other in enumerate(work.given.seen):
        words = other.root
        held = valid_signatures(other, attestors) if words.attestor_set_id == attestors.identity else ()
        ours = other.domain == document.domain and words.pledge_domain == document.root.pledge_domain
        if not ours or len(held) < attestors.signers.threshold:
            sheet.remark(f"seen[{at}]: no quorum of this domain and set signed it; {len(held)} valid signatures")
            continue
        if after < (words.epoch, words.seq) < (document.root.epoch, document.root.seq):
            sheet.report(RootChain("passes over a root that a quorum signed", where="root.prevDigest",
                                   expected=hex_bytes(other.digest),
                                   got=hex_bytes(document.root.prev_digest)))  # fmt: skip


def _judge_equivocation(work: Work, sheet: Sheet, previous: CollateralRootDocument | None, unproven: bool) -> None:
    document, given = work.document, work.given
    if document is None:
        return
    roots = [document, *given.seen, *([] if previous is None else [previous])]
    work.equivocation = find_equivocation(roots, given.policy.domain, given.collateral.attestors)
    for entry in work.equivocation:
        words = entry.roots[0].root
        digests = ", ".join(map(hex_bytes, entry.digests))
        sheet.report(Equivocation(f"{len(entry.roots)} roots with one number were signed", where="root.seq",
                                  expected=f"one root of epoch {words.epoch}, number {words.seq}",
                                  got=digests))  # fmt: skip
    if unproven and not work.equivocation:
        sheet.report(Equivocation("two roots with one number, though not two quorums signed them", where="root.seq"))


def judge_openings(work: Work, sheet: Sheet) -> None:
    """A4: the openings are the file that was signed, and as many as the root says."""
    openings = work.given.parts.openings
    if work.document is None or openings is None:
        return sheet.leave(NO_ROOT if work.document is None else NO_OPENINGS)
    return require_leaves(work.document, openings, sheet.report)


def judge_tree(work: Work, sheet: Sheet) -> None:
    """A5: each line's id and leaf are its own, ids rise, and the lines make the signed tree."""
    if work.document is None or work.given.parts.openings is None:
        return sheet.leave(NO_ROOT if work.document is None else NO_OPENINGS)
    require_depth(work.document, sheet.report)
    tree = require_tree(work.document, work.lines, sheet.report, work.nameless)
    if tree is None:
        sheet.leave("lines without canonical names have no leaf: the tree could not be built")
    return None
