"""Everything that a verification needs besides the proof: read once in each process that verifies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from zkmargin.attestations.collateral.documents import RevokeRootDocument
from zkmargin.attestations.documents import require_domain, require_signed
from zkmargin.attestations.market import MarketSnapshotDocument
from zkmargin.attestations.price_evidence import PriceEvidence, require_committed
from zkmargin.attestations.schema import Document
from zkmargin.circuits.rules import RuleSet, load_rules
from zkmargin.encoding import write_atomic
from zkmargin.errors import KeyNotListed, SchemaType, VenueMismatch, ZkMarginError
from zkmargin.formats import vk_hash
from zkmargin.verifier.checks import Case
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.keys import read_verifying_key
from zkmargin.verifier.policy import Policy
from zkmargin.verifier.service.errors import MarketMissing
from zkmargin.verifier.service.settings import ServedVenue, ServiceSettings
from zkmargin.verifier.verdict import Verdict
from zkmargin.verifier.verify import make_case, verify_all

KEPT_MARKETS = 8
Asked = tuple[bytes, bytes | None, int]
"""A proof's file, the challenge that it must answer, the time to judge at."""
_MARKETS, _PRICES, _REVOCATIONS = "markets", "prices", "revocations"


@dataclass(frozen=True)
class Venue:
    """A policy, and by ``vkHash`` the rule set and key that it lists."""

    policy: Policy
    keys: Mapping[bytes, tuple[RuleSet, bytes]]
    tokens: tuple[bytes, ...]


class Desk:
    """The venues of a service by ``venueId``, and its market snapshots by digest."""

    def __init__(self, settings: ServiceSettings, folder: Path) -> None:
        self.folder = folder / settings.documents
        self._revoked: dict[bytes, tuple[tuple[str, ...], tuple[RevokeRootDocument, ...]]] = {}
        self.venues: dict[bytes, Venue] = {}
        _require_own_tokens(settings)
        for served in settings.venues:
            venue = _venue(served, folder)
            if venue.policy.verifier_id in self.venues:
                raise SchemaType("a venue is served under one policy", where=served.policy)
            self.venues[venue.policy.verifier_id] = venue
        self._market = lru_cache(KEPT_MARKETS)(self._read_market)
        self._prices = lru_cache(KEPT_MARKETS)(self._read_prices)

    def judge(self, asked: Sequence[Asked]) -> list[Verdict | ZkMarginError]:
        """Verify proofs, each for the venue that it names: the verdict, or what ``verify`` raises, VenueMismatch,
        MarketMissing.
        """
        outcomes: dict[int, Verdict | ZkMarginError] = {}
        cases: dict[int, Case] = {}
        for index, (content, challenge, at) in enumerate(asked):
            try:
                cases[index] = self._case(Envelope.parse(content), challenge, at)
            except ZkMarginError as error:
                outcomes[index] = error
        outcomes.update(zip(cases, verify_all(list(cases.values())), strict=True))
        return [outcomes[index] for index in range(len(asked))]

    def _case(self, envelope: Envelope, challenge: bytes | None, at: int) -> Case:
        venue = self.venue(envelope.context.verifier_id)
        rules, key = self._key(venue, envelope.context.vk_hash)
        digest = envelope.market.snapshot.digest(venue.policy.domain.signing())
        return make_case(
            envelope,
            policy=venue.policy,
            market=self._market(digest),
            rules=rules,
            verifying_key=key,
            at=at,
            challenge=challenge,
            revocations=self._revocations(envelope.context.verifier_id),
            prices=None if venue.policy.prices is None else self._prices(digest),
        )

    def venue(self, venue_id: bytes) -> Venue:
        """Raises VenueMismatch."""
        try:
            return self.venues[venue_id]
        except KeyError:
            raise VenueMismatch("not a venue of this service", where="context.verifierId") from None

    # --- documents that publishers and attestors send -----------------------------------------------------------------

    def keep_market(self, document: MarketSnapshotDocument) -> tuple[bytes, list[bytes]]:
        """Keep a snapshot for proofs about it; its digest, and the venues that trust it and serve its rule set.

        Raises the errors of signatures where no served policy trusts its publishers, and those of
        ``MarketSnapshotDocument.market``.
        """
        trusting = self._trusting(lambda policy: _require_snapshot(document, policy))
        _ = document.market
        digest = document.snapshot.digest(document.domain.signing())
        self._keep(_MARKETS, digest, document)
        return digest, [venue_id for venue_id in trusting if self._serves(venue_id, document.snapshot.rule_digest)]

    def _serves(self, venue_id: bytes, rule_digest: bytes) -> bool:
        return any(rules.digest == rule_digest for rules, _ in self.venues[venue_id].keys.values())

    def keep_prices(self, digest: bytes, evidence: PriceEvidence) -> None:
        """Keep the evidence that a snapshot that is here commits to; it is verified with every proof.

        Anybody may send it, so that none but the publishers' own takes the place of another: the next proof would fail
        by it. Raises MarketMissing, PriceEvidenceMismatch.
        """
        require_committed(evidence, self._market(digest).market)
        self._keep(_PRICES, digest, evidence)

    def keep_revocation(self, document: RevokeRootDocument) -> bytes:
        """Keep a revocation for the venues whose attestors signed it; its digest. Raises the errors of signatures.

        For those alone: ``verify`` refuses to judge by a revocation that its own attestors did not sign, and so another
        venue's would stop every proof.
        """
        digest = document.revocation.digest(document.domain.signing())
        for venue_id in self._trusting(lambda policy: _require_revocation(document, policy)):
            self._keep(f"{_REVOCATIONS}/{venue_id.hex()}", digest, document)
        return digest

    def _trusting(self, require: Callable[[Policy], None]) -> list[bytes]:
        """The venues whose policy does not refuse; raises a refusal where all do."""
        found, refusal = [], None
        for venue_id, venue in self.venues.items():
            try:
                require(venue.policy)
                found.append(venue_id)
            except ZkMarginError as error:
                refusal = error
        if not found:
            raise refusal or VenueMismatch("no venue is served")
        return found

    def _path(self, kind: str, digest: bytes) -> Path:
        return self.folder / kind / f"{digest.hex()}.json"

    def _keep(self, kind: str, digest: bytes, document: Document) -> None:
        path = self._path(kind, digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, document.to_bytes())

    def _read_market(self, digest: bytes) -> MarketSnapshotDocument:
        path = self._path(_MARKETS, digest)
        if not path.is_file():
            raise MarketMissing("the snapshot of the proof is not here", where="market.snapshot")
        return MarketSnapshotDocument.read(path)

    def _read_prices(self, digest: bytes) -> PriceEvidence:
        path = self._path(_PRICES, digest)
        if not path.is_file():
            raise MarketMissing("the evidence of the snapshot's prices is not here", where="market.snapshot")
        return PriceEvidence.read(path)

    def _revocations(self, venue_id: bytes) -> tuple[RevokeRootDocument, ...]:
        folder = self.folder / _REVOCATIONS / venue_id.hex()
        names = tuple(sorted(path.name for path in folder.glob("*.json")))
        if names != self._revoked.get(venue_id, ((), ()))[0]:
            self._revoked[venue_id] = names, tuple(RevokeRootDocument.read(folder / name) for name in names)
        return self._revoked.get(venue_id, ((), ()))[1]

    @staticmethod
    def _key(venue: Venue, digest: bytes) -> tuple[RuleSet, bytes]:
        try:
            return venue.keys[digest]
        except KeyError:
            raise KeyNotListed("the venue does not take proofs under this key", where="context.vkHash") from None


