"""Each rule of inference, and what comes close to it without being it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from systems import NOTHING, ONE, Constraint, bit, system, verdicts, zero

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.determinism.analysis import check_determinism, classify
from zkmargin.circuits.determinism.propagation import is_unique
from zkmargin.circuits.determinism.relations import Relations, is_prime
from zkmargin.circuits.determinism.verdicts import Verdict
from zkmargin.circuits.gadgets.bits import decompose
from zkmargin.circuits.gadgets.maximum import lower_bound, upper_bound
from zkmargin.circuits.gadgets.select import is_zero, one_hot
from zkmargin.circuits.integers import num_unchecked
from zkmargin.circuits.linear import LinearCombination
from zkmargin.errors import CircuitError
from zkmargin.field import FR_MODULUS as R

X, Y, Z = 1, 2, 3
"""Wires; X is given in most systems here."""


def last(constraints: Sequence[Constraint], n_given: int = 1, n_wires: int = 3, modulus: int = R) -> Verdict:
    """The verdict on the last wire."""
    return verdicts(system(n_given, n_wires, constraints, modulus))[-1]


# --- linear, product, quotient --------------------------------------------------------------------------------


def test_one_unknown_of_a_linear_equation() -> None:
    assert last([zero({0: 5, X: 3, Y: -2})]) is Verdict.LINEAR
    assert last([({X: 3, Y: -2}, {0: 7}, {0: 5})]) is Verdict.LINEAR
    assert last([({0: 7}, {X: 3, Y: -2}, {0: 5})]) is Verdict.LINEAR
    assert last([(NOTHING, {X: 1}, {Y: 4})]) is Verdict.LINEAR  # nothing times x is 4 y
    assert last([zero({X: 1, Y: 1, Z: 1})], n_wires=4) is Verdict.UNDETERMINED


def test_coefficients_that_are_zero_modulo_the_prime() -> None:
    assert last([zero({X: 1, Y: R})]) is Verdict.UNDETERMINED
    assert last([zero({X: 1, Y: 7})], modulus=7) is Verdict.UNDETERMINED
    assert last([zero({X: 1, Y: 8})], modulus=7) is Verdict.LINEAR
    assert last([({Y: 1}, {0: 7}, {X: 1})], modulus=7) is Verdict.UNDETERMINED  # a factor that is zero
    assert last([({Y: 1, X: 1}, ONE, {Y: 1, X: 2})]) is Verdict.UNDETERMINED  # cancels between the sides
    assert last([({Y: 7}, {Y: 7}, {Y: 7})], modulus=7) is Verdict.UNDETERMINED


def test_wires_that_come_twice_in_a_row() -> None:
    cs = system(1, 3, [])
    one, minus = cs.table.constant_index(1), cs.table.constant_index(-1)
    cancelled = cs.table.append([X, Y, Y], [one, one, minus])
    doubled = cs.table.append([Y, X, Y], [one, one, one])
    unit, nothing = cs.table.append([0], [one]), cs.table.append([], [])
    cs.enforce_rows(cancelled, unit, nothing, "cancelled")
    assert verdicts(cs)[-1] is Verdict.UNDETERMINED
    cs.enforce_rows(doubled, unit, nothing, "doubled")
    assert verdicts(cs)[-1] is Verdict.LINEAR


def test_products_of_fixed_values() -> None:
    assert last([({X: 1}, {X: 1, 0: 2}, {Y: 3, 0: 1, X: 1})]) is Verdict.PRODUCT
    assert last([({X: 1}, {Y: 1}, {X: 1})]) is Verdict.UNDETERMINED  # y is free where x = 0
    assert last([({X: 1}, {Y: 1}, NOTHING)]) is Verdict.UNDETERMINED
    assert last([({Y: 1}, {Y: 1}, {X: 1})]) is Verdict.UNDETERMINED  # two square roots
    assert last([({X: 1}, {X: 1}, {Y: 1, Z: 1})], n_wires=4) is Verdict.UNDETERMINED
    assert last([({X: 1}, {Y: 1}, {Y: 1})]) is Verdict.UNDETERMINED  # y is free where x = 1


def test_an_inverse() -> None:
    assert last([({X: 1, 0: 4}, {Y: 2}, {0: 3})]) is Verdict.QUOTIENT
    assert last([({Y: 2}, {X: 1}, {0: 3})]) is Verdict.QUOTIENT
    assert last([({Y: 1}, {Y: 1}, {0: 4})]) is Verdict.UNDETERMINED
    assert last([({Y: 1, X: 1}, {Y: 1}, {0: 4})]) is Verdict.UNDETERMINED
    assert last([({X: 1}, {Y: 1}, {0: R})]) is Verdict.UNDETERMINED
    assert last([({X: 1}, {Y: 1, Z: 1}, ONE)], n_wires=4) is Verdict.UNDETERMINED


def test_rules_feed_each_other_in_any_order() -> None:
    chain = [zero({wire: 1, wire + 1: -1}) if wire % 2 else ({wire: 1}, {1: 1}, {wire + 1: 1}) for wire in range(1, 40)]
    for constraints in (chain, chain[::-1], chain[::2] + chain[1::2]):
        assert Verdict.UNDETERMINED not in verdicts(system(1, 41, constraints))


# --- booleans and digits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "constraint",
    [
        bit(Y),
        ({Y: 1}, {0: 1, Y: -1}, NOTHING),
        ({Y: -3}, {Y: 2, 0: -2}, NOTHING),
        ({Y: 2}, {Y: 2}, {Y: 4}),
        ({Y: 2, 0: -1}, {Y: 2, 0: -1}, ONE),
    ],
)
def test_booleans(constraint: Constraint) -> None:
    assert Relations(system(1, 3, [constraint])).boolean[Y]


@pytest.mark.parametrize(
    "constraint",
    [
        ({Y: 1}, {Y: 1}, {X: 1}),  # another wire's
        ({Y: 1}, {X: 1}, {Y: 1}),
        ({Y: 1}, {Y: 1}, {Y: 2}),  # 0 and 2
        ({Y: 1}, {Y: 1}, {Y: 1, 0: 1}),  # the golden ratio
        ({Y: 1}, {Y: 1}, {Y: 1, X: 1}),
        ({Y: 1}, {Y: 1}, NOTHING),  # 0 alone: nothing is lost by not seeing it
        ({Y: 1}, ONE, {Y: 1}),  # nothing
        ({Y: R}, {Y: 1}, {Y: R}),
    ],
)
def test_not_quite_booleans(constraint: Constraint) -> None:
    assert not Relations(system(1, 3, [constraint])).boolean[Y]


def digits(weights: Sequence[int], booleans: Sequence[int] | None = None, modulus: int = R) -> list[Verdict]:
    """Verdicts on the digits of X with these weights, those with ``booleans`` constrained to be bits."""
    wires = range(2, 2 + len(weights))
    sums = zero({X: 1, **{wire: -weight for wire, weight in zip(wires, weights, strict=True)}})
    bits = [bit(wire) for index, wire in enumerate(wires) if booleans is None or index in booleans]
    return verdicts(system(1, 2 + len(weights), [*bits, sums], modulus))[1:]


def test_digits_of_a_fixed_value() -> None:
    assert set(digits([1, 2, 4, 8])) == {Verdict.DIGITS}
    assert set(digits([8, -4, 1, 2])) == {Verdict.DIGITS}  # any order, any sign
    assert set(digits([3, 5, 9])) == {Verdict.DIGITS}
    assert set(digits([1 << place for place in range(253)])) == {Verdict.DIGITS}
    assert set(digits([1, 2], modulus=5)) == {Verdict.DIGITS}


@pytest.mark.parametrize(
    "weights",
    [
        [1, 2, 3],  # 3 = 1 + 2
        [1, 1],
        [1, -1],
        [2, 3, 5],
        [1 << place for place in range(254)],  # two forms of small values, one beyond the modulus
        [1 << place for place in range(255)],
    ],
)
def test_weights_that_do_not_tell_digits_apart(weights: list[int]) -> None:
    assert set(digits(weights)) == {Verdict.UNDETERMINED}


def test_weights_that_wrap_in_a_small_field() -> None:
    assert set(digits([1, 2, 4], modulus=11)) == {Verdict.DIGITS}
    assert set(digits([1, 2, 4], modulus=7)) == {Verdict.UNDETERMINED}  # 7 = 0
    assert set(digits([1, 2, 4, 8], modulus=13)) == {Verdict.UNDETERMINED}
    assert set(digits([1, 6], modulus=7)) == {Verdict.UNDETERMINED}  # 6 is -1, and 1 - 1 = 0


def test_a_digit_that_is_not_boolean() -> None:
    assert set(digits([1, 2, 4, 8], booleans=[0, 1, 3])) == {Verdict.UNDETERMINED}
    assert set(digits([1, 2, 4, 8], booleans=[])) == {Verdict.UNDETERMINED}


def test_digits_wait_for_their_value() -> None:
    """The value is fixed by a constraint that comes later; digits that become known leave the others unique."""
    sums = zero({2: 1, 3: -1, 4: -2})
    found = verdicts(system(1, 5, [sums, bit(3), bit(4), ({X: 1}, {X: 1}, {2: 1})]))
    assert found == [Verdict.PRIVATE, Verdict.PRODUCT, Verdict.DIGITS, Verdict.DIGITS]
    ambiguous = zero({X: 1, 2: -1, 3: -1, 4: -2})
    found = verdicts(system(1, 5, [ambiguous, bit(2), bit(3), bit(4), ({X: 1}, {X: 1}, {3: 1})]))
    assert found == [Verdict.PRIVATE, Verdict.DIGITS, Verdict.PRODUCT, Verdict.DIGITS]


def test_weights_and_intervals() -> None:
    assert is_unique([1, 8, 64], [7, 7, 1], R)
    assert not is_unique([1, 8, 64], [8, 7, 1], R)
    assert not is_unique([1, 7], [7, 1], R)
    assert not is_unique([1, 8], [7, 1 << 251], R)
    assert is_unique([1, 8], [7, (R - 8) // 8], R)
    assert not is_unique([0], [1], R)
    assert is_unique([], [], R)


def test_the_modulus_is_prime() -> None:
    """Modulo 15, 6 * 6 = 6."""
    assert [n for n in range(60) if is_prime(n)] == [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59]
    assert is_prime(R)
    assert not any(map(is_prime, (R * 7, 3215031751, 561)))
    with pytest.raises(CircuitError, match="not a prime"):
        classify(system(1, 3, [bit(Y)], modulus=15))


def test_a_wire_that_does_not_exist() -> None:
    with pytest.raises(CircuitError, match="does not exist"):
        classify(system(1, 3, [bit(3)]))


# --- tests for zero ---------------------------------------------------------------------------------------------


def zero_test(product: Constraint | None, flag: Constraint | None, *others: Constraint) -> list[Verdict]:
    """X given, inverse 2, flag wire 3."""
    cs = system(1, 4, [constraint for constraint in (product, flag) if constraint] + list(others))
    cs.declare_bound(2, 1, "inverse", "free where x = 0", kind="inverse")
    return verdicts(cs)[1:]


PRODUCT, FLAG = ({X: 1}, {2: 1}, {3: 1}), ({X: 1}, {0: 1, 3: -1}, NOTHING)


def test_the_flag_of_a_zero_test_is_fixed_and_its_advice_is_dead() -> None:
    assert zero_test(PRODUCT, FLAG) == [Verdict.DEAD, Verdict.ZERO_TEST]
    assert zero_test(({2: 1}, {X: 1}, {3: 1}), ({0: 2, 3: -1}, {X: 1}, NOTHING)) == [Verdict.DEAD, Verdict.ZERO_TEST]


@pytest.mark.parametrize(
    ("product", "flag", "others"),
    [
        (PRODUCT, None, ()),
        (None, FLAG, ()),
        (PRODUCT, FLAG, [({2: 1}, {2: 1}, {X: 1})]),  # the advice is read elsewhere
        (PRODUCT, ({X: 1}, {0: 1, 3: -1}, {0: 1}), ()),
        (PRODUCT, ({X: 2}, {0: 1, 3: -1}, NOTHING), ()),  # right, but not the form that is looked for
        (PRODUCT, ({X: 1, 0: 1}, {0: 1, 3: -1}, NOTHING), ()),  # about another value
        (({X: 1}, {2: 1}, {2: 1}), FLAG, ()),
        (({X: 1, 3: 1}, {2: 1}, {3: 1}), ({X: 1, 3: 1}, {0: 1, 3: -1}, NOTHING), ()),
        (({0: 1}, {2: 1}, {3: 1}), FLAG, ()),
    ],
)
def test_not_quite_a_zero_test(product: Constraint, flag: Constraint, others: Sequence[Constraint]) -> None:
    assert Verdict.DEAD not in zero_test(product, flag, *others)


# --- bounds -----------------------------------------------------------------------------------------------------


def bounded(
    declared: Sequence[dict[int, int]], slacks: Sequence[Constraint], n_wires: int = 8
) -> tuple[Verdict, list[str]]:
    """X and Y given, wire 3 declared to be at least each of ``declared``; wires 4 to 7 are bits."""
    cs = system(2, n_wires, [*(bit(wire) for wire in range(4, n_wires)), *slacks, ({X: 1}, {Y: 1}, {X: 1})])
    branches = [LinearCombination(branch) for branch in declared]
    cs.declare_bound(3, 1, "bound", "bound >= branches", kind="upper", branches=branches)
    found = classify(cs)
    return Verdict(found.verdicts[3]), list(found.problems.values())


def test_an_upper_bound() -> None:
    first, second = zero({3: 1, X: -1, 4: -1, 5: -2}), zero({3: -2, Y: 2, 0: 10, 6: 2, 7: 4})
    assert bounded([{X: 1}, {Y: 1, 0: 5}], [first, second]) == (Verdict.BOUND, [])
    assert bounded([{X: 1}], [first, second])[0] is Verdict.BOUND
    verdict, problems = bounded([{X: 1}, {Y: 1}], [first, second])  # it is Y + 5 that it is at least
    assert (verdict, problems) == (Verdict.UNDETERMINED, ["no constraint says that the bound is at least branch 1"])
    assert bounded([{X: 1}, {Y: 1, 0: 5}], [first])[0] is Verdict.UNDETERMINED
    assert bounded([], [first, second])[0] is Verdict.UNDETERMINED


@pytest.mark.parametrize(
    "slack",
    [
        zero({3: 1, X: -1, 4: 1, 5: -2}),  # 2 b - a may be -1
        zero({3: 1, X: -1, 4: 1, 5: 2}),  # at most x
        zero({3: 1, X: -2, 4: -1, 5: -2}),  # of another branch
        zero({3: 1, X: -1, Y: -1, 4: -1, 5: -2}),
        zero({3: 1, X: -1, 0: 1, 4: -1, 5: -2}),  # at least x - 1
        zero({X: -1, Y: 1, 4: -1, 5: -2}),  # about y
        zero({3: 1, X: -1, 4: -1, 5: -(R // 2)}),  # wide enough for negative numbers
        ({3: 1, X: -1}, {Y: 1}, {4: 1, 5: 2}),
    ],
)
def test_not_quite_an_upper_bound(slack: Constraint) -> None:
    assert bounded([{X: 1}], [slack])[0] is Verdict.UNDETERMINED


def test_a_slack_whose_digit_is_no_bit() -> None:
    cs = system(1, 5, [bit(3), zero({2: 1, X: -1, 3: -1, 4: -2})])
    cs.declare_bound(2, 1, "bound", "bound >= x", kind="upper", branches=[LinearCombination.of_wire(X)])
    assert classify(cs).undetermined == [2, 3, 4]


def test_a_bound_on_itself() -> None:
    """Branches are fixed before the bound, directly or by way of others."""
    cs = system(1, 5, [bit(3), bit(4), zero({2: 1, X: -1, 3: -1}), ({2: 1}, {2: 1}, {X: 1})])
    cs.declare_bound(2, 1, "bound", "bound >= itself", kind="upper", branches=[LinearCombination.of_wire(2)])
    assert classify(cs).problems == {"bound": "branch 0 is not known before the bound"}


def test_choices_are_bits() -> None:
    for constraints, expected in (([bit(2)], Verdict.CHOICE), ([({2: 1}, {2: 1}, {2: 2})], Verdict.UNDETERMINED)):
        cs = system(1, 3, [*constraints, ({X: 1}, {X: 1}, {X: 1})])
        cs.declare_bound(2, 1, "choice", "either", kind="choice")
        assert verdicts(cs)[-1] is expected


@pytest.mark.parametrize(
    ("total", "holds"),
    [
        (zero({0: -1, 2: 1, 3: 1, 4: 1}), True),
        (zero({0: 3, 2: -3, 3: -3, 4: -3}), True),
        (zero({0: -2, 2: 1, 3: 1, 4: 1}), False),
        (zero({2: 1, 3: 1, 4: 1}), False),
        (zero({0: -1, 2: 1, 3: 1}), False),
        (zero({0: -1, 2: 1, 3: 1, 4: 2}), False),
        (zero({0: -1, 2: 1, 3: 1, 4: 1, X: 1}), False),
    ],
)
def test_one_of_several_bits(total: Constraint, holds: bool) -> None:
    cs = system(1, 5, [bit(2), bit(3), bit(4), total, ({X: 1}, {X: 1}, {X: 1})])
    cs.declare_bound(2, 3, "place", "any", kind="one_hot")
    found = classify(cs)
    assert (
        not found.problems if holds else found.problems == {"place": "no constraint says that the bits have the sum 1"}
    )


def test_a_declaration_of_no_wire() -> None:
    for first, count in ((2, 0), (2, 5)):
        cs = system(1, 3, [bit(2)])
        cs.declare_bound(first, count, "choice", "either", kind="choice")
        with pytest.raises(CircuitError, match="declares no wire"):
            classify(cs)


@pytest.mark.parametrize("modulus", [5, 13, 101, 2**61 - 1])
def test_gadgets_in_other_fields(modulus: int) -> None:
    cs = ConstraintSystem(modulus)
    x = num_unchecked(LinearCombination.of_wire(cs.private("x").first), 0, 1)
    y = num_unchecked(LinearCombination.of_wire(cs.private("y").first), 0, 1)
    decompose(cs, x, 0, 1)
    is_zero(cs, x.lc)
    one_hot(cs, [x.lc, y.lc])
    lower_bound(cs, [x, y])
    if modulus > 5:
        upper_bound(cs, [x, y], 1)
    report = check_determinism(cs)
    assert report.classified == cs.n_wires
    assert report.counts["dead"] == 1


def _divided(*left_out: int, guards: int = 2) -> ConstraintSystem:
    """X = q Y + r with X, Y given: digits of q are 3 and 4, r is 5, its digits 6 and 7, those of Y - 1 - r 8 and 9."""
    constraints = [
        *(bit(wire) for wire in (3, 4, 6, 7, 8, 9)),
        ({3: 1, 4: 2}, {Y: 1}, {X: 1, 5: -1}),
        zero({5: 1, 6: -1, 7: -2}),
        zero({Y: -2, 0: 2, 5: 2, 8: 2, 9: 4}),
    ]
    cs = system(2, 10, [c for index, c in enumerate(constraints) if index not in left_out])
    forms = [LinearCombination.of_wire(5), LinearCombination({Y: 1, 0: -1, 5: -1})]
    cs.declare_bound(3, 2, "quotient", "q Y <= X < (q + 1) Y", kind="choice", branches=forms[:guards])
    return cs


def test_a_choice_with_guards() -> None:
    for guards in (0, 1, 2):
        assert classify(_divided(guards=guards)).holds
    assert classify(_divided(7)).problems == {"quotient": "no constraint says that guard 0 is not negative"}
    assert classify(_divided(8)).problems == {"quotient": "no constraint says that guard 1 is not negative"}
    for left_out in range(9):
        assert not classify(_divided(left_out)).holds


def test_a_guard_that_is_an_equation() -> None:
    """``sum - 2 = 0`` says that two of three bits are set."""
    for total, holds in ((zero({0: 4, 2: -2, 3: -2, 4: -2}), True), (zero({0: 2, 2: -2, 3: -2, 4: -2}), False)):
        cs = system(1, 5, [bit(2), bit(3), bit(4), total, ({X: 1}, {X: 1}, {X: 1})])
        form = LinearCombination({0: -2, 2: 1, 3: 1, 4: 1})
        cs.declare_bound(2, 3, "marks", "two of three", kind="choice", branches=[form])
        assert classify(cs).holds is holds


def test_a_guard_that_is_boolean() -> None:
    nested, form = {3: 1, 2: -1}, LinearCombination({3: 1, 2: -1})
    for constraint, holds in (((nested, nested, nested), True), ((nested, nested, {2: 1}), False)):
        cs = system(1, 4, [bit(2), bit(3), constraint, ({X: 1}, {X: 1}, {X: 1})])
        cs.declare_bound(2, 2, "marks", "what weighs fully is among those that weigh", kind="choice", branches=[form])
        assert classify(cs).holds is holds


def test_a_guard_that_is_always_zero_or_a_constant() -> None:
    for form in (LinearCombination({}), LinearCombination.of_constant(-1)):
        cs = system(1, 3, [bit(2), ({X: 1}, {X: 1}, {X: 1})])
        cs.declare_bound(2, 1, "choice", "either", kind="choice", branches=[form])
        assert classify(cs).problems == {"choice": "no constraint says that guard 0 is not negative"}
