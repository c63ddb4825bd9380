"""Lines of collateral in the whole circuit: honest ones prove, every lie about a line fails at a named constraint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import pytest

from zkmargin.attestations.collateral.identifiers import asset_id
from zkmargin.attestations.collateral.tree import Leaf, Tree
from zkmargin.backend import engine
from zkmargin.circuits.collateral import OpenedLine, held_by_asset, line_inputs
from zkmargin.circuits.compile import CompiledCircuit, compile_rules
from zkmargin.circuits.names import without_indices
from zkmargin.circuits.rules import evaluate, parse_rules
from zkmargin.circuits.run import StatementRun
from zkmargin.circuits.testing import LyingEngine
from zkmargin.errors import IdCanonical, RuleError, WitnessFailed
from zkmargin.margin.tables import Column, Tables
from zkmargin.poseidon import poseidon, tagged

RULES = b"""\
rules: 1
name: tiny_collateral
binding: public
lines: 3
axes:
  asset: {capacity: 4}
public:
  price: {axes: [asset], unit: usd/atom, decimals: 6, min: 0, max: 1000}
private:
  held: {axes: [asset], unit: atom, decimals: 0, min: 0, max: 1e12, from: chain}
  debt: {unit: usd, decimals: 0, min: 0, max: 1e12, from: venue}
equity: sum(held * price, over=asset)
requirements:
  maintenance: debt
"""
ASSETS = ("eip155:1/slip44:60", "eip155:8453/slip44:60", "eip155:1/erc20:0x" + "ab" * 20)
ASK, NK, POCKET = 11, 12, 3
OWNER = tagged("owner", tagged("ak", ASK), NK)
LOCK = 1_800_000_000


@cache
def circuit() -> CompiledCircuit:
    return compile_rules(parse_rules(RULES, "tiny_collateral.yaml"))


def tables() -> Tables:
    column = Column.of("price", ["asset"], 6, [2_000_000, 1_000_000, 500_000])
    return Tables({"asset": 3}, {"asset": ASSETS}, {"price": column}, {}, {})


def leaf(cid: int, row: int = 0, amount: int = 100, lock: int = LOCK, owner: int = OWNER, pocket: int = POCKET) -> Leaf:
    return Leaf(owner, pocket, asset_id(ASSETS[row]), amount, cid, lock, 1000 + cid)


def planted(leaves: list[tuple[Leaf, int]], seed: int = 1) -> tuple[list[OpenedLine], int]:
    """Lines (leaf and asset row) in a tree among those of others, and its root."""
    random = Random(seed)
    others = [(Leaf(random.getrandbits(250), 0, 5, 9, random.getrandbits(248), 0, 7), -1) for _ in range(20)]
    ordered = sorted([*leaves, *others], key=lambda entry: entry[0].cid)
    tree = Tree([entry.digest for entry, _ in ordered])
    return [OpenedLine(entry, at, tree.path(at), row) for at, (entry, row) in enumerate(ordered) if row >= 0], tree.root


THREE = planted([(leaf(50), 0), (leaf(1 << 247, 1, 40), 1), (leaf(7 << 240, 0, 60, LOCK + 5), 0)])


def given(opened: list[OpenedLine], root: int, debt: int, least_lock: int = LOCK, **changes: Any) -> dict[str, Any]:
    """Private inputs, and the public ones that the prover may choose."""
    private: dict[str, Any] = {
        "held": held_by_asset(opened, 4),
        "debt": debt,
        **line_inputs(opened, 3, 4, OWNER, POCKET),
        "ask": ASK, "nk": NK, "pocket": POCKET, "subject": 0, "listing": 14, "salt": 15, "blind": 16,
    }  # fmt: skip
    return {"private": private | changes, "root": root, "least_lock": least_lock}


def run(inputs: Mapping[str, Any], lying: bool = False) -> list[str]:
    """The constraints that notice; none for an honest witness. Raises WitnessFailed where the program finds none."""
    public = {"context": 1, "claim": 1 << 8 | 1 << 24 | inputs["least_lock"] << 40, "scope": 2}
    market = circuit().plan.bind(tables())
    arithmetic: Any = LyingEngine() if lying else None
    statement = StatementRun(circuit(), inputs["private"], public, market, arithmetic, collateral_root=inputs["root"])
    witness = statement.finish(pow(7, 1 + sum(statement.leading) % (1 << 64), 2**251)).to_bytes()
    return sorted({circuit().names.path_of(at) for at in engine().r1cs_check(circuit().r1cs, witness)})


def test_honest_lines_prove_exactly_their_value() -> None:
    opened, root = THREE
    worth = 2 * 160 + 40  # two of the first asset at 2 USD, one of the second at 1
    assert run(given(opened, root, worth)) == []
    assert evaluate(circuit().rules, tables(), {"held": held_by_asset(opened, 3), "debt": worth}).holds()
    with pytest.raises(WitnessFailed):
        run(given(opened, root, worth + 1))
    assert [path for path in run(given(opened, root, worth + 1), lying=True) if not path.startswith("margin[0]")] == []


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_any_number_of_lines(count: int) -> None:
    opened, root = THREE
    some = opened[:count]
    worth = sum(line.leaf.amount * (2, 1)[line.row] for line in some)
    assert run(given(some, root if count else 0, worth)) == []
    with pytest.raises(WitnessFailed):
        run(given(some, root if count else 0, worth + 1))


def _swap(values: list[int], a: int, b: int, size: int = 1) -> list[int]:
    parts = [values[at : at + size] for at in range(0, len(values), size)]
    parts[a], parts[b] = parts[b], parts[a]
    return [value for part in parts for value in part]


def _with(name: str, at: int, value: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def change(inputs: dict[str, Any]) -> dict[str, Any]:
        values = list(inputs["private"][name])
        values[at] = value
        return {**inputs, "private": {**inputs["private"], name: values}}

    return change


def _reordered(inputs: dict[str, Any]) -> dict[str, Any]:
    sizes = {"line_row": 4, "line_nodes": 56}
    swapped = {
        name: _swap(values, 0, 1, sizes.get(name, 1))
        for name, values in inputs["private"].items()
        if name.startswith("line_")
    }
    return {**inputs, "private": {**inputs["private"], **swapped}}


def _twice(inputs: dict[str, Any]) -> dict[str, Any]:
    """The first line in the second one's place as well."""
    sizes = {"line_row": 4, "line_nodes": 56}
    doubled = {}
    for name, values in inputs["private"].items():
        if name.startswith("line_"):
            size = sizes.get(name, 1)
            doubled[name] = [*values[:size], *values[:size], *values[2 * size :]]
    return {**inputs, "private": {**inputs["private"], **doubled, "held": [260, 0, 0, 0]}}


