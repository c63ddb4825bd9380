"""The steps of verification before the equation: parties, keys, times, market, positions, claim.

Each raises the error of what does not hold and returns nothing else.          ATTESTATION §2.2 (V2-V7, V10)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zkmargin.attestations.collateral import roots
from zkmargin.attestations.collateral.documents import CollateralRootDocument, RevokeRootDocument
from zkmargin.attestations.collateral.errors import AttestorSetMismatch, LockEnds
from zkmargin.attestations.context import (
    ZERO32,
    Claim,
    compute_context_input,
    compute_scope,
    compute_statements_hash,
    epoch_of,
)
from zkmargin.attestations.documents import SCHEME_POSEIDON, MarketSnapshot, require_domain, require_signed
from zkmargin.attestations.evidence.errors import PriceEvidenceMismatch
from zkmargin.attestations.faults import Report, stop
from zkmargin.attestations.market import require_market
from zkmargin.attestations.price_evidence import PriceEvidence, PriceFinding, require_prices
from zkmargin.backend import Arithmetic
from zkmargin.backend import engine as arithmetic_engine
from zkmargin.circuits.plan import COMMITTED, compute_table_commitment
from zkmargin.circuits.rules import RuleSet
from zkmargin.circuits.rules.document import VENUE
from zkmargin.encoding import hex_bytes, sha256
from zkmargin.errors import (
    ChallengeMismatch,
    ClaimMismatch,
    ContextMismatch,
    EpochMismatch,
    KeyNotListed,
    ListingMismatch,
    MarketFuture,
    MarketMismatch,
    MarketStale,
    PledgeTooLong,
    PolicyMismatch,
    ProofExpired,
    RootMismatch,
    ScopeMismatch,
    StatementMismatch,
    StatementStale,
    StatementTwice,
    TargetMismatch,
    VenueCount,
    VenueMismatch,
)
from zkmargin.formats import vk_hash
from zkmargin.margin.market import Market
from zkmargin.margin.tables import Tables
from zkmargin.verifier.checked_market import checked_market
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.policy import AcceptedRuleSet, Policy


@dataclass(frozen=True)
class Case:
    """What is judged, and by what."""

    envelope: Envelope
    policy: Policy
    market: Market
    rules: RuleSet
    verifying_key: bytes
    at: int
    challenge: bytes | None
    engine: str
    revocations: tuple[RevokeRootDocument, ...] = ()
    prices: PriceEvidence | None = None
    least_sequence: int = 0
    clock_source: Literal["system", "given"] = "given"


# --- V2, V3: for whom, under which policy, rules and key --------------------------------------------------


def require_parties(case: Case) -> None:
    context, policy = case.envelope.context, case.policy
    require_domain(case.envelope.domain, policy.domain, "domain")
    if case.challenge is None and policy.challenge_required:
        raise ChallengeMismatch("the policy asks for a challenge, and none was given to check against")
    if context.challenge != (ZERO32 if case.challenge is None else case.challenge):
        raise ChallengeMismatch("the proof answers another challenge", where="context.challenge")
    if context.verifier_id != policy.verifier_id:
        raise VenueMismatch(
            "the proof was made for another verifier",
            where="context.verifierId",
            expected=hex_bytes(policy.verifier_id),
            got=hex_bytes(context.verifier_id),
        )
    if context.target != policy.target:
        raise TargetMismatch(
            "the proof was made for another chain or contract",
            where="context.target",
            expected=hex_bytes(policy.target),
            got=hex_bytes(context.target),
        )
    if context.policy_id != policy.policy_id:
        raise PolicyMismatch(
            "the proof was made for another policy",
            where="context.policyId",
            expected=hex_bytes(policy.policy_id),
            got=hex_bytes(context.policy_id),
        )


def require_accepted(case: Case) -> AcceptedRuleSet:
    """Rules and key are the caller's, are the ones that the proof names, and are on the policy."""
    context = case.envelope.context
    for name, stated, supplied in (
        ("ruleDigest", context.rule_digest, sha256(case.rules.text)),
        ("ruleDigest", context.rule_digest, case.rules.digest),
        ("vkHash", context.vk_hash, vk_hash(case.verifying_key)),
    ):
        if stated != supplied:
            raise KeyNotListed(
                "the proof was made with another rule set or verifying key",
                where=f"context.{name}",
                expected=hex_bytes(supplied),
                got=hex_bytes(stated),
            )
    return case.policy.accepted(context.rule_digest, context.r1cs_digest, context.vk_hash)


