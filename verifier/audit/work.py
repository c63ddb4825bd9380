"""What an audit is given, what its steps learn from each other, and what one step found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from zkmargin.attestations.chains.documents import Reading
from zkmargin.attestations.chains.layouts import LayoutRegistry
from zkmargin.attestations.chains.reader import ChainReader
from zkmargin.attestations.collateral.bundle import Bundle, Parts
from zkmargin.attestations.collateral.bundle_checks import Held, by_balance
from zkmargin.attestations.collateral.documents import CollateralRootDocument, LeafOpening, RevokeRootDocument
from zkmargin.attestations.collateral.equivocation import EquivocationDocument
from zkmargin.attestations.market import MarketSnapshotDocument
from zkmargin.attestations.price_evidence import PriceEvidence
from zkmargin.circuits.rules import RuleSet
from zkmargin.errors import ZkMarginError
from zkmargin.margin.market import Market
from zkmargin.verifier.audit.report import Finding, StepResult, Verdict, plain
from zkmargin.verifier.policy import CollateralPolicy, Policy
from zkmargin.verifier.registry.documents import LogEvidence, PledgeReceiptDocument, RegistryTerms, SignedHead


@dataclass(frozen=True)
class PledgeLog:
    """An exported log, the terms that the auditor has of its operator, and heads and receipts that others kept."""

    folder: Path
    terms: RegistryTerms
    heads: tuple[SignedHead, ...] = ()
    receipts: tuple[PledgeReceiptDocument, ...] = ()


@dataclass(frozen=True)
class Inputs:
    """A bundle as far as it could be read with the faults of reading it, and what the auditor holds against it.

    ``seen``: other roots that the auditor came by. ``registry``: the auditor's own layouts. ``at``: when things are
    judged, unix seconds; None: when the root says that it was issued, which is not after ``clock``.
    """

    parts: Parts
    faults: tuple[ZkMarginError, ...]
    policy: Policy
    collateral: CollateralPolicy
    previous: Bundle | None = None
    seen: tuple[CollateralRootDocument, ...] = ()
    revocations: tuple[RevokeRootDocument, ...] = ()
    registry: LayoutRegistry | None = None
    nodes: Mapping[str, ChainReader] = field(default_factory=dict)
    market: MarketSnapshotDocument | None = None
    prices: PriceEvidence | None = None
    rules: RuleSet | None = None
    log: PledgeLog | None = None
    at: int | None = None
    clock: int = 0


@dataclass
class Work:
    """The inputs, and what steps found out for those after them."""

    given: Inputs
    nameless: set[int] = field(default_factory=set)
    """Lines, by place, whose names are not canonical."""
    placed: set[str] = field(default_factory=set)
    """Files of evidence that are of the checkpointed blocks."""
    doubtful: set[str] = field(default_factory=set)
    """Chains whose checkpoint does not count."""
    readings: dict[Held, Reading] = field(default_factory=dict)
    observed: set[Held] = field(default_factory=set)
    """Balances whose evidence is no state proof."""
    equivocation: list[EquivocationDocument] = field(default_factory=list)
    log_evidence: list[LogEvidence] = field(default_factory=list)
    market: Market | None = None

    @property
    def document(self) -> CollateralRootDocument | None:
        return self.given.parts.document

    @property
    def lines(self) -> tuple[LeafOpening, ...]:
        openings = self.given.parts.openings
        return openings.leaves if openings is not None else ()

    @cached_property
    def balances(self) -> dict[Held, list[LeafOpening]]:
        """Lines by balance, those whose names are canonical: known once A1 is done."""
        return by_balance(line for at, line in enumerate(self.lines) if at not in self.nameless)

    @property
    def registry(self) -> LayoutRegistry | None:
        """The auditor's layouts, else the bundle's own."""
        return self.given.registry if self.given.registry is not None else self.given.parts.registry

    @property
    def at(self) -> int:
        """When things are judged, unix seconds."""
        if self.given.at is not None:
            return self.given.at
        return self.document.root.issued_at if self.document is not None else self.given.clock


@dataclass
class Sheet:
    """What one step found; ``report`` is what checks hand their faults to."""

    step: str
    findings: list[Finding] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    unjudged: list[str] = field(default_factory=list)
    not_done: str = ""

    def report(self, error: ZkMarginError) -> None:
        """Note a fault."""
        self.findings.append(Finding.of(self.step, error))

    def remark(self, text: str) -> None:
        """Note what is no fault and yet to be known."""
        self.remarks.append(plain(text))

    def leave(self, why: str) -> None:
        """Note that something could not be judged, and why: the audit then does not hold."""
        self.unjudged.append(plain(why))

    def result(self, title: str) -> StepResult:
        """The verdict."""
        verdict: Verdict = "pass"
        if self.findings:
            verdict = "fail"
        elif self.unjudged:
            verdict = "notJudged"
        elif self.not_done:
            verdict = "notDone"
        why = "; ".join(filter(None, (*self.unjudged, self.not_done)))
        return StepResult(
            step=self.step, title=title, verdict=verdict, why=plain(why) if why else None, remarks=tuple(self.remarks)
        )
