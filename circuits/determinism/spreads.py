"""The number of spreads that inequalities fix, whichever leg and direction the prover names.
specs/determinism.md#brackets
"""

from __future__ import annotations

from zkmargin.circuits.determinism.polynomials import Polynomial, linear
from zkmargin.circuits.determinism.sides import Claim, Form, Refused, grouped


def find_spread(claim: Claim) -> None:
    """The number R and R upwards (u R, u a bit), from legs with known m and s, s promised to be in ``[0, S]``.

    Where R > 0: ``m - R s >= 0`` upwards, ``-m - R s >= 0`` downwards, on every leg. In both directions some leg has
    ``(R_up + 1) s - m >= 1`` or ``(R_down + 1) s + m >= 1``, or all s and R are 0. Take R > 0 upwards; downwards is
    the mirror. Its leg i has ``(R + 1) s - m >= 1`` and ``m >= R s``, so ``s >= 1``. Against another solution R':

    - R' > R upwards: ``m >= R' s >= (R + 1) s`` on leg i.
    - R' > 0 downwards: ``m <= -R' s < 0`` on leg i.
    - R' = 0: some leg has ``s - m >= 1``, against ``m >= R s``; or all s are 0, leg i's too.

    Each is a sum of booleans that would be negative. So R has one value, and u R too: where R > 0 it is u that has one.
    """
    claim.require_known("gained", "square")
    gained, squares = ([linear(form) for form in claim.forms(role)] for role in ("gained", "square"))
    if not gained or len(squares) != len(gained):
        raise Refused("there is not one square per leg")
    count, some = claim.form("count"), claim.form("some")
    number, flag, up = (claim.wire(role) for role in ("count", "some", "up"))
    claim.require_bits([up])
    reach = claim.reach(count, "the number of spreads is no sum of bits")
    r, u, e = (linear({wire: 1}) for wire in (number, up, flag))
    if claim.expand(claim.form("rising"), [number, up]) != claim.product(u, r):
        raise Refused("the number upwards is not the number times the direction")
    claim.require_product(
        count, claim.combine((-1, some), constant=1), {}, "no constraint says that the fit is asked where R > 0"
    )
    size = _require_fit(claim, gained, squares, (r, u, e), [number, up, flag])
    upwards = claim.product(u, r)
    downwards = claim.polynomial((1, r), (-1, upwards))
    none = claim.combine((1, count), *((1, form) for form in claim.forms("square")))
    for role, rising, sign in (("up", upwards, -1), ("down", downwards, 1)):
        places = claim.bits(f"leg {role}")
        claim.require_count(places, 1)
        allowed = [
            claim.polynomial((1, claim.product(rising, s)), (1, s), (sign, m))
            for m, s in zip(gained, squares, strict=True)
        ]
        size += _require_no_more(claim, claim.form(f"no more {role}"), places, allowed, [number, up])
        claim.require_product({places[0]: 1}, none, {}, f"no constraint says when no leg limits the number {role}")
    claim.require_below(2 * (reach * claim.factor + size + 1) + len(gained) * claim.factor + reach)


def _require_fit(
    claim: Claim,
    gained: list[Polynomial],
    squares: list[Polynomial],
    variables: tuple[Polynomial, Polynomial, Polynomial],
    wires: list[int],
) -> int:
    """``e (2 u m - m - R s) >= 0`` on every leg; the largest that it can be."""
    r, u, e = variables
    fits = claim.forms("fit")
    if len(fits) != len(gained):
        raise Refused("there is not one fit per leg")
    size = 0
    for index, (fit, m, s) in enumerate(zip(fits, gained, squares, strict=True)):
        rest = claim.polynomial((2, claim.product(u, m)), (-1, m), (-1, claim.product(r, s)))
        if claim.expand(fit, wires) != claim.product(e, rest):
            raise Refused(f"leg {index} is not held against the number of spreads")
        size = max(size, claim.reach(fit, f"no constraint says that leg {index} fits"))
    return size


def _require_no_more(
    claim: Claim, guard: Form, places: list[int], allowed: list[Polynomial], variables: list[int]
) -> int:
    """``nothing + sum place_i allowed_i - 1 >= 0``; the largest that it can be."""
    base, per_place = grouped(claim, guard, places, variables)
    if base != claim.polynomial((-1, {(): 1})) or per_place != [{(): 1}, *allowed]:
        raise Refused("the leg that allows no more is not one of the legs")
    return claim.reach(guard, "no constraint says that a leg allows no more")
