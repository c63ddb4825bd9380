"""A small registry as files: its terms, its database, its exported log."""

from __future__ import annotations

from pathlib import Path

from parties import DOMAIN, NOW, PUBLISHER, VENUE

from zkmargin.attestations.documents import Signers, sign
from zkmargin.attestations.keyfiles import party_of
from zkmargin.verifier.registry.bundle import export_log
from zkmargin.verifier.registry.documents import RegisteredVenue, Registration, RegistrationDocument, RegistryTerms
from zkmargin.verifier.registry.registry import Registry

VENUE_PARTY = party_of(VENUE.address)


def write_registry(folder: Path) -> RegistryTerms:
    """``terms.json``, ``pledges.db`` and ``log/`` with one pledge; the publisher operates the registry."""
    terms = RegistryTerms(
        domain=DOMAIN.domain(),
        operator=PUBLISHER.address,
        epoch_length=DOMAIN.epoch_length,
        epoch_lead=3600,
        clock_skew=60,
        venues=(RegisteredVenue(venue_id=VENUE_PARTY, name="venue", signers=Signers.of(VENUE.address), attests=True),),
    )
    (folder / "terms.json").write_text(terms.to_text())
    url = f"sqlite:///{folder / 'pledges.db'}"
    Registry.create(url, terms)
    pledged = Registration(
        nullifier=7, venue_id=VENUE_PARTY, epoch=NOW // DOMAIN.epoch_length, issued_at=NOW, expires_at=NOW + 600,
        context=5, vk_hash=bytes(32), policy_id=bytes(32), proof_hash=bytes(32),
    )  # fmt: skip
    signatures = sign(pledged, terms.domain.signing(), [VENUE])
    with Registry(url, terms, PUBLISHER, clock=lambda: NOW) as registry:
        receipt = registry.register(
            RegistrationDocument(domain=terms.domain, registration=pledged, signatures=signatures)
        )
        export_log(registry, folder / "log")
    (folder / "pledge.json").write_text(receipt.to_text())
    return terms
