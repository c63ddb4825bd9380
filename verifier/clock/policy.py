"""How often an account must prove, and how long it has when it did not.                   specs/clock.md#policy"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from zkmargin.attestations.context import Claim
from zkmargin.attestations.schema import U16, U32, Model, Sequence
from zkmargin.errors import SchemaType


class Band(Model):
    """A buffer of health: ``den * equity >= num * requirement``. The venue learns the band, never the ratio."""

    num: U16
    den: U16

    def reached_by(self, claim: Claim) -> bool:
        """Whether a claim shows at least this buffer."""
        return claim.num * self.den >= self.num * claim.den

    def __str__(self) -> str:
        return f"{self.num}/{self.den}"


class Breaker(Model):
    """When calls pause. ``price_age``: a snapshot older than this many seconds is late. ``move``: an index that moves
    by more basis points than this from one snapshot to the next trips; calls resume ``cool_down`` seconds after the
    last such move, and at most ``longest_pause`` seconds after the first.
    """

    price_age: U32
    move: U16
    cool_down: U32
    longest_pause: U32


class ClockPolicy(Model):
    """Seconds: an account proves every ``prove_every``; without a proof it has ``grace``, then ``call`` to answer the
    margin call, then it stands in the liquidation queue.
    """

    prove_every: U32
    grace: U32
    call: U32
    bands: Annotated[tuple[Band, ...], Field(min_length=1), Sequence]
    breaker: Breaker

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for band in self.bands:
            if not 1 <= band.den <= band.num:
                raise PydanticCustomError(SchemaType.code, "a band is a buffer of at least one: num >= den >= 1")
        pairs = zip(self.bands, self.bands[1:], strict=False)
        if any(low.num * high.den >= high.num * low.den for low, high in pairs):
            raise PydanticCustomError(SchemaType.code, "bands must be strictly ascending")
        if min(self.prove_every, self.breaker.price_age, self.breaker.move) < 1:
            raise PydanticCustomError(SchemaType.code, "proveEvery, priceAge and move must be at least 1")
        if self.breaker.longest_pause < self.breaker.cool_down:
            raise PydanticCustomError(SchemaType.code, "longestPause must not be shorter than coolDown")
        return self

    def band_of(self, claim: Claim) -> int | None:
        """The index of the highest band that a claim reaches; None: it reaches none."""
        reached = [index for index, band in enumerate(self.bands) if band.reached_by(claim)]
        return reached[-1] if reached else None
