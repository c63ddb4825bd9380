"""Binding `committed`: the same accounts as binding `public`, a commitment that every table value is in, and what a
prover, or other tables, cannot do about it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from random import Random
from typing import Any

import builtin_worlds
import numpy as np
import pytest
import worlds
from test_builtin_readings import _account, _boundary
from worlds import Claimed, challenge, holds, is_provable, random_positions, random_tables, smallest_cash, start

from zkmargin.backend import engine
from zkmargin.circuits.committed import PACKED_CELL_BITS, Cells, cells_of
from zkmargin.circuits.compile import CompiledCircuit, compile_rules
from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.determinism.analysis import check_determinism, classify
from zkmargin.circuits.determinism.verdicts import Verdict
from zkmargin.circuits.gadgets.poseidon import sponge
from zkmargin.circuits.linear import LinearCombination
from zkmargin.circuits.margin import build_statement
from zkmargin.circuits.names import without_indices
from zkmargin.circuits.plan import BoundPlan, Plan, compute_table_commitment
from zkmargin.circuits.rules import RuleSet, parse_rules
from zkmargin.circuits.rules.tree import ColumnRef
from zkmargin.circuits.testing import LyingEngine
from zkmargin.errors import NotDetermined, ParameterCondition, RuleError
from zkmargin.field import FR_MODULUS as R
from zkmargin.field import decode_elements, encode_elements, signed
from zkmargin.margin.tables import Column, Label, Tables
from zkmargin.poseidon import sponge as sponge_of_integers

MARKETS, ACCOUNTS = 4, 8
SALTS = {"salt": [15, 16]}


PLAIN = b"""\
rules: 1
name: plain
binding: public
axes:
  i: {capacity: 8}
  t: {capacity: 3, pad: repeat}
public:
  mark: {axes: [i], unit: usd/lot, decimals: 2, min: 0, max: 1e6}
  rate: {axes: [i, t], unit: usd/lot, decimals: 3, min: -1, max: 1e4}
  ded: {axes: [i, t], unit: usd, decimals: 0, min: 0, max: 1e4}
  wide: {axes: [i], unit: usd/lot, decimals: 8, min: -1e7, max: 1e7}
private:
  size: {axes: [i], unit: lot, decimals: 1, min: -1e3, max: 1e3, from: venue}
  other: {axes: [i], unit: lot, decimals: 0, min: 0, max: 100, from: venue}
  cash: {unit: usd, decimals: 2, min: -1e12, max: 1e12, from: venue}
equity: cash + sum(size * mark, over=i)
requirements:
  maintenance: sum(max(abs(size) * rate - ded, over=t), over=i) + abs(sum((size + other) * wide, over=i))
