"""What the pages show, found out once, so that templates only write it down."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass

from zkmargin.errors import ZkMarginError
from zkmargin.verifier.clock.standing import Change, Pause, Standing, State
from zkmargin.verifier.policy import Policy
from zkmargin.verifier.registry.documents import LogHeadDocument
from zkmargin.verifier.registry.errors import PledgeMissing
from zkmargin.verifier.registry.log import require_head, require_receipt
from zkmargin.verifier.registry.transaction import Pledge
from zkmargin.verifier.service.clocks import VenueClock
from zkmargin.verifier.service.service import Service
from zkmargin.verifier.verdict import INCOMPLETE, INSECURE, NOT_EXCLUSIVE

ROWS = 100
"""Accounts on a page."""
SOON = 20
"""Proofs that expire first."""
CHANGES = 50
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would compute when it opens a cell."""


@dataclass(frozen=True)
class Checked:
    """Something that was checked just now: what, and the error where it does not hold."""

    what: str
    error: ZkMarginError | None


def check(what: str, judge: Callable[[], None]) -> Checked:
    """Run a check that raises."""
    try:
        judge()
    except ZkMarginError as error:
        return Checked(what, error)
    return Checked(what, None)


@dataclass(frozen=True)
class Overview:
    """The service, as anyone may see it."""

    name: str
    now: int
    entries: int
    waiting: int
    head: LogHeadDocument | None
    signed: Checked | None


def overview(service: Service) -> Overview:
    """What the first page shows."""
    registry = service.registry
    try:
        head: LogHeadDocument | None = registry.latest_head()
    except PledgeMissing:
        head = None
    signed = None if head is None else check("the operator's signature", lambda: require_head(head, registry.terms))
    return Overview(service.settings.name, service.clock(), registry.size(), service.turns.waiting, head, signed)


@dataclass(frozen=True)
class Account:
    """A standing with the proof that it rests on, if the registry still holds one. ``band`` as ``num/den``."""

    standing: Standing
    band: str | None
    nullifier: int | None


@dataclass(frozen=True)
class Desk:
    """A venue's own view: its accounts, its queue, its breaker."""

    policy: Policy
    now: int
    counts: dict[State, int]
    state: State | None
    number: int
    accounts: list[Account]
    more: bool
    soon: list[Account]
    queue: list[Account]
    pause: Pause | None
    changes: list[tuple[int, Change]]


def desk(service: Service, venue_id: bytes, state: State | None, number: int) -> Desk:
    """``state``: accounts in it alone; ``number``: the page of their table, from 1."""
    clock = service.clock_of(venue_id)
    standings = clock.standings()
    listed = [standing for standing in standings if state in (None, standing.state)]
    shown = listed[(number - 1) * ROWS : number * ROWS]
    healthy = [standing for standing in standings if standing.state is State.HEALTHY]
    soon = sorted(healthy, key=lambda standing: (standing.due or 0, standing.account))[:SOON]
    queue = clock.queue()
    named = clock.nullifiers({standing.account for standing in (*shown, *soon, *queue[:ROWS])})
    return Desk(
        policy=service.desk.venue(venue_id).policy,
        now=service.clock(),
        counts=clock.counts(),
        state=state,
        number=number,
        accounts=[_account(clock, standing, named) for standing in shown],
        more=len(listed) > number * ROWS,
        soon=[_account(clock, standing, named) for standing in soon],
        queue=[_account(clock, standing, named) for standing in queue[:ROWS]],
        pause=clock.pause,
        changes=clock.latest(CHANGES),
    )


def _account(clock: VenueClock, standing: Standing, named: dict[str, int]) -> Account:
    return Account(standing, clock.band(standing), named.get(standing.account))


def queue_csv(clock: VenueClock) -> str:
    """The whole liquidation queue in its order, for spreadsheets: a name that one would compute begins with ``'``."""
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow(("place", "account", "since", "band", "issuedAt", "priceTime"))
    for place, standing in enumerate(clock.queue(), 1):
        name = f"'{standing.account}" if standing.account.startswith(FORMULA) else standing.account
        band = clock.band(standing) or ""
        rows.writerow((place, name, standing.since, band, standing.issued_at, standing.price_time))
    return written.getvalue()


@dataclass(frozen=True)
class Explained:
    """A recorded pledge. ``account``, ``venue``, ``rules`` and ``notes`` are for its own venue, else None."""

    pledge: Pledge
    state: str
    now: int
    counts_from: int
    ends: int
    head_size: int
    checks: list[Checked]
    verified: bool
    venue: str | None
    account: str | None
    rules: str | None
    notes: tuple[str, ...] | None


def explain(service: Service, nullifier: int, venue_id: bytes | None) -> Explained:
    """``venue_id``: who asks. Which venue holds a pledge is told to that venue alone. Raises PledgeMissing."""
    registry, now = service.registry, service.clock()
    held = registry.pledge(nullifier)
    if held is None:
        raise PledgeMissing("nothing is pledged under this nullifier", where="nullifier")
    receipt = registry.receipt(nullifier)
    proof = registry.prove_inclusion(receipt.receipt.log_index)
    terms = registry.terms
    own = venue_id is not None and venue_id == held.venue_id
    policy = service.desk.venues[held.venue_id].policy if own else None
    clock = service.clocks.get(held.venue_id) if own else None
    return Explained(
        pledge=held,
        state=held.state(now, terms.epoch_length),
        now=now,
        counts_from=held.counts_from(terms.epoch_length),
        ends=(held.epoch + 1) * terms.epoch_length,
        head_size=proof.log.head.size,
        checks=[
            check("the receipt is signed, and under a signed head", lambda: require_receipt(receipt, terms)),
            check(
                "its entry is in the log at its place, under the last signed head",
                lambda: require_receipt(receipt, terms, None, proof),
            ),
        ],
        verified=not proof.entry.signatures,
        venue=None if policy is None else policy.name,
        account=None if clock is None else clock.credited(nullifier),
        rules=None if policy is None else _rules(policy, held),
        notes=None if policy is None else _notes(policy, held),
    )


def _rules(policy: Policy, held: Pledge) -> str | None:
    found = [entry.name for entry in policy.rule_sets if entry.vk_hash == held.vk_hash]
    return found[0] if found else None


def _notes(policy: Policy, held: Pledge) -> tuple[str, ...]:
    """What the policy lets a proof leave open, in the words of ``Verdict.warnings``."""
    if held.policy_id != policy.policy_id:
        return ("the proof was made under an earlier policy of this venue",)
    found = []
    if any(entry.insecure for entry in policy.rule_sets if entry.vk_hash == held.vk_hash):
        found.append(INSECURE)
    if policy.collateral is None or not policy.collateral.exclusive:
        found.append(NOT_EXCLUSIVE)
    if policy.collateral is not None and any(entry.observed for entry in policy.collateral.chains):
        found.append("lines that are only observed may count: they rest on the attestors' word alone")
    if policy.prices is None:
        found.append("no evidence of prices is asked for: they rest on the publisher's word alone")
    if not policy.challenge_required:
        found.append("no challenge is asked for: the proof may have been shown before")
    return (*found, INCOMPLETE)
