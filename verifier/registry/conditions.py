"""When a pledge may be recorded, and on whose signature: what registries and auditors both check."""

from __future__ import annotations

from zkmargin.attestations.context import epoch_of
from zkmargin.attestations.documents import Signatures, require_signed
from zkmargin.errors import EpochMismatch, PledgeTooLong, ProofExpired, SignatureNotAttestor
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.registry.documents import RegisteredVenue, Registration, RegistryTerms


def registration_of(envelope: Envelope) -> Registration:
    """The pledge that a proof makes: to the verifier that it was made for."""
    context = envelope.context
    return Registration(
        nullifier=envelope.public_inputs.nullifier,
        venue_id=context.verifier_id,
        epoch=context.epoch,
        issued_at=context.issued_at,
        expires_at=context.expires_at,
        context=envelope.public_inputs.context,
        vk_hash=context.vk_hash,
        policy_id=context.policy_id,
        proof_hash=envelope.digest,
    )


def require_current(pledged: Registration, terms: RegistryTerms, now: int) -> None:
    """Raise ProofExpired, EpochMismatch, PledgeTooLong unless a pledge may be recorded at ``now``."""
    if pledged.issued_at >= pledged.expires_at:
        raise ProofExpired("the pledge expires before it is issued", where="expiresAt")
    if pledged.issued_at > now + terms.clock_skew:
        raise ProofExpired(
            "the pledge is from the future", where="issuedAt", expected=f"at most {now}", got=pledged.issued_at
        )
    if now >= pledged.expires_at:
        raise ProofExpired("the pledge has expired", where="expiresAt", expected=f"after {now}", got=pledged.expires_at)
    length = terms.epoch_length
    start, end = pledged.epoch * length, (pledged.epoch + 1) * length
    if now >= end or now + terms.epoch_lead < start:
        raise EpochMismatch(
            "the pledge is for another epoch", where="epoch", expected=epoch_of(now, length), got=pledged.epoch
        )
    if pledged.expires_at > end:
        raise PledgeTooLong(
            "the pledge outlives its epoch", where="expiresAt", expected=f"at most {end}", got=pledged.expires_at
        )


def require_registration(
    pledged: Registration, signatures: Signatures, venue: RegisteredVenue, terms: RegistryTerms
) -> None:
    """Raise unless a registration is signed by its venue, and the venue may attest."""
    if not venue.attests:
        raise SignatureNotAttestor("this venue's pledges are recorded with their proofs only", where="registration")
    require_signed(pledged, terms.domain.signing(), signatures, venue.signers.signer_set(), "registration")
