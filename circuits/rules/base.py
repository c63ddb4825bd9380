"""What the typed tree is made of: sides, visibilities, units, types, places in a file, declarations."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

LIMIT = 1 << 252
"""Every value stays strictly inside ``+-LIMIT``, so that field arithmetic never wraps."""


class Side(Enum):
    """What the uses of a node ask of it: its exact value, or a bound that the prover may choose."""

    EXACT = "exact"
    UPPER = "upper"
    LOWER = "lower"

    def join(self, other: Side) -> Side:
        """One demand that serves both: asked on both sides means exact."""
        return self if self is other else Side.EXACT

    def flip(self) -> Side:
        """The demand on ``x`` when ``-x`` is asked for."""
        return {Side.UPPER: Side.LOWER, Side.LOWER: Side.UPPER, Side.EXACT: Side.EXACT}[self]


class Visibility(IntEnum):
    """Who knows the value: everyone from the rule text, everyone from the tables, the prover alone."""

    CONSTANT = 0
    PUBLIC = 1
    PRIVATE = 2


class Role(Enum):
    """Where a column is declared."""

    PUBLIC = "public"
    PARAMETER = "parameters"
    PRIVATE = "private"


class Source(Enum):
    """Who vouches for a private column: a venue's position statement, a chain attestor's collateral tree, or
    nobody but the prover, who may pick any value within the column's bounds.
    """

    VENUE = "venue"
    CHAIN = "chain"
    PROVER = "prover"


class Padding(Enum):
    """What fills the rows of an axis beyond the active ones."""

    NONE = "none"
    ZERO = "zero"
    REPEAT = "repeat"


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of one line of a rule file. ``line`` and ``column`` count from 1, ``text`` is the line."""

    file: str
    line: int
    column: int
    width: int
    text: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A product of powers of named units, names in ascending order, no zero power; ``()`` is the number 1."""

    powers: tuple[tuple[str, int], ...] = ()

    def __mul__(self, other: Unit) -> Unit:
        powers = dict(self.powers)
        for name, power in other.powers:
            powers[name] = powers.get(name, 0) + power
        return Unit(tuple(sorted((name, power) for name, power in powers.items() if power)))

    def __truediv__(self, other: Unit) -> Unit:
        return self * Unit(tuple((name, -power) for name, power in other.powers))

    def root(self) -> Unit | None:
        """The unit whose square this is, or None where a power is odd."""
        if any(power % 2 for _, power in self.powers):
            return None
        return Unit(tuple((name, power // 2) for name, power in self.powers))

    def __str__(self) -> str:
        def join(sign: int) -> str:
            return "*".join(
                name if abs(power) == 1 else f"{name}^{abs(power)}" for name, power in self.powers if power * sign > 0
            )

        below = join(-1)
        return (join(1) or "1") + (f"/{below}" if "*" not in below else f"/({below})") * bool(below)


ONE = Unit()


@dataclass(frozen=True, slots=True)
class Type:
    """What is known of a node before any table or account is seen.

    ``axes`` are in the order of their declaration. ``unit`` is None for the constant 0 alone, which fits
    any unit. The integer (value times ``denominator``) lies in ``[lo, hi]`` for every admissible table and
    account: public columns within their declared bounds, private ones within their effective interval.
    """

    axes: tuple[str, ...]
    unit: Unit | None
    denominator: int
    lo: int
    hi: int
    visibility: Visibility

    @property
    def bits(self) -> int:
        """Width of the interval: the smallest w with ``hi - lo < 2**w``."""
        return (self.hi - self.lo).bit_length()


# --- declarations -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Axis:
    """A named axis of exactly ``capacity`` elements (``padding`` NONE), or of at most that many, padded.

    ``like`` names the axis that this one copies: capacity, padding and active rows.
    """

    name: str
    capacity: int
    padding: Padding
    span: Span
    like: str | None = None


@dataclass(frozen=True, slots=True)
class LabelDecl:
    """A label: it sends each row of ``axis`` to an element of ``target``, or to none.

    ``fixed`` holds the target of every row, -1 for none, where it is part of the circuit and not of the
    tables; both axes have exact sizes then, or ``axis`` is ``like`` ``target`` and the label is the identity.
    """

    name: str
    axis: str
    target: str
    span: Span
    fixed: tuple[int, ...] | None = None

    @property
    def total(self) -> bool:
        """Whether the compiler knows that every row has a group."""
        return self.fixed is not None and min(self.fixed) >= 0


@dataclass(frozen=True, slots=True)
class ColumnDecl:
    """A column: an integer array of ``value * 10**decimals`` along ``axes`` (empty: a scalar).

    ``minimum`` and ``maximum`` are the declared bounds, as integers. ``lo`` and ``hi`` are the bounds that
    both readings use: the declared ones where the tables are checked, the effective interval (a power of
    two wide) where the circuit checks a private column.
    Specified in specs/rules.md#effective-intervals.
    ``source`` says who vouches for a private column; None for columns of the tables.
    """

    name: str
    role: Role
    axes: tuple[str, ...]
    unit: Unit
    decimals: int
    minimum: int
    maximum: int
    lo: int
    hi: int
    default: int | None
    span: Span
    source: Source | None = None

    @property
    def bits(self) -> int:
        """Width of ``[lo, hi]``; for a private column ``hi - lo + 1 == 2**bits``, ``lo`` 0 or
        ``-2**(bits-1)``.
        """
        return (self.hi - self.lo).bit_length()