def require_venues(case: Case) -> None:
    """The rule set margins as many venues as the policy lists: one more would be left out, one less margined twice."""
    listed, margined = len(case.policy.venues), case.rules.venues
    if listed != margined:
        raise VenueCount(
            "the rule set margins another number of venues than the policy lists",
            where="policy.venues",
            expected=margined,
            got=listed,
        )


# --- V4, V10: times, epoch, collateral root ---------------------------------------------------------------


def require_proof_times(case: Case) -> None:
    context, policy = case.envelope.context, case.policy
    if context.issued_at >= context.expires_at:
        raise ProofExpired("the statement expires before it is issued", where="context.expiresAt")
    if context.issued_at > case.at + policy.clock_skew:
        raise ProofExpired(
            "the statement is from the future", where="context.issuedAt", expected=f"at most {case.at}",
            got=context.issued_at,
        )  # fmt: skip
    if case.at >= context.expires_at:
        raise ProofExpired(
            "the statement has expired", where="context.expiresAt", expected=f"after {case.at}",
            got=context.expires_at,
        )  # fmt: skip
    if (age := case.at - context.issued_at) > policy.maximum_age.proof:
        raise ProofExpired(
            "the proof is too old",
            where="context.issuedAt",
            expected=f"at most {policy.maximum_age.proof} s",
            got=f"{age} s",
            hint="ask for a fresh proof",
        )
    start, end = context.epoch * policy.epoch_length, (context.epoch + 1) * policy.epoch_length
    if case.at >= end or case.at + policy.epoch_lead < start:
        raise EpochMismatch(
            "the statement is for another epoch",
            where="context.epoch",
            expected=epoch_of(case.at, policy.epoch_length),
            got=context.epoch,
        )
    if context.expires_at > end:
        raise PledgeTooLong(
            "the statement outlives its epoch", where="context.expiresAt", expected=f"at most {end}",
            got=context.expires_at,
        )  # fmt: skip


def require_root(case: Case) -> None:
    """The collateral root that the proof uses, if it uses one, is the policy's attestors' and counts now."""
    context, stated, signed = case.envelope.context, case.envelope.public_inputs, case.envelope.collateral
    if signed is None:
        if context.root_digest != ZERO32:
            raise RootMismatch("a collateral root is named where there is none", where="context.rootDigest")
        if stated.collateral_root != 0:
            raise RootMismatch("a collateral root is used where there is none", where="publicInputs.collateral_root")
        return
    if not case.rules.lines:
        raise RootMismatch("the rule set opens no lines of collateral", where="collateral")
    accepted = case.policy.collateral
    if accepted is None:
        raise AttestorSetMismatch("the policy accepts no collateral", where="collateral")
    document = CollateralRootDocument(
        domain=case.envelope.domain,
        root=signed.root,
        checkpoints=signed.checkpoints,
        attestors=accepted.attestors,
        signatures=signed.signatures,
    )
    roots.require_root(
        document,
        domain=case.policy.domain,
        attestors=accepted.attestors,
        epoch=context.epoch,
        at=case.at,
        skew=case.policy.clock_skew,
        revocations=case.revocations,
    )
    roots.require_chains(signed.checkpoints, accepted.rules(), case.at, case.policy.clock_skew)
    if context.root_digest != document.digest:
        raise RootMismatch("the proof names another collateral root", where="context.rootDigest")
    if stated.collateral_root != signed.root.root:
        raise RootMismatch("the proof uses another collateral root", where="publicInputs.collateral_root")
    if accepted.exclusive and Claim.unpack(stated.claim).min_lock < context.expires_at:
        raise LockEnds(
            "the policy wants collateral that is locked until the proof expires",
            where="publicInputs.claim",
            expected=context.expires_at,
            got=Claim.unpack(stated.claim).min_lock,
        )


# --- V6: market snapshot, tables, position statements -----------------------------------------------------


