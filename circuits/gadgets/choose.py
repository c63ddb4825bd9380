"""A value at the place where a score first is largest.
specs/gadgets.md#first-largest
"""

from __future__ import annotations

from collections.abc import Sequence

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.bits import decompose
from zkmargin.circuits.gadgets.select import one_hot, pick
from zkmargin.circuits.integers import Num
from zkmargin.circuits.linear import LinearCombination


def at_first_largest(cs: ConstraintSystem, scores: Sequence[Num], values: Sequence[Num], label: str = "pick") -> Num:
    """The value at the first place where the score is largest.                   specs/gadgets.md#first-largest

    Requires: differences of scores are integers of the field.
    Ensures: the score there is not below any other, and above every one before it: one place has both.
    Cost: ``S (w + 4) + 1``, w the digits of the scores' spread and one; a constant score or value saves 1.
    """
    with cs.scope(label):
        bits = one_hot(cs, [score.lc for score in scores], "place", fixed=True)
        largest = pick(cs, bits, scores, "largest")
        width = max(1, (max(s.hi for s in scores) - min(s.lo for s in scores)).bit_length())
        leads = []
        for index, score in enumerate(scores):
            later = LinearCombination.total(bit.lc for bit in bits[index + 1 :])  # 1: the place comes after this one
            lead = largest - score
            strict = Num(lead.lc - later, lead.lo - 1, lead.hi)  # later is 0 or 1, as the bits have the sum 1
            decompose(cs, strict, 0, width, f"lead[{index}]")
            leads.append(strict.lc)
        forms = {"place": [bit.lc for bit in bits], "score": [score.lc for score in scores], "lead": leads}
        places = [wire for bit in bits for wire in bit.lc.terms]
        first = "the place where the score first is largest: not below any, above every one before"
        cs.declare_bracket("first largest", places, "place", first, forms)
        return pick(cs, bits, values, "value")