def _require_snapshot(document: MarketSnapshotDocument, policy: Policy) -> None:
    require_domain(document.domain, policy.domain, "domain")
    document.require_signed(policy.publishers.signer_set())


def _require_revocation(document: RevokeRootDocument, policy: Policy) -> None:
    if policy.collateral is None:
        raise VenueMismatch("the policy takes no collateral", where="revocation")
    require_domain(document.domain, policy.domain, "domain")
    signers = policy.collateral.attestors.signers.signer_set()
    require_signed(document.revocation, policy.domain.signing(), document.signatures, signers, "revocation")


def _require_own_tokens(settings: ServiceSettings) -> None:
    """A token that two venues list would show one the other's customers. Raises SchemaType."""
    listed = [token for served in settings.venues for token in served.tokens] + list(settings.auditors)
    if len(set(listed)) != len(listed):
        raise SchemaType("a token is listed twice: it would be of two parties", where="venues.tokens, auditors")


def _venue(served: ServedVenue, folder: Path) -> Venue:
    policy = Policy.read(folder / served.policy)
    keys: dict[bytes, tuple[RuleSet, bytes]] = {}
    for entry in served.rule_sets:
        rules = load_rules(entry.rules, folder)
        key = read_verifying_key(folder / entry.key)
        digest = vk_hash(key)
        if not any(listed.vk_hash == digest and listed.rule_digest == rules.digest for listed in policy.rule_sets):
            raise KeyNotListed("the policy does not list this rule set and key together", where=entry.rules)
        keys[digest] = rules, key
    return Venue(policy, keys, served.tokens)
