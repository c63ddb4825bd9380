"""One way to meet each refusal of the margin clock, for the table of errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zkmargin.attestations.context import Claim
from zkmargin.verifier.clock.clock import MarginClock, ProofTerms
from zkmargin.verifier.clock.policy import Band, Breaker, ClockPolicy


def _clock() -> MarginClock:
    limits = Breaker(price_age=60, move=500, cool_down=60, longest_pause=60)
    clock = MarginClock(ClockPolicy(prove_every=60, grace=60, call=60, bands=(Band(num=1, den=1),), breaker=limits))
    clock.enrol("alice", 1000)
    return clock


CLOCK: Mapping[str, Callable[[], object]] = {
    "E_CLOCK": lambda: _clock().tick(999),
    "E_ACCOUNT_UNKNOWN": lambda: _clock().remove("bob", 1000, "closed"),
    "E_ACCOUNT_ENROLLED": lambda: _clock().enrol("alice", 1001),
    "E_PROOF_SUPERSEDED": lambda: _clock().prove("alice", ProofTerms(1, 9999, 1, Claim()), 1001),
}
