"""Constraint systems written down wire by wire, for tests of the determinism analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.determinism.analysis import classify
from zkmargin.circuits.determinism.verdicts import Verdict
from zkmargin.field import FR_MODULUS

Terms = Mapping[int, int]
"""Coefficient by wire; wire 0 is the constant one."""
Constraint = tuple[Terms, Terms, Terms]
"""``A * B = C``."""

ONE: Terms = {0: 1}
NOTHING: Terms = {}


def bit(wire: int) -> Constraint:
    return {wire: 1}, {wire: 1}, {wire: 1}


def zero(terms: Terms) -> Constraint:
    """``sum = 0``."""
    return terms, ONE, NOTHING


def system(
    n_given: int, n_wires: int, constraints: Sequence[Constraint], modulus: int = FR_MODULUS
) -> ConstraintSystem:
    """Wires 1 to ``n_given`` are private inputs, those up to ``n_wires`` (the constant one counts) are not.

    Coefficients enter the table as they are, whatever it takes for granted.
    """
    cs = ConstraintSystem(modulus)
    if n_given:
        cs.private("given", n_given)
    cs.allocate(n_wires - 1 - n_given)
    for a, b, c in constraints:
        cs.enforce_rows(_row(cs, a), _row(cs, b), _row(cs, c), "constraint")
    return cs


def _row(cs: ConstraintSystem, terms: Terms) -> int:
    wires = sorted(terms)
    return cs.table.append(wires, [cs.table.constant_index(terms[wire]) for wire in wires])


def verdicts(cs: ConstraintSystem) -> list[Verdict]:
    """Of every wire but the constant one."""
    return [Verdict(verdict) for verdict in classify(cs).verdicts[1:]]
