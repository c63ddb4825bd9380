"""Verification of a margin proof: every step raises, none returns a truth value.   ATTESTATION §2.2 (V1-V10)

Nothing is taken on trust from the proof's file: the verifying key and the rule set are the verifier's own
and must be on its policy; tables come from the verifier and must be the signed ones; gamma, t and direct
inputs are recomputed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

from zkmargin.attestations.collateral.documents import PROVEN_KINDS, RevokeRootDocument
from zkmargin.attestations.context import (
    ZERO32,
    Claim,
)
from zkmargin.attestations.market import MarketSnapshotDocument
from zkmargin.attestations.price_evidence import PriceEvidence, PriceFinding
from zkmargin.backend import Arithmetic, engine_name
from zkmargin.circuits.plan import BoundPlan, Plan
from zkmargin.circuits.rules import RuleSet
from zkmargin.errors import (
    EngineUnavailable,
    KeyNotListed,
    ProofPoint,
    SchemaType,
    StatementMismatch,
)
from zkmargin.field import encode_elements, require_canonical
from zkmargin.formats import count_public, split_verifying_key
from zkmargin.margin.market import Market
from zkmargin.verifier.checked_market import checked_market
from zkmargin.verifier.checks import (
    Case,
    arithmetic_of,
    require_accepted,
    require_claim,
    require_digests,
    require_parties,
    require_price_evidence,
    require_proof_times,
    require_root,
    require_snapshot,
    require_statements,
    require_tables,
    require_venues,
)
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.groth16 import ENGINES, verify_groth16
from zkmargin.verifier.policy import AcceptedRuleSet, Policy
from zkmargin.verifier.public_inputs import compute_gamma
from zkmargin.verifier.verdict import CollateralFinding, VenueFinding, Verdict


def verify(
    envelope: Envelope | bytes,
    *,
    policy: Policy,
    market: Market | MarketSnapshotDocument,
    rules: RuleSet,
    verifying_key: bytes,
    at: int | None = None,
    challenge: bytes | None = None,
    engine: str | None = None,
    revocations: Sequence[RevokeRootDocument] = (),
    prices: PriceEvidence | None = None,
    least_sequence: int = 0,
) -> Verdict:
    """Return what a proof establishes, or raise the error of the first step that does not hold.

    ``market``, ``rules`` and ``verifying_key`` (bytes as engines take them) are the caller's own copies;
    they are accepted by digest. ``at``: the time to judge at, unix seconds; None: this machine's clock.
    ``challenge``: the 32 bytes that the verifier gave out; None only where the policy asks for none.
    ``revocations``: collateral roots that their attestors took back, as far as the verifier knows.
    ``prices``: the snapshot's evidence of prices, where the policy asks for it. ``least_sequence``: that of the last
    Pyth update that the verifier has seen; an earlier one is a replay.
    ``engine``: ``rust``, ``python`` (py_ecc; nothing of the core is used) or ``reference``; None: the
    fastest one here.

    Raises VerificationError (exit code 1) where the proof does not hold, InputError (2) where a file is
    malformed.
    """
    case = Case(
        envelope=Envelope.parse(envelope) if isinstance(envelope, bytes) else _checked(envelope),
        policy=policy,
        market=market.market if isinstance(market, MarketSnapshotDocument) else market,
        rules=rules,
        verifying_key=verifying_key,
        at=_clock(at),
        challenge=challenge,
        engine=_engine(engine),
        revocations=tuple(revocations),
        prices=prices,
        least_sequence=least_sequence,
    )
    entry, claim, evidence = require_statement(case)
    _require_proof(case)
    source: Literal["system", "given"] = "system" if at is None else "given"
    return _verdict(case, entry, claim, evidence, source)


def require_statement(case: Case) -> tuple[AcceptedRuleSet, Claim, PriceFinding | None]:
    """Every step but the equation: what a prover checks too, before it proves."""
    require_parties(case)
    entry = require_accepted(case)
    require_venues(case)
    require_proof_times(case)
    require_root(case)
    require_snapshot(case)
    require_tables(case)
    evidence = require_price_evidence(case)
    require_statements(case)
    claim = require_claim(case)
    require_digests(case)
    return entry, claim, evidence


def _checked(envelope: Envelope) -> Envelope:
    if not isinstance(envelope, Envelope):
        raise SchemaType("an envelope or its bytes are needed", where="envelope", got=type(envelope).__name__)
    return envelope


def _clock(at: int | None) -> int:
    if at is None:
        return int(time.time())
    if type(at) is not int or not 0 <= at < 1 << 64:
        raise SchemaType("the clock is given in unix seconds", where="at")
    return at


def _engine(name: str | None) -> str:
    if name is None:
        return engine_name()
    if name not in ENGINES:
        raise EngineUnavailable("unknown verification engine", expected=" or ".join(ENGINES), got=str(name)[:40])
    return name if name == "python" else engine_name(name)


# --- V8, V9: public inputs, points, the equation ----------------------------------------------------------


def _require_proof(case: Case) -> None:
    proof = case.envelope.proof.to_bytes()
    for name, point in (("a", proof[:64]), ("b", proof[64:192]), ("c", proof[192:])):
        if not any(point):
            raise ProofPoint("no honest proof holds the point at infinity", where=f"proof.{name}")
    _require_bound_inputs(case.verifying_key)
    checked = checked_market(case.rules, case.market)
    publics = _public_inputs(case.envelope, checked.bound, arithmetic_of(case.engine))
    if len(publics) != count_public(case.verifying_key):
        raise KeyNotListed(
            "the verifying key is for another number of public inputs",
            expected=len(publics),
            got=count_public(case.verifying_key),
        )
    verify_groth16(case.verifying_key, encode_elements(publics), proof, engine=case.engine)


def _require_bound_inputs(verifying_key: bytes) -> None:
    """Every public input moves the equation.

    ``context`` stands in no constraint of the circuit: what binds it is its point in the key, which setups that
    add no row per public input (as snarkjs and ours do) leave at infinity. Such a proof would answer any challenge.
    """
    *_, points = split_verifying_key(verifying_key)
    for index, point in enumerate(points[1:]):
        if not any(point):
            raise ProofPoint("the key binds no value of a public input", where=f"verifying key, IC[{index + 1}]")


def compute_public_inputs(envelope: Envelope, rules: RuleSet, market: Market, arithmetic: Arithmetic) -> Sequence[int]:
    """All public inputs in circuit order: those of the envelope, gamma, and what follows from the tables."""
    return _public_inputs(envelope, Plan(rules).bind(market.tables), arithmetic)


def _public_inputs(envelope: Envelope, bound: BoundPlan, arithmetic: Arithmetic) -> Sequence[int]:
    plan, context, stated = bound.plan, envelope.context, envelope.public_inputs
    values = stated.leading()
    needs_functionals = any(name == "C" for name, _ in plan.public_inputs)
    if needs_functionals != (stated.C is not None):
        raise SchemaType(
            "a commitment to functionals belongs exactly to rule sets that have some", where="publicInputs.C"
        )
    gamma = None
    if stated.C is not None:
        values.append(stated.C)
        gamma = compute_gamma(context.vk_hash, context.r1cs_digest, bound.tables.digest, values)
        values.append(gamma)
    values += bound.market_inputs(gamma, arithmetic)
    if len(values) != plan.n_public:
        raise StatementMismatch(
            "the rule set takes another number of position statements", where="statements",
            expected=plan.n_public, got=len(values),
        )  # fmt: skip
    for index, value in enumerate(values):
        require_canonical(value, f"public input {index}")
    return values


def _verdict(
    case: Case,
    entry: AcceptedRuleSet,
    claim: Claim,
    evidence: PriceFinding | None,
    source: Literal["system", "given"],
) -> Verdict:
    envelope, policy = case.envelope, case.policy
    context, snapshot = envelope.context, envelope.market.snapshot
    ages = policy.maximum_age
    statements = [signed.statement for signed in envelope.statements]
    ends = [context.expires_at, context.issued_at + ages.proof + 1]
    ends += [snapshot.expires_at, snapshot.price_time + ages.price + 1]
    if evidence is not None:
        ends += [evidence.oldest + ages.price + 1]
    collateral = None
    if envelope.collateral is not None and policy.collateral is not None:
        rules = policy.collateral.rules()
        ends += [envelope.collateral.root.expires_at]
        ends += [entry.block_time + rules[entry.chain].maximum_age + 1 for entry in envelope.collateral.checkpoints]
        collateral = CollateralFinding(
            context.root_digest,
            envelope.collateral.root.seq,
            tuple(entry.chain for entry in envelope.collateral.checkpoints),
            tuple(e.chain for e in envelope.collateral.checkpoints if e.proof_kind not in PROVEN_KINDS),
        )
    ends += [end for s in statements for end in (s.expires_at, s.as_of + ages.statement + 1)]
    return Verdict(
        claim=claim,
        rule_set=entry.name,
        rule_digest=entry.rule_digest,
        vk_hash=entry.vk_hash,
        insecure_key=entry.insecure,
        policy=policy.name,
        policy_id=policy.policy_id,
        venues=tuple(
            VenueFinding(venue.name, venue.venue_id, statement.seq, statement.as_of, case.at - statement.as_of)
            for venue, statement in zip(policy.venues, statements, strict=True)
        ),
        price_time=snapshot.price_time,
        price_age=case.at - snapshot.price_time,
        issued_at=context.issued_at,
        proof_age=case.at - context.issued_at,
        effective_from=max(context.issued_at, context.epoch * policy.epoch_length),
        valid_until=min(ends),
        epoch=context.epoch,
        scope=envelope.public_inputs.scope,
        nullifier=envelope.public_inputs.nullifier,
        challenge_checked=case.challenge is not None,
        collateral=collateral,
        prices=evidence,
        exclusive=context.root_digest != ZERO32 and claim.min_lock >= context.expires_at,
        clock=case.at,
        clock_source=source,
        engine=case.engine,
    )
