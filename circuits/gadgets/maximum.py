"""The largest of several values: a bound from above, one from below, or exactly.
specs/gadgets.md#maximum
"""

from __future__ import annotations

from collections.abc import Sequence

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.bits import boolean, decompose
from zkmargin.circuits.gadgets.select import select
from zkmargin.circuits.gadgets.sign import positive, sign_width
from zkmargin.circuits.integers import Num, num_unchecked
from zkmargin.circuits.linear import LinearCombination


def slack_width(branches: Sequence[Num], max_width: int) -> int:
    """Bits of the largest ``maximum - branch`` that the types allow, at most ``max_width``."""
    spread = max(branch.hi for branch in branches) - min(branch.lo for branch in branches)
    return max(1, min(spread.bit_length(), max_width))


def upper_bound_cost(branches: Sequence[Num], max_width: int) -> int:
    """Constraints of ``upper_bound``."""
    return len(branches) * (slack_width(branches, max_width) + 1)


def exact_cost(branches: Sequence[Num]) -> int:
    """Constraints of ``maximum``, for branches whose signs relative to each other no type shows."""
    cost, largest = 0, branches[0]
    for branch in branches[1:]:
        cost += sign_width(branch - largest) + 3
        largest = num_unchecked(largest.lc, max(largest.lo, branch.lo), max(largest.hi, branch.hi))
    return cost


def upper_bound(cs: ConstraintSystem, branches: Sequence[Num], max_width: int, label: str = "upper") -> Num:
    """A number that is at least every branch, chosen by the prover.            specs/gadgets.md#upper-bound

    Requires: branches, and branches plus ``2**max_width``, are integers of the field.
    Ensures: for every branch b: ``bound - b`` in ``[0, 2**w)``. So the bound is an integer of
    ``[max lo_b, min hi_b + 2**w - 1]``, not below any branch. Sound where a larger value never helps the
    claim.
    Cost: per branch ``w + 1`` constraints.
    """
    width = slack_width(branches, max_width)
    with cs.scope(label):
        wire = cs.advise_maximum([branch.lc for branch in branches], "bound")
        bound = LinearCombination.of_wire(wire)
        inequality = f"bound >= each of {len(branches)} branches"
        cs.declare_bound(wire, 1, "bound", inequality, kind="upper", branches=[b.lc for b in branches])
        for index, branch in enumerate(branches):
            cs.require_integer(branch, 1)
            slack = num_unchecked(bound - branch.lc, 0, (1 << width) - 1)  # what the next line makes true
            decompose(cs, slack, 0, width, f"branch[{index}]")
        lo = max(branch.lo for branch in branches)
        hi = min(branch.hi for branch in branches) + (1 << width) - 1
        result = num_unchecked(bound, lo, max(lo, hi))  # b <= bound <= b + 2^w - 1 for each branch b
        cs.require_integer(result, 1)  # so that bound - b = slack holds over the integers for every branch, not mod p
    return result


def lower_bound(cs: ConstraintSystem, branches: Sequence[Num], label: str = "lower") -> Num:
    """One of the branches, chosen by the prover: at most the largest.          specs/gadgets.md#lower-bound

    Requires: differences of branches are integers of the field.
    Ensures: the result is a branch. Sound where a smaller value never helps the claim; honest provers pick
    the largest.
    Cost: 2 constraints per branch after the first.
    """
    chosen = branches[0]
    with cs.scope(label):
        for index, branch in enumerate(branches[1:], 1):
            with cs.scope(f"branch[{index}]"):
                wire = cs.advise_sign((branch - chosen).lc, "choice")
                cs.declare_bound(wire, 1, "choice", "either branch is at most the largest", kind="choice")
                chosen = select(cs, boolean(cs, wire), branch, chosen)
    return chosen


def maximum(cs: ConstraintSystem, branches: Sequence[Num], label: str = "maximum") -> Num:
    """Exactly the largest branch: ``max(x, y) = y + positive(x - y)``, branch by branch.
                                                                                      specs/gadgets.md#maximum

    Requires: differences of branches are integers of the field.
    Cost: per branch after the first ``w + 3`` constraints, the difference lying in ``[-2**w, 2**w)``.
    """
    largest = branches[0]
    with cs.scope(label):
        for index, branch in enumerate(branches[1:], 1):
            rise = positive(cs, branch - largest, f"branch[{index}]")
            interval = max(largest.lo, branch.lo), max(largest.hi, branch.hi)
            largest = num_unchecked(largest.lc + rise.lc, *interval)  # it is the larger of the two
    return largest
