"""Verification of a margin proof: every step raises, none returns a truth value.   ATTESTATION §2.2 (V1-V10)

Nothing is taken on trust from the proof's file: the verifying key and the rule set are the verifier's own
and must be on its policy; tables come from the verifier and must be the signed ones; gamma, t and direct
inputs are recomputed.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

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
    ZkMarginError,
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
from zkmargin.verifier.groth16 import ENGINES, verify_groth16, verify_groth16_all
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
    case = make_case(
        envelope,
        policy=policy,
        market=market,
        rules=rules,
        verifying_key=verifying_key,
        at=at,
        challenge=challenge,
        engine=engine,
        revocations=revocations,
        prices=prices,
        least_sequence=least_sequence,
    )
    statement = _require_all_but_equation(case)
    verify_groth16(case.verifying_key, statement.publics, case.envelope.proof.to_bytes(), engine=case.engine)
    return _verdict(case, statement)


def make_case(
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
) -> Case:
    """One of several proofs for ``verify_all``. Parameters as of ``verify``."""
    return Case(
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
        clock_source="system" if at is None else "given",
    )


def verify_all(cases: Sequence[Case]) -> list[Verdict | ZkMarginError]:
    """For each case the verdict that ``verify`` returns, or what it raises. Of one key, many cost less than each alone.

    Every case is judged by itself: what fails changes nothing for the others. See ``verify_groth16_all``.
    """
    outcomes: dict[int, Verdict | ZkMarginError] = {}
    groups: dict[tuple[bytes, str], list[tuple[int, _Statement]]] = defaultdict(list)
    for index, case in enumerate(cases):
        try:
            groups[case.verifying_key, case.engine].append((index, _require_all_but_equation(case)))
        except ZkMarginError as error:
            outcomes[index] = error
    for (verifying_key, engine), group in groups.items():
        proofs = [(statement.publics, cases[index].envelope.proof.to_bytes()) for index, statement in group]
        refusals = verify_groth16_all(verifying_key, proofs, engine=engine)
        for (index, statement), refusal in zip(group, refusals, strict=True):
            outcomes[index] = _verdict(cases[index], statement) if refusal is None else refusal
    return [outcomes[index] for index in range(len(cases))]


@dataclass(frozen=True)
class _Statement:
    """What a case states once every step but the equation holds. ``publics``: all public inputs, encoded."""

    entry: AcceptedRuleSet
    claim: Claim
    evidence: PriceFinding | None
    publics: bytes


def _require_all_but_equation(case: Case) -> _Statement:
    return _Statement(*require_statement(case), _require_publics(case))


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


# --- V8, V9: public inputs, points ------------------------------------------------------------------------


def _require_publics(case: Case) -> bytes:
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
    return encode_elements(publics)


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


def _verdict(case: Case, statement: _Statement) -> Verdict:
    entry, claim, evidence = statement.entry, statement.claim, statement.evidence
    envelope, policy = case.envelope, case.policy
    context, snapshot = envelope.context, envelope.market.snapshot
    ages = policy.maximum_age
    signed = [each.statement for each in envelope.statements]
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
    ends += [end for s in signed for end in (s.expires_at, s.as_of + ages.statement + 1)]
    return Verdict(
        claim=claim,
        rule_set=entry.name,
        rule_digest=entry.rule_digest,
        vk_hash=entry.vk_hash,
        insecure_key=entry.insecure,
        policy=policy.name,
        policy_id=policy.policy_id,
        venues=tuple(
            VenueFinding(venue.name, venue.venue_id, own.seq, own.as_of, case.at - own.as_of)
            for venue, own in zip(policy.venues, signed, strict=True)
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
        clock_source=case.clock_source,
        engine=case.engine,
    )
