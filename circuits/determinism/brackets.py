"""Advice that inequalities fix from both sides: each declared pair is found in the constraints, or refused.
                                                                              specs/determinism.md#brackets

No relation here takes a wire for an integer that the constraints do not make one: two solutions are compared modulo
p, and the difference is an integer because sums of booleans bound it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from zkmargin.circuits.constraints import Bracket
from zkmargin.circuits.determinism.measures import find_rank, find_tail
from zkmargin.circuits.determinism.polynomials import NonNegative, linear
from zkmargin.circuits.determinism.propagation import Propagation
from zkmargin.circuits.determinism.relations import Relations
from zkmargin.circuits.determinism.sides import Claim, Refused, grouped
from zkmargin.circuits.determinism.spreads import find_spread
from zkmargin.circuits.determinism.verdicts import Verdict
from zkmargin.circuits.linear import ONE_WIRE
from zkmargin.errors import CircuitError


class Brackets:
    """The declared brackets of a circuit; what each fixes is given once its inequalities are found."""

    def __init__(self, relations: Relations, brackets: Sequence[Bracket]) -> None:
        self._relations = relations
        self._pending = list(brackets)
        self._reasons: list[str] = []
        rows = [row for bracket in brackets for row in bracket.all_rows]
        wires = {wire for row in rows for wire in relations.wires_of(row)}
        wires |= {wire for bracket in brackets for wire in bracket.wires}
        if any(not 0 < wire < relations.n_wires for wire in wires - {ONE_WIRE}):
            raise CircuitError("a bracket names a wire that does not exist")
        self._shown = NonNegative(relations)

    def advance(self, propagation: Propagation) -> bool:
        """Verify what can be verified now; whether anything new is known. ``propagation`` then has to run."""
        advanced, pending, reasons = False, [], []
        for bracket in self._pending:
            claim = Claim(bracket, self._relations, propagation, self._shown)
            try:
                _RELATIONS[bracket.kind](claim)
            except Refused as refused:
                pending.append(bracket)
                reasons.append(str(refused))
                continue
            for wire in bracket.wires:
                if propagation.known[wire] == Verdict.UNDETERMINED:
                    propagation.give(wire, Verdict.BRACKET)
                    advanced = True
        self._pending, self._reasons = pending, reasons
        return advanced

    @property
    def problems(self) -> dict[str, str]:
        """Per path of a bracket that could not be verified: what is missing."""
        return {bracket.path: reason for bracket, reason in zip(self._pending, self._reasons, strict=True)}


def _find_quotient(claim: Claim) -> None:
    """``0 <= r <= y - 1`` for ``r = x - q y``, x and y known, q a sum of booleans of at most W.

    As y - 1 = r + s with r <= R and s <= S, y is an integer in ``[1, R + S + 1]``. Of two solutions
    ``(q - q') y = r' - r``, less than p in size on both sides, so over the integers; and ``|r' - r| < y``.
    """
    quotient, x, y, rest = (claim.form(role) for role in ("quotient", "x", "y", "rest"))
    claim.require_known("x", "y")
    largest = claim.reach(quotient, "the quotient is no sum of bits")
    remainder = claim.reach(rest, "no constraint says that the remainder is not negative")
    room = claim.combine((1, y), (-1, rest), constant=-1)
    above = claim.reach(room, "no constraint says that the remainder is below the divisor")
    claim.require_product(quotient, y, claim.combine((1, x), (-1, rest)), "no constraint says that q y = x - r")
    claim.require_below(largest * (remainder + above + 1) + remainder)


def _find_root(claim: Claim) -> None:
    """``d R^2 <= m`` and ``d (R + 1)^2 > x`` for known x, m being x or x times a boolean; R a sum of booleans <= W.

    Of two solutions R < R': if m' = x, the sum of R's upper slack and R''s lower one is ``d (R + 1)^2 - 1 - d R'^2``,
    which is negative, and above -p as they are sums of booleans: a contradiction. If m' = 0, ``d R'^2`` and its
    slack add up to 0, so R' = 0 is not above R.
    """
    root, x, square = (claim.form(role) for role in ("root", "x", "square"))
    least, divisor = claim.form("least"), claim.factor
    claim.require_known("x")
    most = claim.reach(root, "the root is no sum of bits")
    claim.require_product(root, root, square, "no constraint squares the root")
    if not claim.is_part(least, x):
        raise Refused("the root is compared with something else than x or 0")
    below = claim.reach(claim.combine((1, least), (-divisor, square)), "no constraint says that d R^2 <= x")
    following = claim.combine((divisor, square), (2 * divisor, root), (-1, x), constant=divisor - 1)
    above = claim.reach(following, "no constraint says that d (R + 1)^2 > x")
    claim.require_below(divisor * (most + 1) ** 2 + below + above)


def _find_tier(claim: Claim) -> None:
    """One tier j with ``x <= B_j`` and ``x > B_(j-1)``, all known, B rising.

    Of two solutions j < j', ``B_j - x`` and ``x - B_(j'-1) - 1`` are sums of booleans; they add up to
    ``B_j - B_(j'-1) - 1 < 0``. Constant bounds are seen to rise. That public ones do is a condition that every
    verifier checks, and their interval with it: the declaration says so.
    """
    places, bounds = claim.require_one_hot(), claim.forms("bound")
    claim.require_known("x", "bound")
    x = linear(claim.form("x"))
    late, early = claim.form("above"), claim.form("below")
    reach = claim.reach(late, "no constraint says that x <= bound")
    reach += claim.reach(early, "no constraint says that x > the bound before")
    base, per_place = grouped(claim, late, places)
    if base != claim.negated(x) or per_place[: len(bounds)] != [linear(bound) for bound in bounds]:
        raise Refused("x is not compared with the bound of its tier")
    base, per_place = grouped(claim, early, places)
    shifted = [claim.polynomial((-1, linear(bound))) for bound in bounds]
    if claim.polynomial((1, base), (1, {(): 1})) != x or per_place[1:] != shifted:
        raise Refused("x is not compared with the bound before its tier")
    if len(bounds) != len(places) - 1:
        raise Refused("there is not one bound between each two tiers")
    claim.require_rising(bounds, reach)


def _find_first_largest(claim: Claim) -> None:
    """One place j with ``s_j - s_i - [j > i] >= 0`` for every i, all scores known.

    Of two solutions j < j': ``s_j - s_j'`` and ``s_j' - s_j - 1`` are sums of booleans; they add up to -1.
    """
    places, scores = claim.require_one_hot(), [linear(form) for form in claim.forms("score")]
    claim.require_known("score")
    guards = claim.forms("lead")
    if not len(guards) == len(scores) == len(places):
        raise Refused("there is not one score and one comparison per place")
    reaches = []
    for index, guard in enumerate(guards):
        reaches.append(claim.reach(guard, f"no constraint says that the score is not below number {index}"))
        base, per_place = grouped(claim, guard, places)
        later = [claim.polynomial((1, s), (-1, {(): int(j > index)})) for j, s in enumerate(scores)]
        if base != claim.negated(scores[index]) or per_place != later:
            raise Refused(f"the score is not compared with number {index}")
    claim.require_below(2 * max(reaches) + 1)


_RELATIONS: Mapping[str, Callable[[Claim], None]] = {
    "quotient": _find_quotient,
    "root": _find_root,
    "tier": _find_tier,
    "first largest": _find_first_largest,
    "rank": find_rank,
    "tail": find_tail,
    "spread": find_spread,
}
