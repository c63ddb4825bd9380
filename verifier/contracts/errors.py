"""What a contract refuses, under the codes that verification has off chain.             specs/contracts.md#errors"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from zkmargin.attestations.collateral.errors import (
    AttestorSetMismatch,
    CheckpointMissing,
    CheckpointsHash,
    Equivocation,
    Finality,
    LockEnds,
    ProofKindRefused,
    RootExpired,
    RootNotYetValid,
    RootRevoked,
    RootSequence,
    StaleBlock,
)
from zkmargin.encoding import hex_bytes, keccak256
from zkmargin.errors import (
    ChallengeMismatch,
    ClaimMismatch,
    ContextMismatch,
    DomainMismatch,
    EpochMismatch,
    FieldRange,
    KeyNotListed,
    ListingMismatch,
    MarketFuture,
    MarketMismatch,
    MarketStale,
    PledgeTooLong,
    PolicyMismatch,
    ProofExpired,
    ProofInvalid,
    ProofPoint,
    Quorum,
    RootMismatch,
    SignatureDuplicate,
    SignatureFormat,
    SignatureHighS,
    SignatureNotAttestor,
    SignatureOrder,
    StatementMismatch,
    StatementStale,
    StatementTwice,
    TargetMismatch,
    VenueMismatch,
    VerificationError,
    ZkMarginError,
)
from zkmargin.verifier.contracts.artifacts import artifact
from zkmargin.verifier.registry.errors import (
    ContextReplay,
    DoublePledge,
    PledgeMissing,
    PledgeRefresh,
    ReceiptInvalid,
)


class ContractRefused(VerificationError):
    """A contract takes no such transaction: not from its administrator, a policy that is malformed or known."""

    code = "E_CONTRACT"
    advice = "`zkmargin contracts status` shows what the contract holds"


class ContractCode(VerificationError):
    """The code at an address is not the project's, or not with this key."""

    code = "E_CONTRACT_CODE"
    advice = "do not rely on the contract: deploy anew with `zkmargin contracts deploy`, and compare addresses"


class TransactionFailed(VerificationError):
    """A transaction was taken into a block and failed: another one came first, or its gas ran out."""

    code = "E_TRANSACTION"
    advice = "`zkmargin contracts status` shows what the contract holds; send it again"


