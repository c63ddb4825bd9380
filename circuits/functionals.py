"""Linear functionals of the account, bound to the tables by one identity.
                                                                                specs/statement.md#functionals

``L_k = sum_b sum_j base_b[j] * T_b[j][k]``. The prover commits to all L by a Poseidon sponge with a uniform
blind; the challenge gamma is a hash of everything public that comes before it, the commitment included; then
one identity, ``sum_k gamma^k L_k = sum_b sum_j base_b[j] * t_b[j]`` with ``t_b[j] = sum_k gamma^k T_b[j][k]``
recomputed by the verifier, holds for a wrong L with probability at most ``(K + rows) / r`` (Schwartz-Zippel).
"""

from __future__ import annotations

from zkmargin.circuits.account import Account
from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.pack import pack
from zkmargin.circuits.gadgets.poseidon import sponge
from zkmargin.circuits.integers import Num, UInt, num_unchecked
from zkmargin.circuits.linear import ONE, ZERO, LinearCombination
from zkmargin.circuits.plan import Plan
from zkmargin.circuits.signs import Signs


def add_functionals(cs: ConstraintSystem, plan: Plan, account: Account) -> list[Num]:
    """The K functionals as advice, with the intervals that the tables' declared bounds imply.

    Requires: ``commit`` and ``bind`` follow, and the verifier checks the tables' bounds: an interval here
    holds because the identity makes the value equal to the sum, not because of a range check.
    Cost: none here.
    """
    if not plan.n_functionals:
        return []
    wires = [(account.first_wires[rows.base], rows.count) for rows in plan.bases]
    first = cs.advise_functionals(wires, plan.n_functionals, "functionals")
    cs.declare_challenged(first, plan.n_functionals, "functionals", "C", "gamma")
    numbers: list[Num] = []
    for node, functional in plan.functionals.items():
        # Zero joins the interval: an axis may have fewer active rows than its capacity.
        lo, hi = min(node.type.lo, 0), max(node.type.hi, 0)
        for _ in range(functional.count):
            number = num_unchecked(LinearCombination.of_wire(first + len(numbers)), lo, hi)
            cs.require_integer(number, 1)
            numbers.append(number)
    return numbers


def commit(cs: ConstraintSystem, plan: Plan, account: Account, functionals: list[Num], signs: Signs) -> None:
    """Constrain the public input C to the commitment of the functionals and of the columns that the prover chooses.
                                                                                 specs/statement.md#commitment

    ``C = Sponge(T_functionals; K, blind, chosen..., packed..., raw...)``. Chosen columns, and those of attested
    collateral, are packed from their digits: no position commitment fixes them, and whoever could still choose them
    with gamma known, or choose which lines to open, would solve the identity for them. Functionals whose sign digits
    exist (so that their range is checked whatever the challenge says) are offset and packed; the others are absorbed
    as they are.
    Cost: 609 constraints per 15 elements.
    """
    free = (*plan.rules.chosen, *plan.rules.on_chain)
    chosen = [lc for c in free for lc in pack(cs, [digits.shifted for digits in account.digits[c.name]])]
    packed, raw = [], []
    for number in functionals:
        digits = signs.find(number)
        if digits is None:
            raw.append(number.lc)
        else:
            packed.append(UInt(digits.shifted.lc, 0, (1 << digits.width) - 1, digits.width))
    count = LinearCombination.of_constant(len(functionals))
    blind = LinearCombination.of_wire(cs.privates["blind"].first)
    digest = sponge(cs, "functionals", [count, blind, *chosen, *pack(cs, packed), *raw], "C")
    cs.assign_public("C", digest, "C/equal")


def bind(cs: ConstraintSystem, plan: Plan, account: Account, functionals: list[Num]) -> None:
    """The identity at gamma: a row of t per base element, Horner over the functionals.
                                                                                specs/statement.md#functionals

    Requires: gamma is derived from C and from everything that fixes the bases.
    Cost: one constraint per base element, one per functional after the first, and one if there is one
    functional at most.
    """
    gamma = LinearCombination.of_wire(cs.publics["gamma"].first)
    challenge = cs.publics["t"].first
    with cs.scope("binding"):
        products = []
        for rows in plan.bases:
            values = account.bases[rows.base].reshape(-1)
            for index, value in enumerate(values, rows.first):
                t = LinearCombination.of_wire(challenge + index)
                products.append(cs.product(value.lc, t, f"row[{index}]"))
        total = LinearCombination.total(products)
        if len(functionals) < 2:
            only = functionals[0].lc if functionals else ZERO
            cs.leave_unread("gamma", "one functional takes no power of it: it stands in t, which is read")
            cs.enforce(total - only, ONE, ZERO, "identity")
            return
        accumulated = functionals[-1].lc
        for k in range(len(functionals) - 2, 0, -1):
            accumulated = functionals[k].lc + cs.product(accumulated, gamma, f"power[{k}]")
        cs.enforce(accumulated, gamma, total - functionals[0].lc, "identity")