def _gap(inputs: dict[str, Any]) -> dict[str, Any]:
    """The second line unused, the third one used."""
    private = dict(inputs["private"])
    private["line_used"] = [1, 0, 1]
    private["line_row"] = [*private["line_row"][:4], 0, 0, 0, 0, *private["line_row"][8:]]
    private["held"] = [100, 40, 0, 0]
    return {**inputs, "private": private}


LIES: Mapping[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "more held than the lines": ("collateral/held", _with("held", 0, 161)),
    "held of a row without lines": ("collateral/held", _with("held", 2, 1)),
    "held of a row that the market lacks": ("collateral/held", _with("held", 3, 1)),
    "a larger amount than the leaf's": ("collateral/line/path/level/child", _with("line_amount", 0, 101)),
    "an amount that wraps": ("collateral/line/amount/recompose", _with("line_amount", 0, 1 << 128)),
    "another id than the leaf's": ("collateral/line/path/level/child", _with("line_cid", 0, 51)),
    "an id beyond its bits": ("collateral/line/cid/recompose", _with("line_cid", 0, 1 << 248)),
    "a later lock than the leaf's": ("collateral/line/path/level/child", _with("line_lock", 0, LOCK + 1)),
    "another salt": ("collateral/line/path/level/child", _with("line_salt", 0, 1)),
    "another place in the tree": ("collateral/line/path/level/child", _with("line_index", 0, 5)),
    "a place beyond the tree": ("collateral/line/index/recompose", _with("line_index", 0, 1 << 21)),
    "another sibling": ("collateral/line/root", _with("line_nodes", 50, 1)),
    "another asset's row": (
        "collateral/line/path/level/child", lambda i: _with("line_row", 1, 1)(_with("line_row", 0, 0)(i)),
    ),
    "two rows": ("collateral/line/one row", _with("line_row", 1, 1)),
    "no row": ("collateral/line/one row", _with("line_row", 0, 0)),
    "two rows that add up to one": (
        "collateral/line/row", lambda i: _with("line_row", 1, -1)(_with("line_row", 0, 2)(i)),
    ),
    "half a line": ("collateral/line/used", _with("line_used", 2, 2)),
    "an unused line with a row": ("collateral/line/one row", _with("line_used", 2, 0)),
    "one line twice": ("collateral/line/ascending/recompose", _twice),
    "lines out of order": ("collateral/line/ascending/recompose", _reordered),
    "an unused line between used ones": ("collateral/line/prefix", _gap),
    "a lock that ends early": ("collateral/line/locked/recompose", lambda i: {**i, "least_lock": LOCK + 1}),
    "another root": ("collateral/line/root", lambda i: {**i, "root": 5}),
    "no root": ("collateral/line/root", lambda i: {**i, "root": 0}),
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
def test_each_lie_fails_at_its_constraint(name: str) -> None:
    expected, lie = LIES[name]
    opened, root = THREE
    paths = run(lie(given(opened, root, 0)), lying=True)
    assert expected in map(without_indices, paths), paths


def forged(line: OpenedLine, wanted: Leaf) -> OpenedLine:
    """Another leaf in a line's place, the whole path made to fit: only the root can be wrong."""
    path, current, index = [], wanted.digest, line.index
    for children in line.path:
        fitting = [current if at == index % 8 else child for at, child in enumerate(children)]
        path.append(fitting)
        current, index = poseidon(fitting), index // 8
    return replace(line, leaf=wanted, path=path)


@pytest.mark.parametrize("change", [{"amount": 101}, {"cid": 51}, {"lock_until": LOCK + 1}, {"salt": 1}, {"asset": 7}])
def test_a_leaf_that_nobody_attested_leads_to_another_root(change: dict[str, int]) -> None:
    opened, root = THREE
    lines = [forged(opened[0], replace(opened[0].leaf, **change)), *opened[1:]]
    paths = run(given(lines, root, 0, held=held_by_asset(lines, 4)), lying=True)
    assert "collateral/line/root" in map(without_indices, paths)
    assert {without_indices(path) for path in paths} <= {"collateral/line/root", "collateral/line/path/level/child"}


def test_lines_of_others_do_not_count() -> None:
    for change in ({"owner": OWNER + 1}, {"pocket": POCKET + 1}):
        opened, root = planted([(leaf(50, **change), 0)])
        assert "collateral/line[0]/path/level[0]/child" in run(given(opened, root, 0), lying=True)
        ours = [forged(line, leaf(50)) for line in opened]
        assert run(given(ours, root, 0), lying=True) == ["collateral/line[0]/root"]


def test_a_root_without_lines_is_no_statement() -> None:
    assert "collateral/none" in run(given([], THREE[1], 0), lying=True)


def test_a_node_is_no_line() -> None:
    """Eight inputs against nine: a node opened as a leaf would need a second preimage."""
    opened, root = THREE
    cut = replace(opened[0], path=[*opened[0].path[1:], opened[0].path[-1]], index=opened[0].index // 8)
    paths = run(given([cut], root, 0), lying=True)
    assert "collateral/line/path/level/child" in map(without_indices, paths)


def test_assets_are_named_by_their_identifiers() -> None:
    plan = circuit().plan
    assert plan.bind(tables()).assets == [*map(asset_id, ASSETS), 0]
    assert plan.public_inputs[-1] == ("assets", 4)
    named = replace(tables(), names={"asset": ("ETH", "BASE", "USDC")})
    with pytest.raises(IdCanonical):
        _ = plan.bind(named).assets


def test_sizes() -> None:
    """Eight lines add at most 40,000 constraints to a rule set, four at most 20,000."""
    text = (
        RULES.replace(b"lines: 3\n", b"")
        .replace(b"from: chain", b"from: venue")
        .replace(b"capacity: 4", b"capacity: 16")
    )
    without = compile_rules(parse_rules(text, "x.yaml")).stats.constraints
    for lines, most in ((4, 20_000), (8, 40_000)):
        more = RULES.replace(b"lines: 3", b"lines: %d" % lines).replace(b"capacity: 4", b"capacity: 16")
        assert compile_rules(parse_rules(more, "x.yaml")).stats.constraints - without <= most


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"lines: 3\n", b""),
        (b"from: chain", b"from: venue"),
        (b"decimals: 0, min: 0, max: 1e12, from: chain", b"decimals: 2, min: 0, max: 1e12, from: chain"),
        (b"min: 0, max: 1e12, from: chain", b"min: -1, max: 1e12, from: chain"),
        (b"max: 1e12, from: chain", b"max: 1e39, from: chain"),
        (b"private:\n", b"private:\n  more: {axes: [asset], decimals: 0, min: 0, max: 9, from: chain}\n"),
    ],
)
def test_columns_that_are_no_sum_of_lines(old: bytes, new: bytes) -> None:
    assert old in RULES
    with pytest.raises(RuleError):
        compile_rules(parse_rules(RULES.replace(old, new, 1), "x.yaml"), cache=False)