def require_snapshot(case: Case) -> None:
    context, policy = case.envelope.context, case.policy
    signed = case.envelope.market
    snapshot = signed.snapshot
    publishers = policy.publishers.signer_set()
    require_signed(snapshot, policy.domain.signing(), signed.signatures, publishers, "market")
    require_snapshot_times(snapshot, policy, case.at)
    if snapshot.rule_digest != context.rule_digest:
        raise MarketMismatch("the snapshot is for another rule set", where="market.snapshot.ruleDigest")
    if (snapshot.table_commitment != 0) != (case.rules.binding == COMMITTED):
        raise MarketMismatch(
            "a table commitment belongs exactly to rule sets of the binding `committed`",
            where="market.snapshot.tableCommitment",
            expected="one" if case.rules.binding == COMMITTED else "none",
        )
    if snapshot.market_digest != context.market_digest:
        raise MarketMismatch("the proof is over another market snapshot", where="context.marketDigest")
    if snapshot.listing_digest != context.listing_digest:
        raise ListingMismatch("the proof is over another listing", where="context.listingDigest")


def require_snapshot_times(snapshot: MarketSnapshot, policy: Policy, at: int, report: Report = stop) -> None:
    """The snapshot is neither from the future nor too old nor expired. Raises MarketFuture, MarketStale."""
    latest = at + policy.clock_skew
    for name, moment in (("priceTime", snapshot.price_time), ("issuedAt", snapshot.issued_at)):
        if moment > latest:
            report(
                MarketFuture(
                    "the market snapshot is from the future", where=f"market.snapshot.{name}",
                    expected=f"at most {latest}", got=moment,
                )
            )  # fmt: skip
    if (age := at - snapshot.price_time) > policy.maximum_age.price:
        report(
            MarketStale(
                "prices are too old",
                where="market.snapshot.priceTime",
                expected=f"at most {policy.maximum_age.price} s",
                got=f"{age} s",
            )
        )
    if at >= snapshot.expires_at:
        report(
            MarketStale(
                "the market snapshot has expired", where="market.snapshot.expiresAt", expected=f"after {at}",
                got=snapshot.expires_at,
            )
        )  # fmt: skip


def require_tables(case: Case) -> None:
    """The caller's tables are the signed ones, and meet the bounds and conditions of the rule set."""
    require_market(case.envelope.market.snapshot, case.market)
    checked = checked_market(case.rules, case.market)
    _require_venue_rows(case)
    _require_commitment(checked.bound.commitment(arithmetic_of(case.engine)), case.envelope.market.snapshot)


def arithmetic_of(engine: str) -> Arithmetic:
    """For folding and hashing tables: the core only where the core was asked for."""
    return arithmetic_engine("rust" if engine == "rust" else "reference")


def require_table_commitment(
    rules: RuleSet, tables: Tables, snapshot: MarketSnapshot, arithmetic: Arithmetic | None = None
) -> None:
    """Raise MarketMismatch unless a snapshot's table commitment is that of these tables, zero in binding ``public``."""
    _require_commitment(compute_table_commitment(rules, tables, arithmetic), snapshot)


def _require_commitment(computed: int, snapshot: MarketSnapshot) -> None:
    if computed != snapshot.table_commitment:
        raise MarketMismatch(
            "the table commitment is not that of the signed tables",
            where="market.snapshot.tableCommitment",
            hint="`zkmargin market build` computes it from the tables",
        )


def require_price_evidence(case: Case) -> PriceFinding | None:
    """The prices that the policy wants evidence of have it; None where it wants none."""
    return require_price_policy(
        case.prices, case.policy, case.envelope.market.snapshot, case.market, case.at, case.least_sequence
    )


def require_price_policy(
    prices: PriceEvidence | None,
    policy: Policy,
    snapshot: MarketSnapshot,
    market: Market,
    at: int,
    least_sequence: int = 0,
) -> PriceFinding | None:
    """What the policy asks of evidence of a market's prices holds. Raises what ``require_prices`` does."""
    rules = policy.prices
    if rules is None:
        if prices is not None:
            raise PriceEvidenceMismatch(
                "the policy says nothing of evidence of prices: it would not be checked",
                where="policy.prices",
                hint="leave the evidence out, or take a policy that asks for it",
            )
        return None
    return require_prices(
        prices,
        rules,
        snapshot,
        market,
        at=at,
        maximum_age=policy.maximum_age.price,
        least_sequence=least_sequence,
    )


def _require_venue_rows(case: Case) -> None:
    """Where tables say something of each venue, row v is about the policy's venue v."""
    if VENUE in case.rules.table_axes:
        expected = tuple(hex_bytes(venue.venue_id) for venue in case.policy.venues)
        if case.market.tables.names.get(VENUE) != expected:
            raise MarketMismatch(
                "the rows of `venue` in the tables are not the venues of the policy",
                where="tables.names.venue",
                expected=", ".join(expected),
            )


