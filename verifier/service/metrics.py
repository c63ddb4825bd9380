"""What a service counts, for Prometheus. Each service has its own registry of counters: tests run several."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

__all__ = ["CONTENT_TYPE_LATEST", "Metrics"]


class Metrics:
    """Counters of requests, refusals, pledges, and gauges of what waits."""

    def __init__(self) -> None:
        self._all = CollectorRegistry()
        self.requests = Counter(
            "zkmargin_requests", "Requests by route and status.", ("route", "status"), registry=self._all
        )
        self.refusals = Counter("zkmargin_refusals", "Refusals by code.", ("code",), registry=self._all)
        self.pledges = Counter("zkmargin_pledges", "Pledges recorded.", registry=self._all)
        self.seconds = Histogram(
            "zkmargin_submission_seconds", "Seconds from a submission to its receipt.", registry=self._all,
            buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
        )  # fmt: skip
        self.waiting = Gauge("zkmargin_waiting", "Proofs that wait for a verifier.", registry=self._all)
        self.entries = Gauge("zkmargin_log_entries", "Entries of the transparency log.", registry=self._all)
        self.accounts = Gauge(
            "zkmargin_accounts", "Accounts by state of the margin clock.", ("venue", "state"), registry=self._all
        )
        self.paused = Gauge("zkmargin_calls_paused", "1 where margin calls pause.", ("venue",), registry=self._all)

    def text(self) -> bytes:
        """In Prometheus's format."""
        return generate_latest(self._all)
