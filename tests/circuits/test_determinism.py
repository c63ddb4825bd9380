"""The determinism analysis as a compiler phase: it classifies every wire, and every class of constraints counts.

A class is what has the same path without indices. Each is deleted from each gadget and from the whole margin
circuit, all of it and one constraint alone; the analysis must notice. Those that it cannot notice by their
nature are listed with the reason, and no others: they say nothing about any wire of the circuit, only about the
inputs, so that tests/soundness has to show that a false claim needs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial

import pytest
from test_gadgets import SAMPLES
from worlds import RULES, rules_of

from zkmargin.circuits import margin
from zkmargin.circuits.compile import compile_rules, show_determinism
from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.determinism.analysis import check_determinism, classify
from zkmargin.circuits.determinism.report import Determinism
from zkmargin.circuits.determinism.verdicts import Verdict
from zkmargin.circuits.gadgets.bits import boolean
from zkmargin.circuits.gadgets.choose import at_first_largest
from zkmargin.circuits.gadgets.divide import divide
from zkmargin.circuits.gadgets.measures import ranked, tail
from zkmargin.circuits.gadgets.merkle import merkle_root
from zkmargin.circuits.gadgets.poseidon import poseidon, sponge
from zkmargin.circuits.gadgets.root import square_root
from zkmargin.circuits.gadgets.select import assert_nonzero, select
from zkmargin.circuits.gadgets.sign import positive
from zkmargin.circuits.gadgets.spreads import form_spreads
from zkmargin.circuits.gadgets.tiers import tier_value
from zkmargin.circuits.integers import Num, bit_unchecked, num_unchecked
from zkmargin.circuits.linear import ONE, LinearCombination
from zkmargin.circuits.names import CircuitMap, without_indices
from zkmargin.circuits.plan import Plan
from zkmargin.circuits.rules import load_rules
from zkmargin.circuits.testing import Build, Gadget
from zkmargin.errors import CircuitError, NotDetermined
from zkmargin.field import FR_MODULUS as R


def _merkle(cs: ConstraintSystem, x: list[Num]) -> list[LinearCombination]:
    bits = [[boolean(cs, wire) for wire in cs.privates["inputs"].wires[:2]]]
    return [merkle_root(cs, x[2].lc, bits, [[n.lc for n in x[3:]]])]


def _one_hot(cs: ConstraintSystem, x: list[Num]) -> list[Num | LinearCombination]:
    cs.products([(score.lc, score.lc) for score in x[:3]], "read")  # scores are for the program alone
    return list(SAMPLES["one_hot_pick"].build(cs, x))


def _tier(cs: ConstraintSystem, x: list[Num], late: bool, early: bool) -> list[Num]:
    return [tier_value(cs, x[0], [*x[1:3], Num.constant(0)], x[3:6], late=late, early=early)]


def _spreads(cs: ConstraintSystem, x: list[Num]) -> list[Num]:
    return form_spreads(cs, x[:2], [x[2:4], x[4:6]])


def _nonzero(cs: ConstraintSystem, x: list[Num]) -> list[LinearCombination]:
    assert_nonzero(cs, x[0].lc)
    return [x[0].lc]


GADGETS: Mapping[str, tuple[Build, int, int]] = {
    **{name: (sample.build, len(sample.intervals), sample.n_outputs) for name, sample in SAMPLES.items()},
    "poseidon": (lambda cs, x: [poseidon(cs, [n.lc for n in x])], 2, 1),
    "sponge": (lambda cs, x: [sponge(cs, "size", [n.lc for n in x], "sponge")], 16, 1),
    "merkle": (_merkle, 7, 1),
    "one_hot_pick": (_one_hot, 6, 1),
    **{
        f"{name} {'upper' * upper}{'lower' * lower}": (partial(build, upper=upper, lower=lower), n_inputs, 1)
        for upper, lower in ((True, False), (False, True), (True, True))
        for name, build, n_inputs in (
            ("divide", lambda cs, x, **sides: [divide(cs, x[0], x[1].plus(9), **sides)], 2),
            ("square_root", lambda cs, x, **sides: [square_root(cs, x[0], 3, **sides)], 1),
            ("tier", lambda cs, x, upper, lower: _tier(cs, x, upper, lower), 6),
        )
    },
    "ranked": (lambda cs, x: [ranked(cs, x, 2)], 4, 1),
    "tail": (lambda cs, x: [tail(cs, x, (3, 2), lambda n, label: positive(cs, n, label))], 4, 1),
    "first_largest": (lambda cs, x: [at_first_largest(cs, x[:3], x[3:])], 6, 1),
    "spreads": (_spreads, 6, 2),
    "assert_nonzero": (_nonzero, 1, 1),
}
"""Every gadget: how it is built, and its numbers of inputs and outputs."""

FIELD = {"poseidon", "sponge", "merkle", "assert_nonzero"}
"""Those whose inputs are any field elements; the others' are integers from -8 to 8, or their sample's."""

UNNOTICED: Mapping[tuple[str, str], str] = {
    ("circuit", "claim/kind"): "the unused digits add up to 0: the claim, an input, fixes each of them already",
}
"""Classes that fix no wire: they only refuse inputs."""

UNNOTICED_ALONE: Mapping[tuple[str, str], str] = {
    ("merkle", "merkle/level/place"): "the last choice alone follows from `child`, which then compares nothing",
}
"""Classes of which one constraint can go: an equation takes its place, and no longer refuses anything."""


@cache
def gadget(name: str) -> ConstraintSystem:
    build, n_inputs, n_outputs = GADGETS[name]
    wide = (-R // 4, R // 4) if name in FIELD else (-8, 8)
    intervals = SAMPLES[name].intervals if name in SAMPLES else [wide] * n_inputs
    return Gadget(build, intervals, n_outputs).cs


@cache
def circuit(name: str) -> ConstraintSystem:
    return margin.build_statement(Plan(rules_of(name)))


def classes(cs: ConstraintSystem) -> dict[str, list[int]]:
    """Constraints by their path without indices."""
    names, found = CircuitMap.of(cs), dict[str, list[int]]()
    for constraint in range(cs.n_constraints):
        found.setdefault(without_indices(names.path_of(constraint)), []).append(constraint)
    return found


def noticed(cs: ConstraintSystem, without: list[int]) -> bool:
    return not classify(cs, without).holds


@pytest.mark.parametrize("name", GADGETS)
def test_gadgets_fix_their_outputs(name: str) -> None:
    report = check_determinism(gadget(name))
    assert "undetermined" not in report.counts
    assert report.classified == report.wires == gadget(name).n_wires
    if name in ("range_check", "positive", "maximum", "poseidon", "sponge", "merkle", "assert_less_equal", "select"):
        assert not report.bounds


@pytest.mark.parametrize("name", GADGETS)
def test_every_constraint_of_a_gadget_counts(name: str) -> None:
    cs = gadget(name)
    for path, constraints in classes(cs).items():
        expected = (name, path) not in UNNOTICED
        assert noticed(cs, constraints) is expected, path
        if (name, path) not in UNNOTICED_ALONE:
            for constraint in constraints[:40] + constraints[-3:]:
                assert noticed(cs, [constraint]) is expected, (path, constraint)


@pytest.mark.parametrize("name", UNNOTICED_ALONE)
def test_one_constraint_that_an_equation_replaces(name: tuple[str, str]) -> None:
    cs = gadget(name[0])
    constraints = classes(cs)[name[1]]
    assert noticed(cs, constraints)
    assert not all(noticed(cs, [constraint]) for constraint in constraints)


@pytest.mark.parametrize("name", RULES)
def test_margin_circuits_are_classified(name: str) -> None:
    report = check_determinism(circuit(name))
    assert report.classified == report.wires


@pytest.mark.parametrize("name", ["portfolio", "bracket", "sides"])
def test_every_class_of_the_margin_circuit_counts(name: str) -> None:
    cs = circuit(name)
    for path, constraints in classes(cs).items():
        expected = ("circuit", path) not in UNNOTICED
        assert noticed(cs, constraints) is expected, path
        if len(constraints) > 1:
            assert noticed(cs, [constraints[len(constraints) // 2]]) is expected, path


def test_the_margin_circuits_have_every_kind_of_constraint() -> None:
    """So that the test above means what it says."""
    last = {path.split("/")[-1] for name in RULES for path in classes(circuit(name))}
    assert {"bit", "recompose", "sbox", "equal", "kind", "identity", "row", "power", "select"} <= last
    assert {"equity", "demand", "requirement", "collateral_root", "product"} <= last


@pytest.mark.parametrize("name", ["portfolio_scan", "deribit_pm"])
def test_bundled_rule_sets_are_classified(name: str) -> None:
    report = compile_rules(load_rules(name)).determinism
    assert report.classified == report.wires
    assert report.unread.keys() == {"context"}
    assert sum(report.bounds.values()) <= 2


# --- the phase ----------------------------------------------------------------------------------------------


def test_the_report_is_kept_and_printed() -> None:
    compiled = compile_rules(rules_of("portfolio"), cache=False)
    report = compiled.determinism
    assert Determinism.of_bytes(report.to_bytes()) == report
    text = show_determinism(compiled)
    assert f"{report.wires:,} of them classified" in text
    assert "either branch is at most the largest" in text
    assert "context" in text
    assert report.counts["choice"] == 2
    assert report.counts["challenge"] == compiled.plan.n_functionals


def test_an_open_wire_is_named_with_what_reads_it_and_the_rules_line() -> None:
    cs, rules = circuit("portfolio"), rules_of("portfolio")
    lines = {name: node.span.line for name, node in rules.definitions.items()}
    dropped = [c for path, cs_ in classes(cs).items() if path.endswith("naked/positive/sign/recompose") for c in cs_]
    with pytest.raises(NotDetermined) as caught:
        check_determinism(cs, lines, without=dropped)
    message = str(caught.value)
    assert message.startswith("E_DETERMINISM: ")
    assert "rules/naked/positive[0]/sign/digits[0]" in message
    assert "read by rules/naked/positive[0]/sign/bit" in message
    assert "functionals: public input C does not commit to all of it" in message
    assert f"rule file, line {lines['naked']}" in message
    assert caught.value.exit_code == 2


def test_a_line_in_the_path_is_found_too() -> None:
    cs = circuit("portfolio")
    (dropped,) = (found for path, found in classes(cs).items() if path.endswith("max/branch/bit"))
    path = CircuitMap.of(cs).path_of(dropped[0])
    line = path.split("/")[1].split(":")[1]
    with pytest.raises(NotDetermined, match=f"a choice is not a bit.*rule file, line {line}"):
        check_determinism(cs, without=dropped)


def test_a_circuit_that_leaves_a_wire_open_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(cs: ConstraintSystem, wire: int, label: str) -> None:
        if "account" not in cs.path(label):
            row = cs.table.of_wire(wire)
            cs.enforce_rows(row, row, row, label)

    monkeypatch.setattr(ConstraintSystem, "enforce_bit", forgetful)
    with pytest.raises(NotDetermined, match=r"account/size\[0\]/digits\[0\]"):
        compile_rules(rules_of("portfolio"), cache=False)


def test_inputs_that_nothing_reads() -> None:
    cs = ConstraintSystem()
    cs.public("context")
    cs.public("claim")
    cs.private("size", 2)
    with pytest.raises(NotDetermined, match=r"4 inputs occur in no constraint; wire 1 \(context\)"):
        check_determinism(cs)
    cs.leave_unread("context", "bound by the verifying key")
    cs.leave_unread("claim", "bound by the verifying key")
    assert [Verdict(v) for v in classify(cs).verdicts] == [
        Verdict.ONE,
        *[Verdict.PUBLIC] * 2,
        *[Verdict.PRIVATE] * 2,
    ]
    assert classify(cs).unread == [3, 4]
    for wire in (3, 4):
        cs.enforce(LinearCombination.of_wire(wire), LinearCombination.of_wire(wire), ONE, "read")
    assert check_determinism(cs).unread.keys() == {"context", "claim"}
    for wire in (0, 2):
        cs = ConstraintSystem()
        first = cs.public("t", 3).first
        cs.leave_unread("t", "the last tier has no bound", index=2)
        read = LinearCombination({first: 1, first + wire: 1})
        cs.enforce(read, read, ONE, "read")
        assert classify(cs).unread == [first + 1]
        assert cs.unread.keys() == {"t[2]"}
    with pytest.raises(CircuitError, match="only public inputs"):
        cs.leave_unread("size", "it is private")


def test_a_choice_by_an_input_that_is_no_bit_is_refused() -> None:
    """The attack: a choice of 2 between two accounts is twice the one less the other."""
    cs = ConstraintSystem()
    cs.private("which")
    cs.private("values", 2)
    which, *values = (
        LinearCombination.of_wire(wire) for name in ("which", "values") for wire in cs.privates[name].wires
    )
    one, zero = (num_unchecked(value, 0, 9) for value in values)
    select(cs, bit_unchecked(which), one, zero, "account")
    with pytest.raises(NotDetermined, match="account: takes wire 1 for a bit, and no constraint makes it 0 or 1"):
        check_determinism(cs)
    boolean(cs, cs.privates["which"].first)
    assert check_determinism(cs).classified == cs.n_wires
