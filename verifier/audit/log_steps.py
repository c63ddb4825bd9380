"""The step about the pledge log: an exported log, replayed by the terms that its operator published."""

from __future__ import annotations

from zkmargin.attestations.documents import require_domain
from zkmargin.errors import EpochMismatch, ZkMarginError
from zkmargin.verifier.audit.work import Sheet, Work
from zkmargin.verifier.registry.bundle import evidence_of, judge_log


def judge_pledges(work: Work, sheet: Sheet) -> None:
    """A15: the log is one append-only log of its operator, and gives no nullifier to two venues."""
    log = work.given.log
    if log is None:
        sheet.not_done = "no pledge log was given"
        return
    policy = work.given.policy
    try:
        require_domain(log.terms.domain, policy.domain, "registry.json: domain")
        if log.terms.epoch_length != policy.epoch_length:
            raise EpochMismatch(
                "the registry counts other epochs than the policy", where="registry.json: epochLength",
                expected=policy.epoch_length, got=log.terms.epoch_length,
            )  # fmt: skip
        found = judge_log(log.folder, log.terms, log.heads, log.receipts)
    except ZkMarginError as error:
        error.where = error.where.removeprefix(f"{log.folder}/")
        sheet.report(error)
        if (evidence := evidence_of(error)) is not None:
            work.log_evidence.append(evidence)
        return
    sheet.remark(f"{found.size} entries, {found.nullifiers} nullifiers, none at two venues at once")
    if found.unproven:
        sheet.remark(f"{found.unproven} pledges on their venue's word that it verified a proof")
    if found.unsigned:
        sheet.remark(f"{found.unsigned} pledges on the registry's word that it verified a proof")
    if not log.heads and not log.receipts:
        sheet.remark("no head and no receipt that others kept was given: another log may have been shown to them")
