"""What a proof is bound to: claim, epoch, scope, digest of the context.     specs/documents.md#context"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from zkmargin.attestations.documents import PositionStatement, StatementContext
from zkmargin.attestations.eip712 import SigningDomain, Structure
from zkmargin.encoding import keccak256, u248
from zkmargin.errors import ClaimMismatch, IdCanonical, IntFormat, StatementMismatch, StatementTwice

_SCOPE: Final = Structure("PledgeScope(bytes32 pledgeDomain,uint64 epoch)")
_RATIO_LIMIT: Final = 1 << 16
_LOCK_LIMIT: Final = 1 << 64
_CLAIM_LIMIT: Final = 1 << 104
_CAIP10: Final = re.compile(r"[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}:[-.%a-zA-Z0-9]{1,128}")
_EIP155_ACCOUNT: Final = re.compile(r"eip155:(?:0|[1-9][0-9]{0,31}):0x[0-9a-f]{40}")
ZERO32: Final = bytes(32)


class ClaimKind(IntEnum):
    """Which requirement an account is shown to meet."""

    MAINTENANCE = 0
    INITIAL = 1


@dataclass(frozen=True, order=False)
class Claim:
    """``den * equity >= num * requirement``, over collateral locked until ``min_lock`` (unix seconds).

    ``num >= den >= 1``: a buffer never lowers the requirement. Raises ClaimMismatch otherwise.
    """

    kind: ClaimKind = ClaimKind.MAINTENANCE
    num: int = 1
    den: int = 1
    min_lock: int = 0

    def __post_init__(self) -> None:
        for name in ("num", "den", "min_lock"):
            if type(getattr(self, name)) is not int:
                raise ClaimMismatch("must be an integer", where=f"claim.{name}")
        if not isinstance(self.kind, ClaimKind):
            raise ClaimMismatch("kind must be maintenance or initial", where="claim.kind")
        if not 1 <= self.den <= self.num < _RATIO_LIMIT:
            raise ClaimMismatch("the buffer must be at least one", where="claim", expected="65536 > num >= den >= 1")
        if not 0 <= self.min_lock < _LOCK_LIMIT:
            raise ClaimMismatch("minLock must fit 64 bits", where="claim.minLock")

    def pack(self) -> int:
        """The public input ``claim``: ``kind | num << 8 | den << 24 | minLock << 40``."""
        return int(self.kind) | self.num << 8 | self.den << 24 | self.min_lock << 40

    @classmethod
    def unpack(cls, packed: int) -> Self:
        """The claim of a public input. Raises ClaimMismatch where it is not one."""
        if not 0 <= packed < _CLAIM_LIMIT:
            raise ClaimMismatch("not a packed claim", where="claim")
        kind = packed & 0xFF
        if kind not in tuple(ClaimKind):
            raise ClaimMismatch("unknown requirement", where="claim.kind", expected="0 or 1", got=kind)
        return cls(ClaimKind(kind), packed >> 8 & 0xFFFF, packed >> 24 & 0xFFFF, packed >> 40)

    def implies(self, other: Claim) -> bool:
        """Whether this claim is at least as strong as ``other``: same requirement, no smaller buffer or
        lock.
        """
        ratio = self.num * other.den >= other.num * self.den
        return self.kind == other.kind and ratio and self.min_lock >= other.min_lock

    def __str__(self) -> str:
        buffer = "" if self.num == self.den else f" times {self.num}/{self.den}"
        return f"equity >= {self.kind.name.lower()} requirement{buffer}"


def epoch_of(time: int, epoch_length: int) -> int:
    """``floor(time / epoch_length)``. Raises IntFormat where either is not a sensible number of seconds."""
    if epoch_length < 1 or time < 0:
        raise IntFormat("epochs are counted in positive seconds", where="epoch")
    return time // epoch_length


def compute_scope(pledge_domain: bytes, epoch: int) -> int:
    """The public input ``scope``: one value per pledge domain and epoch."""
    return u248(_SCOPE.hash({"pledgeDomain": pledge_domain, "epoch": epoch}))


def compute_statements_hash(statements: Iterable[PositionStatement], domain: SigningDomain) -> bytes:
    """keccak256 of the EIP-712 digests of position statements, in strictly ascending venue id.

    Raises StatementMismatch where the order is another, StatementTwice where a venue comes twice.
    """
    ordered = list(statements)
    require_ascending_venues(ordered)
    return keccak256(b"".join(statement.digest(domain) for statement in ordered))


def require_ascending_venues(statements: list[PositionStatement]) -> None:
    """Raise StatementTwice where a venue comes twice, StatementMismatch unless venue ids rise."""
    venues = [statement.venue_id for statement in statements]
    if len(set(venues)) != len(venues):
        raise StatementTwice("two position statements are of one venue", where="statements")
    if any(not low < high for low, high in itertools.pairwise(venues)):
        raise StatementMismatch("position statements must be in strictly ascending venue id", where="statements")


def compute_context_input(context: StatementContext, domain: SigningDomain) -> int:
    """The public input ``context``: the upper 248 bits of the EIP-712 digest."""
    return u248(context.digest(domain))


def party_id(account: str) -> bytes:
    """The 32-byte id of a verifier or venue: keccak256 of the CAIP-10 text of its key.

    Raises IdCanonical where the text is not CAIP-10, or an eip155 account is not in lower-case hex.
    """
    pattern = _EIP155_ACCOUNT if account.startswith("eip155:") else _CAIP10
    if not pattern.fullmatch(account):
        raise IdCanonical("not a canonical account", where="account", expected="CAIP-10, eip155 in lower case")
    return keccak256(account.encode("utf-8"))