REFUSALS: Final[Mapping[str, tuple[type[ZkMarginError], str]]] = {
    "InputNotCanonical": (FieldRange, "a public input is not below r"),
    "InputCount": (KeyNotListed, "the key takes another number of public inputs"),
    "CoordinateNotCanonical": (FieldRange, "a coordinate of the proof is not below q"),
    "PointAtInfinity": (ProofPoint, "no honest proof holds the point at infinity"),
    "PointOffCurve": (ProofPoint, "a point of the proof is not on its curve"),
    "PrecompileFailed": (ProofPoint, "B is outside the subgroup of order r, or gas ran out"),
    "ProofInvalid": (ProofInvalid, "the pairing equation does not hold"),
    "KeyMalformed": (ProofPoint, "the verifying key is malformed, or binds no value of a public input"),
    "NotAdministrator": (ContractRefused, "only the administrator adds and ends policies"),
    "PolicyMalformed": (ContractRefused, "the policy is malformed"),
    "PolicyUnknown": (PolicyMismatch, "the contract has no such policy"),
    "PolicyExists": (ContractRefused, "the contract has this policy: policies never change"),
    "PolicyIsRetired": (PolicyMismatch, "the administrator has ended this policy"),
    "WrongVerifier": (VenueMismatch, "made for another verifier"),
    "WrongTarget": (TargetMismatch, "the proof was made for another chain or contract"),
    "KeyNotListed": (KeyNotListed, "the policy does not list this rule set, circuit and verifying key together"),
    "ChallengeMissing": (ChallengeMismatch, "the policy asks for a challenge"),
    "ChallengeUnknown": (ChallengeMismatch, "the contract gave out no such challenge, or it was used"),
    "ChallengeExpired": (ChallengeMismatch, "the challenge has expired"),
    "ProofNotYetValid": (ProofExpired, "the statement is from the future"),
    "ProofExpired": (ProofExpired, "the statement has expired"),
    "WrongEpoch": (EpochMismatch, "for another epoch"),
    "PledgeTooLong": (PledgeTooLong, "the statement outlives its epoch"),
    "SnapshotUnknown": (MarketMismatch, "no registered market snapshot of the policy's publishers"),
    "PriceStale": (MarketStale, "prices are too old, or the snapshot has expired"),
    "PriceFuture": (MarketFuture, "the market snapshot is from the future"),
    "ListingMismatch": (ListingMismatch, "the position statement is about another listing"),
    "StatementUnknown": (StatementMismatch, "no registered position statement of the policy's venue"),
    "StatementCount": (StatementMismatch, "exactly one position statement of each venue is needed"),
    "StatementTwice": (StatementTwice, "two venues signed one commitment"),
    "StatementStale": (StatementStale, "the positions are too old, or their statement has expired"),
    "StatementFuture": (StatementStale, "the position statement is from the future"),
    "StatementSuperseded": (StatementStale, "the pledge rests on a later position statement"),
    "CollateralRefused": (AttestorSetMismatch, "the policy accepts no collateral"),
    "AttestorSetMismatch": (AttestorSetMismatch, "another attestor set than the policy's, or than the one in office"),
    "DomainMismatch": (DomainMismatch, "the root is for another pledge domain"),
    "CheckpointsMismatch": (CheckpointsHash, "not the checkpoints that were signed, or not the policy's chains"),
    "CheckpointMissing": (CheckpointMissing, "the policy lists no such chain"),
    "FinalityTooLow": (Finality, "a block is not final enough"),
    "ProofKindRefused": (ProofKindRefused, "a chain is only observed, not proven"),
    "BlockStale": (StaleBlock, "a block is too old, or from the future"),
    "RootMalformed": (RootMismatch, "a tree of another depth"),
    "RootUnknown": (RootMismatch, "no registered collateral root of this digest"),
    "RootNotYetValid": (RootNotYetValid, "the root is from the future"),
    "RootExpired": (RootExpired, "the root has expired"),
    "RootRevoked": (RootRevoked, "the attestors took this root back"),
    "RootSuperseded": (RootSequence, "a later root is registered, or the pledge rests on one"),
    "Equivocation": (Equivocation, "two roots with one number"),
    "LockEnds": (LockEnds, "the policy wants collateral that is locked until the proof expires"),
    "ClaimMalformed": (ClaimMismatch, "not a claim, or a lock without collateral"),
    "ClaimTooWeak": (ClaimMismatch, "the claim is weaker than the policy asks"),
    "ContextMismatch": (ContextMismatch, "context is not the digest of the stated one"),
    "NullifierTaken": (DoublePledge, "this nullifier has a record, which a refresh must come with"),
    "HeldByAnother": (DoublePledge, "the collateral behind this nullifier is pledged to another"),
    "Replayed": (ContextReplay, "this proof was recorded before, or is from before the release"),
    "RefreshRefused": (PledgeRefresh, "the venue's own pledge is not replaced"),
    "RecordMismatch": (PledgeMissing, "the registry does not hold this record for the nullifier"),
    "ReleaseRefused": (ContextReplay, "the release is used, older than the pledge, or from the future"),
    "NotCovered": (ReceiptInvalid, "the record does not count"),
    "SignatureFormat": (SignatureFormat, "not 65 bytes r, s, v with v 27 or 28"),
    "SignatureHighS": (SignatureHighS, "s is in the upper half: the signature is malleable"),
    "SignatureOrder": (SignatureOrder, "signers must be in ascending order"),
    "SignatureDuplicate": (SignatureDuplicate, "one signer signed twice"),
    "SignerUnknown": (SignatureNotAttestor, "not a signer that the policy trusts, or the signed content was altered"),
    "BelowQuorum": (Quorum, "too few signatures"),
}
"""By the contracts' own names of their errors."""


@cache
def _selectors() -> Mapping[bytes, tuple[str, tuple[tuple[str, str], ...]]]:
    """Name and members (name, type) by the first four bytes of what a call gives back."""
    found = {}
    for name in ("MarginRegistry", "Groth16Verifier", "Signatures"):
        for entry in artifact(name).abi:
            if entry["type"] == "error":
                members = tuple((member["name"], member["type"]) for member in entry["inputs"])
                signature = f"{entry['name']}({','.join(kind for _, kind in members)})"
                found[keccak256(signature.encode())[:4]] = (entry["name"], members)
    return found


def refusal(answer: bytes, contract: str, decode: Callable[[list[str], bytes], Any]) -> ZkMarginError:
    """The error that a reverted call means. ``decode`` reads ABI values of the given types."""
    known = _selectors().get(answer[:4])
    if known is None:
        return ContractRefused("the contract reverts without a name", where=contract, got=hex_bytes(answer[:4]) or None)
    name, members = known
    values = dict(
        zip((member for member, _ in members), decode([kind for _, kind in members], answer[4:]), strict=True)
    )
    kind, message = REFUSALS[name]
    told = {member: hex_bytes(value) if isinstance(value, bytes) else value for member, value in values.items()}
    expected = told.pop("expected", told.pop("least", None))
    got = told.pop("got", None)
    if got is None and told:
        got = ", ".join(f"{member} {value}" for member, value in told.items() if member)
    return kind(message, where=f"{contract}: {name}", expected=expected, got=got)
