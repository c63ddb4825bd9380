"""A registry of two venues that attest and one that does not, and what they sign."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from parties import DOMAIN, NOW

from zkmargin.attestations.documents import Signers, sign
from zkmargin.attestations.keyfiles import party_of
from zkmargin.attestations.signatures import SigningKey
from zkmargin.encoding import sha256
from zkmargin.verifier.registry.documents import (
    RegisteredVenue,
    Registration,
    RegistrationDocument,
    RegistryTerms,
    Release,
    ReleaseDocument,
)
from zkmargin.verifier.registry.registry import Registry

OPERATOR, ALPHA, BETA, GAMMA = (SigningKey(bytes([n]) * 32) for n in (41, 42, 43, 44))
KEYS = {party_of(key.address): key for key in (ALPHA, BETA, GAMMA)}
A, B, C = (party_of(key.address) for key in (ALPHA, BETA, GAMMA))
EPOCH = NOW // DOMAIN.epoch_length
EPOCH_START, EPOCH_END = EPOCH * DOMAIN.epoch_length, (EPOCH + 1) * DOMAIN.epoch_length
VK, POLICY = sha256(b"key"), sha256(b"policy")
TERMS = RegistryTerms(
    domain=DOMAIN.domain(),
    operator=OPERATOR.address,
    epoch_length=DOMAIN.epoch_length,
    epoch_lead=3600,
    clock_skew=60,
    venues=tuple(
        RegisteredVenue(venue_id=venue, name=name, signers=Signers.of(KEYS[venue].address), attests=venue != C)
        for venue, name in sorted({A: "alpha", B: "beta", C: "gamma"}.items())
    ),
)
SIGNING = TERMS.domain.signing()


class Clock:
    """A clock that the test sets."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def open_registry(url: str, clock: Clock | None = None, terms: RegistryTerms = TERMS) -> Registry:
    """A new or an existing registry."""
    Registry.create(url, terms)
    return Registry(url, terms, OPERATOR, clock=clock or Clock())


def sqlite_at(folder: Path) -> str:
    return f"sqlite:///{folder / 'registry.db'}"


def pledge(nullifier: int, venue: bytes = A, **changes: Any) -> Registration:
    """A pledge; by default its context is its own for each nullifier, venue and time of issue."""
    fields: dict[str, Any] = {
        "nullifier": nullifier,
        "venue_id": venue,
        "epoch": EPOCH,
        "issued_at": NOW - 5,
        "expires_at": NOW + 1800,
        "vk_hash": VK,
        "policy_id": POLICY,
        "proof_hash": bytes(32),
    } | changes
    label = f"{nullifier} {venue.hex()} {fields['issued_at']} {fields['expires_at']}".encode()
    return Registration(**{"context": int.from_bytes(sha256(label)[:31], "big")} | fields)


def registration(
    nullifier: int, venue: bytes = A, *, keys: list[SigningKey] | None = None, **changes: Any
) -> RegistrationDocument:
    """The same, signed by the venue."""
    pledged = pledge(nullifier, venue, **changes)
    signatures = sign(pledged, SIGNING, [KEYS[venue]] if keys is None else keys)
    return RegistrationDocument(domain=TERMS.domain, registration=pledged, signatures=signatures)


def release(nullifier: int, venue: bytes = A, at: int = NOW, epoch: int = EPOCH) -> ReleaseDocument:
    """A venue lets a pledge go."""
    structure = Release(nullifier=nullifier, epoch=epoch, at=at)
    return ReleaseDocument(domain=TERMS.domain, release=structure, signatures=sign(structure, SIGNING, [KEYS[venue]]))
