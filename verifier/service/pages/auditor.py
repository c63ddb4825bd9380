"""An auditor's page: the log checked now, and the auditor's own documents held against it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from zkmargin.attestations.schema import load_json
from zkmargin.errors import DocumentVersion
from zkmargin.verifier.audit.report import AuditReport
from zkmargin.verifier.audit.words import coverage_pairs
from zkmargin.verifier.registry.documents import (
    LogConsistency,
    LogEvidence,
    LogHeadDocument,
    LogPage,
    LogProof,
    PledgeReceiptDocument,
    SignedHead,
)
from zkmargin.verifier.registry.errors import LogFork
from zkmargin.verifier.registry.log import fork, require_consistency, require_evidence, require_head, require_receipt
from zkmargin.verifier.registry.replay import LogFinding, require_log
from zkmargin.verifier.service.errors import Overloaded
from zkmargin.verifier.service.pages.forms import document_of, read_form
from zkmargin.verifier.service.pages.render import page
from zkmargin.verifier.service.pages.session import Sessions
from zkmargin.verifier.service.pages.views import Checked, check
from zkmargin.verifier.service.service import Service

MOST: Final = 100_000
"""Entries that a replay takes into the service's memory; longer logs are for an auditor's own machine."""
VERDICTS: Final = {"pass": "pass", "fail": "fail", "notJudged": "not judged", "notDone": "not done"}


@dataclass(frozen=True)
class Replayed:
    """The last replay of the log: when, over how many entries, and what came of it."""

    at: int
    size: int
    checks: list[Checked]
    finding: LogFinding | None


class Replays:
    """One replay at a time; while the log has not grown, the last one stands."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = asyncio.Lock()
        self.last: Replayed | None = None

    async def run(self) -> None:
        """Raises Overloaded where one is running, or the log is too long."""
        if self._lock.locked():
            raise Overloaded("the log is being checked already")
        async with self._lock:
            self.last = await asyncio.to_thread(self._replay)

    def _replay(self) -> Replayed:
        registry = self._service.registry
        size = registry.size()
        if size > MOST:
            raise Overloaded(
                "the log is too long to be checked here", expected=f"at most {MOST} entries", got=size,
                hint="`zkmargin registry export`, and `registry check` on a machine of your own",
            )  # fmt: skip
        found: list[LogFinding] = []
        whole = check("tables, tree and signed head say the same", registry.require_whole)
        rules = check(
            "every entry keeps the rules, under heads that the operator signed",
            lambda: found.append(require_log(self._pages(size), registry.terms)),
        )
        return Replayed(self._service.clock(), size, [whole, rules], found[0] if found else None)

    def _pages(self, size: int) -> Iterator[LogPage]:
        first = 0
        while first < size:
            read = self._service.registry.page(first, size)
            yield read
            first += len(read.entries)


def audit_pages(service: Service, sessions: Sessions) -> APIRouter:
    """The page, and what its forms send."""
    router = APIRouter(prefix="/audit", include_in_schema=False)
    replays = Replays(service)

    def shown(request: Request, judged: object = None) -> Response:
        session = sessions.find(request)
        mark = None if session is None else session.mark
        return page("audit.html", mark=mark, last=replays.last, venues=service.desk.venues, judged=judged)

    @router.get("")
    async def audit(request: Request) -> Response:
        return shown(request)

    @router.post("/log")
    async def log(request: Request) -> Response:
        sessions.require_form(request, await read_form(request))
        await replays.run()
        return shown(request)

    @router.post("/document")
    async def document(request: Request) -> Response:
        content = document_of(await read_form(request))
        fields = load_json(content)
        kind = fields.get("type") if isinstance(fields, dict) else None
        if kind == AuditReport.TYPE:
            report = AuditReport.parse(content)
            return page("report.html", report=report, pairs=coverage_pairs(report.coverage), verdicts=VERDICTS)
        return shown(request, await asyncio.to_thread(_judged, service, kind, content))

    return router


@dataclass(frozen=True)
class Judged:
    """A document that was held against the log: what it is, what was checked. ``guilty``: evidence that holds."""

    what: str
    checks: list[Checked]
    guilty: bool = False


def _judged(service: Service, kind: object, content: bytes) -> Judged:
    registry = service.registry
    terms = registry.terms
    if kind == LogHeadDocument.TYPE:
        kept = LogHeadDocument.parse(content)
        return Judged(f"a log head over {kept.head.size} entries", [
            check("the operator signed it", lambda: require_head(kept, terms)),
            check("the log of today begins with it", lambda: _require_begun(service, kept)),
        ])  # fmt: skip
    if kind == PledgeReceiptDocument.TYPE:
        receipt = PledgeReceiptDocument.parse(content)
        return Judged("a receipt", [
            check("the operator signed it", lambda: require_receipt(receipt, terms)),
            check("the log has its entry", lambda: require_receipt(receipt, terms, None, _proof(service, receipt))),
        ])  # fmt: skip
    if kind == LogEvidence.TYPE:
        evidence = LogEvidence.parse(content)
        found = check("it convicts the operator", lambda: require_evidence(evidence, terms))
        return Judged(f"evidence ({evidence.kind})", [found], guilty=found.error is None)
    raise DocumentVersion(
        "not a document that is judged here",
        where="type",
        expected=", ".join((AuditReport.TYPE, LogHeadDocument.TYPE, PledgeReceiptDocument.TYPE, LogEvidence.TYPE)),
    )


def _proof(service: Service, receipt: PledgeReceiptDocument) -> LogProof:
    return service.registry.prove_inclusion(receipt.receipt.log_index)


def _require_begun(service: Service, kept: LogHeadDocument) -> None:
    """Raises LogFork, LogInclusion, LogHeadInvalid."""
    proof: LogConsistency = service.registry.prove_consistency(kept.head.size)
    if proof.first.head.root != kept.head.root:
        mine = SignedHead(head=kept.head, signatures=kept.signatures)
        evidence = fork(mine, proof.second, proof.first.head.root, proof.path, service.registry.terms)
        raise LogFork("the log does not begin with this head", where="head.root", evidence=evidence)
    require_consistency(proof, service.registry.terms)
