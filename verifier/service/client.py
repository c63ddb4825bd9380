"""A service as its traders ask it. Its answers are read strictly: what it says of itself is not taken on trust."""

from __future__ import annotations

import json
from typing import Final, TypeVar
from urllib.parse import urlsplit

from zkmargin.attestations.schema import Model, load_json
from zkmargin.encoding import hex_bytes
from zkmargin.errors import UsageWrong, ZkMarginError
from zkmargin.verifier.audit.report import plain
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.registry.conditions import registration_of
from zkmargin.verifier.registry.documents import LogProof, PledgeReceiptDocument, RegistryTerms
from zkmargin.verifier.registry.log import require_receipt
from zkmargin.verifier.service.errors import ServiceRefused, ServiceUnavailable
from zkmargin.verifier.service.messages import ChallengeIssued, SubmissionAccepted, VenueList

MAX_ANSWER: Final = 1 << 22
TIMEOUT: Final = 60.0
_M = TypeVar("_M", bound=Model)


class ServiceClient:
    """``timeout`` in seconds, for connecting and for each read. Calls raise ServiceUnavailable, ServiceRefused."""

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        """Raises UsageWrong where the address is not http or https, or holds a name and password."""
        import urllib3

        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
            self.host = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
        except ValueError:
            usable = False
        if not usable or parts.query or parts.fragment:
            raise UsageWrong("a service's address is http:// or https:// and a host", where="URL")
        self._url = url.rstrip("/")
        self._pool = urllib3.PoolManager(timeout=timeout, retries=False)

    def submit(self, envelope: Envelope) -> SubmissionAccepted:
        """Submit a proof."""
        return self._ask("POST", "/v1/submissions", SubmissionAccepted, envelope.to_bytes())

    def challenge(self, venue_id: bytes, seconds: int) -> ChallengeIssued:
        """A fresh challenge for a proof to a venue."""
        asked = {"venueId": hex_bytes(venue_id), "seconds": str(seconds)}
        return self._ask("POST", "/v1/challenges", ChallengeIssued, json.dumps(asked).encode())

    def venues(self) -> VenueList:
        """The venues of the service."""
        return self._ask("GET", "/v1/venues", VenueList)

    def require_recorded(self, receipt: PledgeReceiptDocument, envelope: Envelope, terms: RegistryTerms) -> None:
        """Raise unless the receipt is the operator's, of this proof's pledge, and its entry is in the signed log.

        ``terms`` are the caller's own copy. Raises what ``require_receipt`` raises.
        """
        pledged = registration_of(envelope)
        require_receipt(receipt, terms, pledged)
        path = f"/v1/log/inclusion/{receipt.receipt.log_index}?context={pledged.context}"
        proof = self._ask("GET", path, LogProof)
        require_receipt(receipt, terms, pledged, proof)

    def _ask(self, method: str, path: str, kind: type[_M], body: bytes | None = None) -> _M:
        import urllib3

        where = f"{self.host}: {path}"
        try:
            answer = self._pool.request(
                method, self._url + path, body=body, headers={"Content-Type": "application/json"}, redirect=False,
                preload_content=False,
            )  # fmt: skip
            try:
                raw, status = answer.read(MAX_ANSWER + 1), answer.status
            finally:
                answer.close()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ServiceUnavailable("the service does not answer", where=where, got=type(error).__name__) from None
        if status not in (200, 201):
            raise _refusal(raw, status, where)
        try:
            return kind.of_json(load_json(raw, "answer", MAX_ANSWER))
        except ZkMarginError as error:
            raise ServiceUnavailable("not an answer of a service", where=where, got=error.code) from None


def _refusal(raw: bytes, status: int, where: str) -> ServiceRefused | ServiceUnavailable:
    """From a problem document."""
    try:
        told = json.loads(raw)
        code, detail, place = (told.get(name) for name in ("code", "detail", "where"))
    except (ValueError, RecursionError, AttributeError):
        code = detail = place = None
    if not isinstance(code, str) or not isinstance(detail, str):
        return ServiceUnavailable("not an answer of a service", where=where, got=f"HTTP {status}")
    at = f" ({plain(place, 100)})" if isinstance(place, str) else ""
    return ServiceRefused(plain(detail, 200) + at, where=where, got=plain(code, 40))
