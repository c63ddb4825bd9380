"""What a successful verification established, and what it did not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, NoReturn

from zkmargin.attestations.context import Claim
from zkmargin.attestations.price_evidence import PriceFinding
from zkmargin.encoding import hex_bytes

INSECURE: Final = "insecure key: it comes from a development setup whose maker could forge proofs"
NOT_EXCLUSIVE: Final = "not exclusive: no collateral is locked for the life of this statement"
INCOMPLETE: Final = "completeness is not claimed: the owner may hold other accounts under other keys"


@dataclass(frozen=True)
class VenueFinding:
    """A venue's statement that the proof is about: its age is ``clock - asOf``, in seconds."""

    name: str
    venue_id: bytes
    seq: int
    as_of: int
    age: int


@dataclass(frozen=True)
class CollateralFinding:
    """The collateral root that the proof uses, the chains that it covers, and those of them that are only observed."""

    root_digest: bytes
    seq: int
    chains: tuple[str, ...]
    observed: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """A proof that holds. There is no verdict that does not: ``verify`` raises instead.

    Not to be used as a truth value, so that no caller mistakes "was checked" for a flag. Times are unix
    seconds, ages seconds. ``clock`` is the time that every age was judged at; ``clock_source`` says whether
    it is this machine's or was given by the caller. The proof never supplies it.
    """

    claim: Claim
    rule_set: str
    rule_digest: bytes
    vk_hash: bytes
    insecure_key: bool
    policy: str
    policy_id: bytes
    venues: tuple[VenueFinding, ...]
    price_time: int
    price_age: int
    issued_at: int
    proof_age: int
    effective_from: int
    valid_until: int
    epoch: int
    scope: int
    nullifier: int
    challenge_checked: bool
    collateral: CollateralFinding | None
    prices: PriceFinding | None
    exclusive: bool
    clock: int
    clock_source: Literal["system", "given"]
    engine: str

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict is not a truth value: verify raises where a proof does not hold")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must not take for granted."""
        found = []
        if self.insecure_key:
            found.append(INSECURE)
        if not self.exclusive:
            found.append(NOT_EXCLUSIVE)
        if self.collateral is not None and self.collateral.observed:
            chains = ", ".join(self.collateral.observed)
            found.append(f"observed, not proven: lines on {chains} rest on the attestors' word alone")
        if self.prices is None:
            found.append("no evidence of prices: they rest on the publisher's word alone")
        if self.effective_from > self.clock:
            found.append("pending: the statement's epoch has not begun")
        if not self.challenge_checked:
            found.append("no challenge: the proof may have been shown before")
        if self.clock_source == "given":
            found.append("the clock was given by the caller")
        found.append(INCOMPLETE)
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        """As data; integers as decimal strings, as in documents."""
        return {
            "holds": True,
            "claim": {
                "text": str(self.claim),
                "kind": self.claim.kind.name.lower(),
                "num": str(self.claim.num),
                "den": str(self.claim.den),
                "minLock": str(self.claim.min_lock),
            },
            "ruleSet": {"name": self.rule_set, "digest": hex_bytes(self.rule_digest)},
            "verifyingKey": {"vkHash": hex_bytes(self.vk_hash), "insecure": self.insecure_key},
            "policy": {"name": self.policy, "policyId": hex_bytes(self.policy_id)},
            "venues": [
                {
                    "name": venue.name,
                    "venueId": hex_bytes(venue.venue_id),
                    "seq": str(venue.seq),
                    "asOf": str(venue.as_of),
                    "age": str(venue.age),
                }
                for venue in self.venues
            ],
            "priceTime": str(self.price_time),
            "priceAge": str(self.price_age),
            "issuedAt": str(self.issued_at),
            "proofAge": str(self.proof_age),
            "effectiveFrom": str(self.effective_from),
            "validUntil": str(self.valid_until),
            "epoch": str(self.epoch),
            "scope": str(self.scope),
            "nullifier": str(self.nullifier),
            "challengeChecked": self.challenge_checked,
            "collateral": None
            if self.collateral is None
            else {
                "rootDigest": hex_bytes(self.collateral.root_digest),
                "seq": str(self.collateral.seq),
                "chains": list(self.collateral.chains),
                "observed": list(self.collateral.observed),
            },
            "priceEvidence": None
            if self.prices is None
            else {
                "sequence": None if self.prices.sequence is None else str(self.prices.sequence),
                "oldest": str(self.prices.oldest),
                "cells": [
                    {"column": found.cell.column, "row": found.cell.row, "oracles": list(found.quotes)}
                    for found in self.prices.prices
                ],
            },
            "exclusive": self.exclusive,
            "clock": {"time": str(self.clock), "source": self.clock_source},
            "engine": self.engine,
            "warnings": list(self.warnings),
        }