"""
"""Every column is read as it is; all but ``wide`` are packed."""


@cache
def _plain() -> RuleSet:
    return parse_rules(PLAIN)


def _public(name: str) -> RuleSet:
    if name == "plain":
        return _plain()
    return worlds.rules_of(name) if name in worlds.RULES else builtin_worlds.rules_of(name)


@cache
def committed_rules(name: str) -> RuleSet:
    return parse_rules(_public(name).text.replace(b"binding: public", b"binding: committed"), f"{name}.yaml")


@cache
def committed(name: str) -> CompiledCircuit:
    return compile_rules(committed_rules(name), cache=False)


@cache
def _compiled(name: str) -> CompiledCircuit:
    if name == "plain":
        return compile_rules(_plain(), cache=False)
    return worlds.compiled(name) if name in worlds.RULES else builtin_worlds.compiled(name)


# --- both bindings say the same of an account -----------------------------------------------------------------------


def _near(rules: RuleSet, tables: Tables, positions: Mapping[str, object], claim: Claimed) -> int | None:
    """The least cash that meets the claim."""
    if rules.name in worlds.RULES or rules.name == "plain":
        return smallest_cash(rules, tables, positions, claim)
    return _boundary(rules, tables, positions, claim)


@pytest.mark.parametrize("name", [*worlds.RULES, *builtin_worlds.RULES, "plain"])
def test_both_bindings_accept_and_refuse_the_same_accounts(name: str) -> None:
    """On random tables and accounts, most of them at the boundary or one unit below it: as the plaintext says."""
    random, rules = Random(f"both {name}"), _public(name)
    assert committed_rules(name).digest != rules.digest
    salts = SALTS if rules.venues == 2 else {}
    outcomes, near = [], 0
    for _ in range(MARKETS):
        tables = random_tables(rules, random)
        markets = [circuit.plan.bind(tables) for circuit in (_compiled(name), committed(name))]
        for index in range(ACCOUNTS):
            claim = Claimed(random.choice(list(rules.requirements)), *random.choice(((1, 1), (5, 4))))
            positions = random_positions(rules, tables, random)
            boundary = _near(rules, tables, positions, claim)
            near += boundary is not None and index < 6
            far = random.randint(-(10**9), 10**9) if index >= 6 else index % 2
            account = _account(
                rules, positions, random.randint(-(10**9), 10**9) if boundary is None else boundary - far
            )
            expected = holds(rules, tables, account, claim)
            for circuit, market in zip((_compiled(name), committed(name)), markets, strict=True):
                assert is_provable(circuit, {**account, **salts}, claim, market) == expected
            outcomes.append(expected)
    assert near >= MARKETS * ACCOUNTS // 2
    assert MARKETS * ACCOUNTS // 4 < sum(outcomes) < MARKETS * ACCOUNTS * 3 // 4


@pytest.mark.parametrize("name", [*worlds.RULES, *builtin_worlds.RULES])
def test_a_stubborn_prover_is_refused_by_the_margin_constraint(name: str) -> None:
    random, rules = Random(f"stubborn committed {name}"), _public(name)
    tables, claim = random_tables(rules, random), Claimed()
    boundary = None
    while boundary is None:
        positions = random_positions(rules, tables, random)
        boundary = _near(rules, tables, positions, claim)
    account = {**_account(rules, positions, boundary - 1), **(SALTS if rules.venues == 2 else {})}
    paths = _paths(committed(name), _forged(committed(name), account, claim, committed(name).plan.bind(tables)))
    assert paths
    assert all(path.startswith("margin[") and path.endswith("/slack/recompose") for path in paths)


def test_seven_public_inputs_and_no_commitment_to_functionals() -> None:
    for name in worlds.RULES:
        assert committed(name).stats.public_inputs == 7
        assert committed(name).plan.public_inputs[-1] == ("tableCommitment", 1)
        assert {"C", "gamma", "t", "blind"}.isdisjoint(committed(name).names.inputs)
    assert committed("venues").stats.public_inputs == 8


BARE = """\
rules: 1
name: bare
binding: committed
axes:
  i: {AXIS}
private:
  size: {axes: [i], unit: usd, decimals: 0, min: -100, max: 100, from: venue}
  cash: {unit: usd, decimals: 0, min: -1e9, max: 1e9, from: venue}
equity: cash
requirements:
  maintenance: sum(abs(size), over=i)
