"""Proving: check all that the verifier will check, prove, verify the proof, and only then release it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from zkmargin.attestations.context import (
    ZERO32,
    Claim,
    compute_context_input,
    compute_scope,
    compute_statements_hash,
    epoch_of,
)
from zkmargin.attestations.documents import StatementContext
from zkmargin.attestations.market import MarketSnapshotDocument
from zkmargin.attestations.owner import OwnerKeys
from zkmargin.attestations.positions import PositionOpening, PositionStatementDocument
from zkmargin.attestations.price_evidence import PriceEvidence
from zkmargin.backend import ProvingKeyHandle, engine_name
from zkmargin.backend import engine as arithmetic_engine
from zkmargin.circuits.collateral import OpenedLine, held_by_asset
from zkmargin.circuits.compile import CompiledCircuit, compile_rules
from zkmargin.circuits.rules import RuleSet
from zkmargin.errors import CircuitError, KeyCircuitMismatch, ProofInvalid, ProofPoint
from zkmargin.field import encode_elements
from zkmargin.formats import vk_hash
from zkmargin.margin.market import Market
from zkmargin.prover.account import private_columns, require_one_opening_each, require_openings
from zkmargin.prover.collateral import Collateral, open_lines
from zkmargin.prover.proving_key import open_proving_key
from zkmargin.prover.setup import PROVING_KEY_FILE
from zkmargin.prover.shortfall import require_margin
from zkmargin.prover.witness import GivenInputs, PrivateInputs, WitnessMaker
from zkmargin.verifier.checks import Case
from zkmargin.verifier.envelope import Envelope, Proof, PublicInputs, SignedRoot, SignedSnapshot, SignedStatement
from zkmargin.verifier.groth16 import verify_groth16
from zkmargin.verifier.policy import Policy
from zkmargin.verifier.verify import require_statement

BLINDING_BYTES: Final = 128


@dataclass(frozen=True)
class Request:
    """What is to be proven, to whom, when. ``statements``: one per venue of the policy, in ascending venue
    id.

    ``at``: unix seconds, the context's ``issuedAt``. ``claim``: None for the one that the policy asks for.
    ``challenge``: 32 bytes, where the verifier gave one. ``collateral``: the lines to use, where the rule set has
    room for some. ``prices``: the snapshot's evidence of prices, where the policy asks for it; it is checked, and stays
    outside of the proof.
    """

    policy: Policy
    market: MarketSnapshotDocument
    statements: tuple[PositionStatementDocument, ...]
    at: int
    claim: Claim | None = None
    challenge: bytes | None = None
    collateral: Collateral | None = None
    prices: PriceEvidence | None = None


@dataclass(frozen=True)
class Timings:
    """Seconds of wall time per part of the last proof."""

    checks: float
    witness: float
    proof: float
    verification: float


class Prover:
    """A rule set's circuit and its proving key, ready to prove. The key file is mapped, not read."""

    def __init__(
        self,
        rules: RuleSet,
        key_folder: Path,
        *,
        engine: str | None = None,
        key: ProvingKeyHandle | None = None,
    ) -> None:
        """Open ``proving_key.zkey`` in ``key_folder``; ``key`` is that file, where the caller opened it already.

        Raises the errors of ``open_proving_key``; KeyCircuitMismatch where the key is not of the size of the
        circuit that the rules compile to.
        """
        self.engine = engine_name(engine)
        self._arithmetic = arithmetic_engine(self.engine)
        self.compiled: CompiledCircuit = compile_rules(rules)
        self._key = key or open_proving_key(key_folder / PROVING_KEY_FILE, self._arithmetic)
        self.verifying_key = self._key.verifying_key()
        self.vk_hash = vk_hash(self.verifying_key)
        stats = self.compiled.stats
        for what, expected, got in (
            ("public inputs", stats.public_inputs, self._key.n_public),
            ("wires", stats.wires, self._key.n_wires),
        ):
            if expected != got:
                raise KeyCircuitMismatch(
                    f"the proving key is for a circuit with another number of {what}",
                    where=str(key_folder),
                    expected=expected,
                    got=got,
                )
        self._witnesses = WitnessMaker(self.compiled, self._arithmetic)
        self.timings: Timings | None = None

    @property
    def rules(self) -> RuleSet:
        """The rule set."""
        return self.compiled.rules

    def prove(
        self,
        request: Request,
        openings: PositionOpening | Sequence[PositionOpening],
        keys: OwnerKeys,
        *,
        own: Mapping[str, object] | None = None,
    ) -> Envelope:
        """A proof that the account behind ``openings`` meets the claim, verified before it is returned.

        ``openings``: one per statement of the request, in the same order; alone where there is one. ``own``: the
        columns that the rule set declares ``from: prover``, by name: integers at the column's decimals, nested
        sequences or an array in the shape of its axes, active or over capacities.

        Raises VerificationError where a document would not hold at the verifier (stale, foreign, badly
        signed); OpeningMismatch; AccountInvalid where own columns are missing or none; MarginShort, with its
        explanation, before any proving; AmountRange where the account is beyond the circuit's bounds;
        KeyCircuitMismatch where the proof does not hold.
        """
        started = time.perf_counter()
        market = request.market.market
        opened = (openings,) if isinstance(openings, PositionOpening) else tuple(openings)
        require_one_opening_each(request.statements, opened)
        draft = self._draft(request, keys, opened[0].pocket)
        require_statement(self._case(draft, request, market))
        require_openings(self.rules, request.statements, opened, keys)
        account = private_columns(self.rules, opened, own)
        lines = self._lines(request, market, keys, opened[0].pocket, draft)
        for column in self.rules.on_chain:
            account[column.name] = np.array(held_by_asset(lines, self.compiled.plan.n_assets), dtype=object)
        require_margin(self.rules, market, account, Claim.unpack(draft.public_inputs.claim))
        checked = time.perf_counter()
        stated = draft.public_inputs
        given = GivenInputs(stated.context, stated.claim, stated.scope, stated.collateral_root)
        witness, publics = self._witnesses.make(
            given,
            PrivateInputs(opened, account, keys, lines),
            self.compiled.plan.bind(market.tables),
            self.vk_hash,
            market.tables.digest,
        )
        signed = (stated.positions, stated.nullifier, request.market.snapshot.table_commitment)
        if (tuple(publics.positions), publics.nullifier, publics.table_commitment) != signed:
            raise CircuitError("the circuit computes another commitment or nullifier than the documents")
        witnessed = time.perf_counter()
        proof = self._key.prove(witness, secrets.token_bytes(BLINDING_BYTES))
        proven = time.perf_counter()
        self._require_valid(publics.values, proof)
        self.timings = Timings(checked - started, witnessed - checked, proven - witnessed, time.perf_counter() - proven)
        final = stated.model_copy(update={"C": publics.functionals})
        return draft.model_copy(update={"public_inputs": final, "proof": Proof.of_bytes(proof)})

    def _lines(
        self, request: Request, market: Market, keys: OwnerKeys, pocket: int, draft: Envelope
    ) -> list[OpenedLine]:
        """The lines of collateral that the request uses; none without any."""
        if request.collateral is None:
            return []
        least_lock = Claim.unpack(draft.public_inputs.claim).min_lock
        return open_lines(self.rules, market.tables, request.collateral, keys, pocket, least_lock)

    def _require_valid(self, publics: Sequence[int], proof: bytes) -> None:
        """A key of another circuit, or a malformed one, shows here: such a proof never leaves."""
        try:
            verify_groth16(self.verifying_key, encode_elements(publics), proof, engine=self.engine)
        except (ProofInvalid, ProofPoint) as error:
            raise KeyCircuitMismatch(
                "the proof made with this key does not hold: the key is not this circuit's",
                got=error.code,
                hint="compile the rules again, and check the key against its transcript",
            ) from None

    def _draft(self, request: Request, keys: OwnerKeys, pocket: int) -> Envelope:
        """The envelope without its proof and without C."""
        policy, domain = request.policy, request.policy.domain.signing()
        snapshot = request.market.snapshot
        statements = [document.statement for document in request.statements]
        epoch = epoch_of(request.at, policy.epoch_length)
        collateral = request.collateral
        expires_at = min((epoch + 1) * policy.epoch_length, request.at + policy.maximum_age.proof + 1)
        context = StatementContext(
            verifier_id=policy.verifier_id,
            challenge=ZERO32 if request.challenge is None else request.challenge,
            target=policy.target,
            rule_digest=self.rules.digest,
            r1cs_digest=self.compiled.r1cs_digest,
            vk_hash=self.vk_hash,
            market_digest=snapshot.market_digest,
            listing_digest=snapshot.listing_digest,
            statements_hash=compute_statements_hash(statements, domain),
            root_digest=ZERO32 if collateral is None else collateral.root.digest,
            epoch=epoch,
            issued_at=request.at,
            expires_at=expires_at,
            policy_id=policy.policy_id,
        )
        scope = compute_scope(domain.pledge_domain, epoch)
        claim = policy.claim.claim() if request.claim is None else request.claim
        if collateral is not None and collateral.locked:
            claim = replace(claim, min_lock=expires_at)
        return Envelope(
            domain=policy.domain,
            context=context,
            public_inputs=PublicInputs(
                context=compute_context_input(context, domain),
                claim=claim.pack(),
                positions=tuple(statement.commitment for statement in statements),
                collateral_root=0 if collateral is None else collateral.root.root.root,
                nullifier=keys.nullifier(scope, pocket),
                scope=scope,
                C=None,
            ),
            statements=tuple(
                SignedStatement(statement=document.statement, signatures=document.signatures)
                for document in request.statements
            ),
            market=SignedSnapshot(snapshot=snapshot, signatures=request.market.signatures),
            collateral=None
            if collateral is None
            else SignedRoot(
                root=collateral.root.root,
                checkpoints=collateral.root.checkpoints,
                signatures=collateral.root.signatures,
            ),
            proof=Proof(a=(0, 0), b=((0, 0), (0, 0)), c=(0, 0)),
        )

    def _case(self, draft: Envelope, request: Request, market: Market) -> Case:
        return Case(
            envelope=draft,
            policy=request.policy,
            market=market,
            rules=self.rules,
            verifying_key=self.verifying_key,
            at=request.at,
            challenge=request.challenge,
            engine=self.engine,
            revocations=() if request.collateral is None else request.collateral.revocations,
            prices=request.prices,
        )


def prove(
    request: Request,
    openings: PositionOpening | Sequence[PositionOpening],
    keys: OwnerKeys,
    *,
    rules: RuleSet,
    key_folder: Path,
    own: Mapping[str, object] | None = None,
    engine: str | None = None,
) -> Envelope:
    """One proof (``Prover`` keeps circuit and key for several)."""
    return Prover(rules, key_folder, engine=engine).prove(request, openings, keys, own=own)
