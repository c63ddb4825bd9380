"""All members of a clearing party at once: each proof by its own policy, and no nullifier for two of them.

specs/documents.md#clearing-book
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeVar

from zkmargin.attestations.collateral.documents import RevokeRootDocument
from zkmargin.attestations.context import epoch_of
from zkmargin.attestations.market import MarketSnapshotDocument
from zkmargin.attestations.price_evidence import PriceEvidence
from zkmargin.attestations.schema import Bytes32, Document, Model, Sequence, Text, strictly_ascending
from zkmargin.circuits.rules import load_rules
from zkmargin.errors import DomainMismatch, EpochMismatch, ZkMarginError
from zkmargin.verifier.checks import Case
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.keys import read_verifying_key
from zkmargin.verifier.policy import Policy
from zkmargin.verifier.registry.errors import ContextReplay, DoublePledge
from zkmargin.verifier.verdict import Verdict
from zkmargin.verifier.verify import make_case, verify_all

BOOK = "book.json"
_D = TypeVar("_D", bound=Document)


class Member(Model):
    """Who must prove, and the clearing party's own copies to judge the proof by; paths from the book's folder.

    ``rules``: a bundled rule set's name, or a path. ``challenge``: what was given out for this proof.
    """

    name: Text
    proof: Text
    policy: Text
    rules: Text
    market: Text
    key: Text
    challenge: Bytes32 | None
    prices: Text | None


class ClearingBook(Document):
    """``book.json`` in a folder: the members, over all their venues and chains."""

    TYPE: ClassVar[str] = "zkmargin/clearing-book"
    type: Literal["zkmargin/clearing-book"] = "zkmargin/clearing-book"
    version: Literal["1"] = "1"
    name: Text
    members: Annotated[tuple[Member, ...], Sequence, strictly_ascending(lambda member: member.name, "members")]
    revocations: Annotated[tuple[Text, ...], Sequence]


@dataclass(frozen=True)
class MemberFinding:
    """A member's verdict, or why there is none."""

    name: str
    verdict: Verdict | None
    error: ZkMarginError | None


def check_book(folder: Path, *, at: int | None = None, engine: str | None = None) -> tuple[MemberFinding, ...]:
    """Judge every member of the book in ``folder``, in the book's order; one that fails does not stop the others.

    A nullifier that two members show is a failure of both: who was first is not in their proofs. A proof for an epoch
    that has not begun fails: what it pledges may still be another member's. ``at`` and ``engine`` as in ``verify``.
    Raises the errors of reading the book itself, and of its revocations, and DomainMismatch where its policies are not
    of one pledge domain and one length of epochs: both concern everyone.
    """
    book = ClearingBook.read(folder / BOOK)
    revocations = [RevokeRootDocument.read(folder / path) for path in book.revocations]
    files = _Files(folder)
    _require_one_domain(book, files)
    cases: dict[str, Case] = {}
    judged: dict[str, tuple[Envelope, Verdict]] = {}
    failed: dict[str, ZkMarginError] = {}
    for member in book.members:
        try:
            cases[member.name] = make_case(
                files.read(member.proof, Envelope),
                policy=files.read(member.policy, Policy),
                market=files.read(member.market, MarketSnapshotDocument),
                rules=files.rules(member.rules),
                verifying_key=files.key(member.key),
                at=at,
                challenge=member.challenge,
                engine=engine,
                revocations=revocations,
                prices=None if member.prices is None else files.read(member.prices, PriceEvidence),
            )
        except ZkMarginError as error:
            failed[member.name] = error
    for (name, case), found in zip(cases.items(), verify_all(list(cases.values())), strict=True):
        if isinstance(found, ZkMarginError):
            failed[name] = found
            continue
        try:
            _require_begun(found, case.policy)
            judged[name] = case.envelope, found
        except ZkMarginError as error:
            failed[name] = error
    failed |= _shared(judged)
    return tuple(
        MemberFinding(name, None if name in failed else judged[name][1], failed.get(name))
        for name in (member.name for member in book.members)
    )


def _require_one_domain(book: ClearingBook, files: _Files) -> None:
    """One collateral has one nullifier in an epoch of a pledge domain: in two of them it would show two."""
    found: set[tuple[bytes, int]] = set()
    for member in book.members:
        with suppress(ZkMarginError):  # told where the member is judged
            policy = files.read(member.policy, Policy)
            found.add((policy.domain.signing().pledge_domain, policy.epoch_length))
    if len(found) > 1:
        raise DomainMismatch(
            "the policies of a book are of one pledge domain and one length of epochs", where=BOOK,
            hint="keep a book for each pledge domain: across them nobody sees a double pledge",
        )  # fmt: skip


def _require_begun(verdict: Verdict, policy: Policy) -> None:
    """Of the epoch before, the collateral may be another member's until it ends. Raises EpochMismatch."""
    start = verdict.epoch * policy.epoch_length
    if start > verdict.clock:
        raise EpochMismatch(
            "the pledge counts from an epoch that has not begun", where="context.epoch",
            expected=epoch_of(verdict.clock, policy.epoch_length), got=verdict.epoch,
        )  # fmt: skip


def _shared(judged: dict[str, tuple[Envelope, Verdict]]) -> dict[str, ZkMarginError]:
    """The failures of members that show one nullifier."""
    groups: dict[tuple[int, int], list[str]] = defaultdict(list)
    for name, (_, verdict) in judged.items():
        groups[verdict.scope, verdict.nullifier].append(name)
    found: dict[str, ZkMarginError] = {}
    for names in (names for names in groups.values() if len(names) > 1):
        verifiers = {judged[name][0].context.verifier_id for name in names}
        for name in names:
            others = ", ".join(other for other in names if other != name)
            found[name] = (
                DoublePledge("the same collateral is pledged for others too", where=name, got=others)
                if len(verifiers) > 1
                else ContextReplay("one pledge stands for several members", where=name, got=others)
            )
    return found


class _Files:
    """Files of a folder, each read once: members share policies, markets and keys."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.read: Callable[[str, type[_D]], _D] = cache(lambda path, kind: kind.read(folder / path))
        self.rules = cache(lambda text: load_rules(text, folder))
        self.key = cache(lambda path: read_verifying_key(folder / path))


def count_failed(findings: Iterable[MemberFinding]) -> int:
    """How many members have no verdict."""
    return sum(finding.verdict is None for finding in findings)