"""


@pytest.mark.parametrize(("axis", "inputs"), [("size: 2", ()), ("capacity: 2", (("active", 2),))])
def test_rules_that_read_no_table(axis: str, inputs: tuple[tuple[str, int], ...]) -> None:
    """The commitment is to the rule set, and to which rows the market has."""
    rules = parse_rules(BARE.replace("AXIS", axis).encode())
    circuit = compile_rules(rules, cache=False)
    assert circuit.plan.committed_inputs == inputs
    tables = Tables({"i": 2}, {"i": ("A", "B")}, {}, {}, {})
    words = [3] if inputs else []
    commitment = compute_table_commitment(rules, tables)
    assert commitment == sponge_of_integers("market", [int.from_bytes(rules.digest, "big") >> 8, *words])
    for cash in (13, 14):
        account = {"size": [5, -9], "cash": cash}
        assert is_provable(circuit, account, Claimed(), circuit.plan.bind(tables)) == (cash == 14)


def test_more_than_two_venues_are_refused() -> None:
    text = _public("venues").text.replace(b"binding: public", b"binding: committed").replace(b"venues: 2", b"venues: 3")
    with pytest.raises(RuleError, match="room for two venues"):
        Plan(parse_rules(text))


# --- what the commitment is of --------------------------------------------------------------------------------------


def _market(name: str, seed: str = "market") -> Tables:
    """Random tables with a row to spare on every padded axis."""
    random = Random(seed)
    rules = committed_rules(name)
    while True:
        tables = random_tables(rules, random)
        padded = [axis for axis in rules.axes.values() if axis.name in ("i", "k", "t")]
        if tables.sizes["i"] > 2 and all(tables.sizes[axis.name] < axis.capacity for axis in padded):
            return tables


def _with(tables: Tables, **changes: object) -> Tables:
    fields = {name: getattr(tables, name) for name in ("sizes", "names", "columns", "labels", "parameters")}
    return Tables(**{**fields, **changes})  # type: ignore[arg-type]


def test_every_value_that_the_rules_read_is_in_the_commitment() -> None:
    """Another value in any one cell, label or parameter is another commitment, if a requirement reads it."""
    for name in ("portfolio", "plain"):
        rules, tables = committed_rules(name), _market(name)
        honest = compute_table_commitment(rules, tables)
        read = {node.name for direct in Plan(rules).directs for node in _columns_of(direct.node)}
        assert read
        for column in [*rules.public, *rules.parameters]:
            held = (tables.columns | tables.parameters)[column.name]
            for place in np.ndindex(held.values.shape):
                values = held.values.copy()
                values[place] += 1 if values[place] < column.maximum else -1
                other = compute_table_commitment(rules, tables.with_values({column.name: values}))
                assert (other != honest) == (column.name in read), column.name
        labels = {direct.label for direct in Plan(rules).directs} - {None}
        for label in tables.labels.values():
            for row, group in enumerate(label.indices):
                indices = (*label.indices[:row], -1 if group >= 0 else 0, *label.indices[row + 1 :])
                changed = {**tables.labels, label.name: Label(label.name, label.axis, label.target, indices)}
                other = compute_table_commitment(rules, _with(tables, labels=changed))
                assert (other != honest) == (label.name in labels)


def _columns_of(node: Any) -> list[Any]:
    if node is None:
        return []
    return [node] if not node.children else [leaf for child in node.children for leaf in _columns_of(child)]


def test_another_number_of_rows_is_another_commitment() -> None:
    """A row of zeros more, or less, changes no value; that the market has it is in the commitment all the same."""
    rules, tables = committed_rules("portfolio"), _market("portfolio")

    def cut(size: int) -> Tables:
        columns = {
            name: Column(name, c.axes, c.decimals, np.zeros_like(c.values[:size])) if c.axes[:1] == ("i",) else c
            for name, c in tables.columns.items()
        }
        labels = {n: Label(n, v.axis, v.target, (-1,) * size) for n, v in tables.labels.items() if v.axis == "i"}
        sizes = {**tables.sizes, "i": size}
        names = {**tables.names, "i": tables.names["i"][:size]}
        return _with(tables, sizes=sizes, names=names, columns=columns, labels=labels)

    found = {compute_table_commitment(rules, cut(size)) for size in range(1, tables.sizes["i"] + 1)}
    assert len(found) == tables.sizes["i"] > 1


def test_another_rule_text_of_the_same_shape_has_another_commitment() -> None:
    rules, tables = committed_rules("portfolio"), _market("portfolio")
    other = parse_rules(rules.text.replace(b"\n", b"  # another\n", 1))
    assert cells_of(Plan(other)) == cells_of(Plan(rules))
    assert compute_table_commitment(other, tables) != compute_table_commitment(rules, tables)
    assert compile_rules(other, cache=False).r1cs_digest != committed("portfolio").r1cs_digest


def test_binding_public_commits_to_nothing() -> None:
    assert compute_table_commitment(worlds.rules_of("portfolio"), _market("portfolio")) == 0


def test_values_outside_their_bounds_are_not_committed_to() -> None:
    """Packed, they would be another row's digits; alone, no circuit would check them."""
    rules, tables = committed_rules(NAME), _market(NAME)
    for column in rules.public:
        for beyond in (min(column.minimum, 0) - 1, column.maximum + 1, 1 << 200):
            values = tables.columns[column.name].values.copy()
            values.reshape(-1)[0] = beyond
            with pytest.raises(ParameterCondition):
                compute_table_commitment(rules, tables.with_values({column.name: values}))