def require_statements(case: Case) -> None:
    envelope, policy = case.envelope, case.policy
    stated = [signed.statement.venue_id for signed in envelope.statements]
    if len(set(stated)) != len(stated):
        raise StatementTwice("two position statements are of one venue", where="statements")
    if stated != [venue.venue_id for venue in policy.venues]:
        raise StatementMismatch(
            "exactly one position statement of each venue on the policy is needed, in ascending venue id",
            where="statements",
            expected=", ".join(venue.name for venue in policy.venues),
        )
    for index, (signed, venue) in enumerate(zip(envelope.statements, policy.venues, strict=True)):
        where = f"statements[{index}]"
        signers = venue.signers.signer_set()
        require_signed(signed.statement, policy.domain.signing(), signed.signatures, signers, where)
        _require_statement(case, index, where)
    if len(set(envelope.public_inputs.positions)) != len(policy.venues):  # salts are never equal by chance
        raise StatementTwice("two venues signed one commitment", where="statements")


def _require_statement(case: Case, index: int, where: str) -> None:
    envelope, policy = case.envelope, case.policy
    statement, context = envelope.statements[index].statement, envelope.context
    if statement.scheme != SCHEME_POSEIDON or statement.size_commitment:
        raise StatementMismatch("unknown commitment scheme", where=f"{where}.statement.scheme")
    if statement.audience != policy.verifier_id:
        raise VenueMismatch("the position statement is for another verifier", where=f"{where}.statement.audience")
    if statement.epoch != context.epoch:
        raise EpochMismatch(
            "the position statement is for another epoch", where=f"{where}.statement.epoch",
            expected=context.epoch, got=statement.epoch,
        )  # fmt: skip
    if statement.listing_digest != context.listing_digest:
        raise ListingMismatch(
            "the position statement is about another listing", where=f"{where}.statement.listingDigest"
        )
    if max(statement.as_of, statement.issued_at) > case.at + policy.clock_skew:
        raise StatementStale("the position statement is from the future", where=f"{where}.statement.asOf")
    if (age := case.at - statement.as_of) > policy.maximum_age.statement:
        raise StatementStale(
            "the positions are too old",
            where=f"{where}.statement.asOf",
            expected=f"at most {policy.maximum_age.statement} s",
            got=f"{age} s",
        )
    if case.at >= statement.expires_at:
        raise StatementStale(
            "the position statement has expired", where=f"{where}.statement.expiresAt",
            expected=f"after {case.at}", got=statement.expires_at,
        )  # fmt: skip
    price_time = envelope.market.snapshot.price_time
    for instrument in case.market.listing.instruments:
        if instrument.expiry is not None and statement.as_of < instrument.expiry <= price_time:
            raise StatementStale(
                f"`{instrument.id}` expired between the positions and the prices",
                where=f"{where}.statement.asOf",
                hint="a statement from after the expiry is needed",
            )
    if envelope.public_inputs.positions[index] != statement.commitment:
        raise StatementMismatch(
            "the proof is about other positions than the venue signed",
            where=f"publicInputs.positions[{index}]",
        )


# --- V7: claim, scope, context ----------------------------------------------------------------------------


def require_claim(case: Case) -> Claim:
    claim, least = Claim.unpack(case.envelope.public_inputs.claim), case.policy.claim.claim()
    if claim.kind.name.lower() not in case.rules.requirements:
        raise ClaimMismatch("the rule set has no such requirement", where="publicInputs.claim", got=str(claim))
    if claim.min_lock != 0 and case.envelope.collateral is None:
        raise ClaimMismatch("there is no collateral that could be locked", where="publicInputs.claim")
    if not claim.implies(least):
        raise ClaimMismatch(
            "the claim is not the one that the policy asks for",
            where="publicInputs.claim",
            expected=str(least),
            got=str(claim),
        )
    return claim


def require_digests(case: Case) -> None:
    envelope, domain = case.envelope, case.policy.domain.signing()
    context, publics = envelope.context, envelope.public_inputs
    statements_hash = compute_statements_hash((s.statement for s in envelope.statements), domain)
    if statements_hash != context.statements_hash:
        raise StatementMismatch("the proof names other position statements", where="context.statementsHash")
    if publics.scope != compute_scope(domain.pledge_domain, context.epoch):
        raise ScopeMismatch("scope is not that of the pledge domain and epoch", where="publicInputs.scope")
    if publics.context != compute_context_input(context, domain):
        raise ContextMismatch("context is not the digest of the stated one", where="publicInputs.context")
