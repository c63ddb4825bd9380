"""The pages on statement, gadgets and circuits run: blocks execute, costs are measured, anchors exist."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from zkmargin.circuits.compile import compile_rules
from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.bits import boolean, decompose
from zkmargin.circuits.gadgets.choose import at_first_largest
from zkmargin.circuits.gadgets.compare import assert_nonnegative, is_nonnegative
from zkmargin.circuits.gadgets.divide import divide
from zkmargin.circuits.gadgets.maximum import lower_bound, maximum, upper_bound
from zkmargin.circuits.gadgets.measures import rank_upper_bound, tail_lower_bound, tail_upper_bound
from zkmargin.circuits.gadgets.root import square_root
from zkmargin.circuits.gadgets.select import assert_nonzero, is_zero, one_hot, product, select
from zkmargin.circuits.gadgets.sign import absolute, positive
from zkmargin.circuits.gadgets.tiers import tier_value
from zkmargin.circuits.integers import Num, bit_unchecked, num_unchecked
from zkmargin.circuits.linear import LinearCombination
from zkmargin.circuits.plan import Plan
from zkmargin.circuits.rules import load_rules

ROOT = Path(__file__).parents[2]
PAGES = ("statement.md", "gadgets.md", "circuits.md", "determinism.md")


def _blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", (ROOT / "specs" / page).read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(("page", "index"), [(page, i) for page in PAGES for i in range(len(_blocks(page)))])
def test_blocks_run(page: str, index: int) -> None:
    exec(compile(_blocks(page)[index], f"{page} block {index}", "exec"), {})


def _anchors(page: str) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", (ROOT / "specs" / page).read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_found_where_the_code_points(page: str) -> None:
    folders = ("circuits", "prover", "verifier", "attestations", "margin", "cli", "src")
    sources = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    text = "\n".join(path.read_text() for path in sources)
    pointed = set(re.findall(rf"specs/{re.escape(page)}#([a-z0-9-]+)", text))
    assert pointed
    assert pointed <= _anchors(page)


W, K = 6, 5
X = (-(2**W), 2**W - 1)
COSTS: dict[str, tuple[Callable[[ConstraintSystem, list[Num]], object], tuple[int, int], int]] = {
    "decompose(x, lo, w)": (lambda cs, x: decompose(cs, x[0], 0, W), X, W + 1),
    "boolean(wire)": (lambda cs, x: boolean(cs, next(iter(x[0].lc.terms))), X, 1),
    "assert_nonnegative(x)": (lambda cs, x: assert_nonnegative(cs, x[0]), X, W + 1),
    "assert_nonzero(x)": (lambda cs, x: assert_nonzero(cs, x[0].lc), X, 1),
    "is_nonnegative(x)": (lambda cs, x: is_nonnegative(cs, x[0]), X, W + 2),
    "positive(x)": (lambda cs, x: positive(cs, x[0]), X, W + 3),
    "absolute(x)": (lambda cs, x: absolute(cs, x[0]), X, W + 3),
    "product(x, y)": (lambda cs, x: product(cs, x[0], x[1]), X, 1),
    "select(bit, x, y)": (lambda cs, x: select(cs, bit_unchecked(x[0].lc), x[1], x[2]), X, 1),
    "is_zero(x)": (lambda cs, x: is_zero(cs, x[0].lc), X, 2),
    "one_hot(n)": (lambda cs, x: one_hot(cs, [n.lc for n in x]), X, K + 1),
    "upper_bound(K branches)": (lambda cs, x: upper_bound(cs, x, 88), (0, 2**W - 1), K * (W + 1)),
    "lower_bound(K branches)": (lambda cs, x: lower_bound(cs, x), (0, 2**W - 1), 2 * (K - 1)),
    # x and y in [1, 2^W]: the quotient has W + 1 digits, y - 1 has W.
    "divide(x, y)": (lambda cs, x: divide(cs, x[0], x[1], upper=False, lower=True), (1, 2**W), (W + 1) + W + 3),
    "square_root(x, d)": (
        lambda cs, x: square_root(cs, x[0], 1, upper=True, lower=True),
        (0, 2**W - 1),
        (W // 2 + 2) + 2 * (W // 2 + 2),
    ),
    "tier_value(K tiers)": (
        lambda cs, x: tier_value(cs, x[0], x, x, late=True, early=False),
        (0, 2**W - 1),
        3 * K + W + 1,
    ),
    "rank_upper_bound(S, n)": (lambda cs, x: rank_upper_bound(cs, x, 2), (0, 2**W - 1), K * (W + 2) + 1),
    "tail_upper_bound(S, n)": (
        lambda cs, x: tail_upper_bound(cs, x, (2, 1), lambda y, label: positive(cs, y, label)),
        (0, 2**W - 1),
        K * (W + 3) + W + 1,
    ),
    "tail_lower_bound(S, n)": (lambda cs, x: tail_lower_bound(cs, x, (2, 1)), (0, 2**W - 1), 2 * K + 1),
    "at_first_largest(S)": (lambda cs, x: at_first_largest(cs, x, x), (0, 2**W - 1), K * (W + 4) + 1),
    "maximum(K branches)": (lambda cs, x: maximum(cs, x), (0, 2**W - 1), (K - 1) * (W + 3)),
}


@pytest.mark.parametrize("gadget", COSTS)
def test_costs_are_those_of_the_table(gadget: str) -> None:
    assert f"`{gadget}`" in (ROOT / "specs" / "gadgets.md").read_text()
    build, (lo, hi), cost = COSTS[gadget]
    cs = ConstraintSystem()
    wires = cs.private("x", K).wires
    build(cs, [num_unchecked(LinearCombination.of_wire(wire), lo, hi) for wire in wires])
    assert cs.n_constraints == cost


def test_the_table_of_public_inputs_is_in_order() -> None:
    page = (ROOT / "specs" / "statement.md").read_text()
    section = page[page.index("## Public inputs") : page.index("## Private inputs")]
    listed = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    committed = Plan(load_rules("cross_chain_committed"))
    names = [name for name, _ in committed.public_inputs]
    assert listed[: len(names)] == names
    assert [name for name, _ in committed.committed_inputs] == ["active", "direct", "assets"]
    listed.remove(names[-1])
    circuit = compile_rules(load_rules("deribit_pm"), cache=False)
    assert listed == [*(name for name, _ in circuit.plan.public_inputs), "assets"]  # the last one with lines
    private = [name for name in circuit.names.inputs if name not in listed]
    assert private == ["size", "cash", "ask", "nk", "pocket", "subject", "listing", "salt", "blind"]
