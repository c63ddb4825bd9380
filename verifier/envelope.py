"""The proof's file: a Groth16 proof, what it states, and the signed documents that it states it about.

No verifying key, no flag and no market-derived public input is in it: those come from the verifier's policy
and from the market tables that the verifier holds.                             specs/documents.md#envelope
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from zkmargin.attestations.collateral.documents import Checkpoints, CollateralRoot
from zkmargin.attestations.documents import (
    AnyDomain,
    MarketSnapshot,
    PositionStatement,
    Signatures,
    StatementContext,
)
from zkmargin.attestations.schema import Document, Empty, FieldElement, Model, Sequence, unsigned_below
from zkmargin.encoding import sha256
from zkmargin.errors import BytesLength, FieldRange, SchemaType
from zkmargin.field import ELEMENT_BYTES, FQ_MODULUS, decode_elements

PROOF_BYTES = 8 * ELEMENT_BYTES
MAX_VENUES = 64


Coordinate = Annotated[int, *unsigned_below(FQ_MODULUS, FieldRange, "below q, the field of BN254's coordinates")]
Pair = Annotated[tuple[Coordinate, ...], Field(min_length=2, max_length=2), Sequence]


class Proof(Model):
    """A Groth16 proof over BN254, affine; G2 coordinates as (c0, c1), as in snarkjs's JSON."""

    a: Pair
    b: Annotated[tuple[Pair, ...], Field(min_length=2, max_length=2), Sequence]
    c: Pair

    def to_bytes(self) -> bytes:
        """256 bytes ``A || B || C`` as engines take them."""
        numbers = (*self.a, *self.b[0], *self.b[1], *self.c)
        return b"".join(number.to_bytes(ELEMENT_BYTES, "little") for number in numbers)

    @classmethod
    def of_bytes(cls, encoded: bytes) -> Self:
        """From 256 bytes. Raises BytesLength, FieldRange."""
        if len(encoded) != PROOF_BYTES:
            raise BytesLength("a proof is 256 bytes", where="proof", expected=PROOF_BYTES, got=len(encoded))
        n = decode_elements(encoded, FQ_MODULUS)
        return cls(a=(n[0], n[1]), b=((n[2], n[3]), (n[4], n[5])), c=(n[6], n[7]))


class PublicInputs(Model):
    """The public inputs that no table determines, under the names of specs/statement.md.

    ``C`` commits to the linear functionals; null for a rule set without any. ``gamma``, ``t`` and directly
    used columns follow from these and the tables, and are recomputed by whoever verifies.
    """

    context: FieldElement
    claim: FieldElement
    positions: Annotated[tuple[FieldElement, ...], Field(min_length=1, max_length=MAX_VENUES), Sequence]
    collateral_root: FieldElement = Field(alias="collateral_root")
    nullifier: FieldElement
    scope: FieldElement
    C: FieldElement | None

    def leading(self) -> list[int]:
        """In circuit order, up to and with ``scope``."""
        return [
            self.context, self.claim, *self.positions, self.collateral_root, self.nullifier, self.scope
        ]  # fmt: skip


class SignedStatement(Model):
    """A position statement and its venue's signatures."""

    statement: PositionStatement
    signatures: Signatures


class SignedSnapshot(Model):
    """A market snapshot's header and its publishers' signatures; the tables are the verifier's to supply."""

    snapshot: MarketSnapshot
    signatures: Signatures


class SignedRoot(Model):
    """A collateral root, its checkpoints and its attestors' signatures; the attestor set is the policy's."""

    root: CollateralRoot
    checkpoints: Checkpoints
    signatures: Signatures


class Envelope(Document):
    """``*.margin-proof.json``."""

    TYPE: ClassVar[str] = "zkmargin/margin-proof"
    type: Literal["zkmargin/margin-proof"] = "zkmargin/margin-proof"
    version: Literal["1"] = "1"
    proof_system: Literal["groth16-bn254"] = "groth16-bn254"
    commitments: Empty = ()
    domain: AnyDomain
    context: StatementContext
    public_inputs: PublicInputs
    statements: Annotated[tuple[SignedStatement, ...], Field(min_length=1, max_length=MAX_VENUES), Sequence]
    market: SignedSnapshot
    collateral: SignedRoot | None = None
    proof: Proof

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the RFC 8785 bytes."""
        return sha256(self.to_bytes())

    @model_validator(mode="after")
    def _one_commitment_per_statement(self) -> Self:
        if len(self.public_inputs.positions) != len(self.statements):
            raise PydanticCustomError(SchemaType.code, "one public input `positions` per statement is needed")
        return self