@pytest.mark.parametrize("bits", range(1, 60))
def test_values_are_packed_where_that_is_cheaper(bits: int) -> None:
    alone, packed = 609 / 15, bits + (bits > 1) + 609 / 15 / (248 // bits)
    assert Cells("direct", 0, 1, 0, (1 << bits) - 1).packed == (bits <= PACKED_CELL_BITS) == (packed < alone)


# --- a prover with other tables -------------------------------------------------------------------------------------


class Altered(BoundPlan):
    """A market whose private inputs are not what its tables say."""

    def __init__(self, market: BoundPlan, **values: Sequence[int]) -> None:
        super().__init__(market.plan, market.tables)
        self._altered = {name: [value % R for value in found] for name, found in values.items()}

    @property
    def committed(self) -> dict[str, list[int]]:
        return {**super().committed, **self._altered}


def _forged(
    circuit: CompiledCircuit,
    account: Mapping[str, object],
    claim: Claimed,
    market: BoundPlan,
    commitment: int | None = None,
) -> list[int]:
    """All wires of a prover who goes on regardless, with the commitment that a verifier knows in place of his own."""
    run = start(circuit, account, claim, market, LyingEngine({}))  # type: ignore[arg-type]
    wires = decode_elements(run.finish(challenge(run) if circuit.plan.bases else None).to_bytes())
    if commitment is not None:
        wires[circuit.names.inputs["tableCommitment"].first] = commitment
    return wires


def _paths(circuit: CompiledCircuit, wires: Sequence[int]) -> list[str]:
    return [circuit.names.path_of(index) for index in engine().r1cs_check(circuit.r1cs, encode_elements(wires))]


NAME = "plain"
RICH = {"other": [0] * 8, "cash": 10**13}
"""Enough for any market."""


def _attempt(size: Sequence[int] = (), **values: Sequence[int]) -> list[str]:
    """What objects to a rich account on altered tables, under the commitment to the true ones."""
    market = committed(NAME).plan.bind(_market(NAME))
    account = {**RICH, "size": [*size, *[0] * (8 - len(size))]}
    altered = Altered(market, **values)
    return _paths(committed(NAME), _forged(committed(NAME), account, Claimed(), altered, market.commitment()))


def _direct() -> list[int]:
    return list(committed(NAME).plan.bind(_market(NAME)).direct)


def _cells(name: str) -> Cells:
    """The direct cells of a column of ``plain``."""
    plan = committed(NAME).plan
    (first,) = (
        direct.first for direct in plan.directs if isinstance(direct.node, ColumnRef) and direct.node.name == name
    )
    (cells,) = (cells for cells in cells_of(plan) if (cells.input, cells.first) == ("direct", first))
    return cells


def test_the_true_tables_meet_no_objection() -> None:
    assert _attempt() == []


@pytest.mark.parametrize("name", ["mark", "rate", "ded", "wide"])
def test_a_cell_changed_under_the_same_commitment(name: str) -> None:
    """Of every column, packed or alone: any other value is another hash."""
    cells, direct = _cells(name), _direct()
    assert cells.packed == (name != "wide")
    for at in (cells.first, cells.first + cells.count - 1):
        changed = list(direct)
        changed[at] += -1 if signed(direct[at]) == cells.hi else 1
        assert _attempt(direct=changed) == ["tables/equal"]


@pytest.mark.parametrize("value", [-1, 10**15 + 1, 1 << 200, R // 2, R // 3])
def test_a_cell_that_is_hashed_alone_is_bound_as_it_is(value: int) -> None:
    """No range check stands between such a cell and the field: the commitment alone refuses what wraps around it."""
    cells, direct = _cells("wide"), _direct()
    assert not cells.packed
    direct[cells.first] = value
    assert _attempt(direct=direct) == ["tables/equal"]


@pytest.mark.parametrize("beyond", [-1, 1 << 14, R - 5, R // 2])
def test_a_packed_cell_outside_its_range(beyond: int) -> None:
    cells, direct = _cells("ded"), _direct()
    assert (cells.lo, cells.bits) == (0, 14)
    direct[cells.first] = beyond
    paths = _attempt(direct=direct)
    assert f"tables/direct[{cells.first}]/recompose" in paths
    assert "tables/equal" in paths


def test_packed_cells_cannot_be_traded_against_each_other() -> None:
    """One cell more by what the next one's unit is worth, the next one less: the same field element, the same hash.

    That is the limb without a range check that Binance shipped in 2023; here each of the two has one.
    """
    cells, found = _cells("ded"), []
    for row in range(cells.first, cells.first + 5):
        direct = _direct()
        if direct[row + 1] > cells.lo:
            direct[row] += 1 << cells.bits
            direct[row + 1] -= 1
            found.append(_attempt(direct=direct) == [f"tables/direct[{row}]/recompose"])
    assert any(found)


def test_two_tables_exchanged() -> None:
    """All of one column where the other belongs, both within their bounds."""
    mark, wide = _cells("mark"), _cells("wide")
    direct = [min(signed(value), mark.hi) if value < R // 2 else 0 for value in _direct()]
    assert mark.count == wide.count
    direct[mark.places], direct[wide.places] = direct[wide.places], direct[mark.places]
    assert _attempt(direct=direct) == ["tables/equal"]


def test_two_rows_exchanged() -> None:
    cells, direct = _cells("mark"), _direct()
    direct[cells.first], direct[cells.first + 1] = direct[cells.first + 1], direct[cells.first]
    assert _attempt(direct=direct) == ["tables/equal"]


def test_fewer_active_rows_hide_no_position() -> None:
    """Without its row a short position would go unmargined: the bit is in the commitment, and its size must go."""
    active = list(committed(NAME).plan.bind(_market(NAME)).active)
    assert active[0] == 1
    assert _attempt(active=[0, *active[1:]]) == ["tables/equal"]
    assert set(_attempt([-5], active=[0, *active[1:]])) == {"tables/equal", "padding/size[0]"}


def test_more_active_rows_make_no_room() -> None:
    rows = _market(NAME).sizes["i"]
    size = [*[0] * rows, 5]
    market = committed(NAME).plan.bind(_market(NAME))
    with pytest.raises(AssertionError, match="padding/size"):  # the program finds wires, and they do not do
        is_provable(committed(NAME), {**RICH, "size": size}, Claimed(), market)
    assert _attempt(size) == [f"padding/size[{rows}]"]
    assert _attempt(size, active=[1] * 8) == ["tables/equal"]
    active = [*[1] * rows, 2, *[0] * (7 - rows)]
    assert set(_attempt(size, active=active)) >= {f"tables/active[{rows}]/bit", "tables/equal"}


def test_every_private_column_over_padded_rows_is_bound() -> None:
    rows = _market(NAME).sizes["i"]
    market = committed(NAME).plan.bind(_market(NAME))
    for column in committed_rules(NAME).private:
        if column.axes:
            account: dict[str, Any] = {**RICH, "size": [0] * 8}
            account[column.name] = [0] * rows + [1] + [0] * (7 - rows)
            assert _paths(committed(NAME), _forged(committed(NAME), account, Claimed(), market)) == [
                f"padding/{column.name}[{rows}]"
            ]


def test_padded_rows_of_tables_are_what_the_axis_says() -> None:
    """Zero, or the last row again: anything else in them is another commitment."""
    tables = _market(NAME)
    for name, place in (("mark", tables.sizes["i"]), ("rate", tables.sizes["t"])):
        cells, direct = _cells(name), _direct()
        at = cells.first + place
        assert direct[at] == (0 if name == "mark" else direct[at - 1])
        direct[at] = (direct[at] + (1 if signed(direct[at]) < cells.hi else -1)) % R
        assert _attempt(direct=direct) == ["tables/equal"]


def test_a_commitment_to_nothing() -> None:
    market = committed(NAME).plan.bind(_market(NAME))
    wires = _forged(committed(NAME), {**RICH, "size": [0] * 8}, Claimed(), market, 0)
    assert _paths(committed(NAME), wires) == ["tables/equal"]


def test_a_commitment_of_another_rule_set() -> None:
    """Of the very same tables, under another text of the same shape."""
    other = parse_rules(committed_rules(NAME).text.replace(b"\n", b"  # another\n", 1))
    market = committed(NAME).plan.bind(_market(NAME))
    commitment = compute_table_commitment(other, _market(NAME))
    wires = _forged(committed(NAME), {**RICH, "size": [0] * 8}, Claimed(), market, commitment)
    assert _paths(committed(NAME), wires) == ["tables/equal"]


# --- what the analysis says -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*worlds.RULES, "tiers", "plain"])
def test_every_table_value_is_seen_to_be_committed_to(name: str) -> None:
    circuit = committed(name)
    expected = sum(count for _, count in circuit.plan.committed_inputs)
    assert circuit.determinism.counts["committed"] == expected > 0
    assert Verdict.COMMITTED.name.lower() in circuit.determinism.counts


def test_a_table_value_that_the_hash_leaves_out_is_refused() -> None:
    cs = ConstraintSystem()
    (commitment,) = cs.public("tableCommitment").wires
    wires = cs.private("direct", 20).wires
    read = [LinearCombination.of_wire(wire) for wire in wires]
    cs.product(read[0], LinearCombination.total(read), "reads all")
    cs.assign_public("tableCommitment", sponge(cs, "market", read[:-1], "commitment"), "equal")
    cs.declare_committed("direct", "tableCommitment")
    assert commitment == 1
    assert classify(cs).problems == {"direct": "1 of its 20 values are not fixed by tableCommitment"}
    with pytest.raises(NotDetermined, match="not fixed by tableCommitment"):
        check_determinism(cs)


def test_without_a_digit_or_the_hash_the_values_are_open() -> None:
    """Each class of constraints that binds the tables is missed."""
    cs = build_statement(Plan(committed_rules(NAME)))
    assert classify(cs).holds
    by_class: dict[str, list[int]] = {}
    for constraint, path in enumerate(path for path, count in cs.paths for _ in range(count)):
        if path.startswith("tables/"):
            by_class.setdefault(without_indices(path), []).append(constraint)
    assert set(by_class) == {
        "tables/active/bit",
        "tables/direct/bit",
        "tables/direct/recompose",
        "tables/commitment/block/sbox",
        "tables/equal",
    }
    for name, constraints in by_class.items():
        assert not classify(cs, constraints[:1]).holds, name
        assert not classify(cs, constraints[-1:]).holds, name


def test_the_layout_of_the_hash_is_that_of_the_page() -> None:
    """Written out once more: the digest of the rules, all packed values in one run, then those alone."""
    rules = committed_rules(NAME)
    names = ["mark", "rate", "ded", "wide"]
    tables = Tables(
        {"i": 2, "t": 2},
        {"i": ("A", "B"), "t": ("1", "2")},
        {
            "mark": Column.of("mark", ["i"], 2, [100, 200]),
            "rate": Column.of("rate", ["i", "t"], 3, [[-1000, 5], [6, 7]]),
            "ded": Column.of("ded", ["i", "t"], 0, [[1, 2], [3, 4]]),
            "wide": Column.of("wide", ["i"], 8, [-9, 8]),
        },
        {},
        {},
    )
    plan = Plan(rules)
    assert [direct.node.name for direct in plan.directs if isinstance(direct.node, ColumnRef)] == names
    columns = {
        "active": (1, 0, [1, 1, 0, 0, 0, 0, 0, 0]),
        "mark": (27, 0, [100, 200, 0, 0, 0, 0, 0, 0]),
        "rate": (24, -1000, [-1000, 5, 5, 6, 7, 7] + [0] * 18),
        "ded": (14, 0, [1, 2, 2, 3, 4, 4] + [0] * 18),
    }
    words, used = [0], 0
    for bits, low, values in columns.values():
        for value in values:
            if used + bits > 248:
                words, used = [*words, 0], 0
            words[-1] |= value - low << used
            used += bits
    alone = [R - 9, 8] + [0] * 6
    expected = sponge_of_integers("market", [int.from_bytes(rules.digest, "big") >> 8, *words, *alone])
    assert compute_table_commitment(rules, tables) == expected
    assert plan.bind(tables).committed["active"] == columns["active"][2]
