"""Lines of attested collateral in the circuit: each opens a leaf of one tree over all chains, and counts once.
                                                                                specs/statement.md#collateral

The rules see a column along the asset axis: the sum of the lines' amounts by asset. Which lines they are, on which
chains, and how many of the room for them are used, stays private.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zkmargin.attestations.collateral.tree import ARITY, DEPTH, LEAF_BITS, Leaf
from zkmargin.circuits.account import Account
from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.bits import boolean, decompose, range_check
from zkmargin.circuits.gadgets.compare import assert_nonnegative
from zkmargin.circuits.gadgets.merkle import merkle_root
from zkmargin.circuits.gadgets.poseidon import tagged
from zkmargin.circuits.gadgets.select import product
from zkmargin.circuits.integers import Bit, Num, UInt, num_unchecked
from zkmargin.circuits.linear import ZERO, LinearCombination
from zkmargin.circuits.rules.tree import ColumnDecl
from zkmargin.errors import Capacity
from zkmargin.poseidon import poseidon

INDEX_BITS = 3
"""Of a place among eight children."""
SCALARS = ("line_used", "line_amount", "line_cid", "line_lock", "line_salt", "line_index")
"""Private inputs with a value per line; ``line_row`` has one per line and asset, ``line_nodes`` per line, level and
child."""


@dataclass(frozen=True)
class Line:
    """One line: whether it is used, its place in the asset table, and what its leaf says."""

    used: Bit
    row: Sequence[Bit]
    amount: UInt
    cid: UInt
    lock_until: UInt


def declare_lines(cs: ConstraintSystem, lines: int, assets: int) -> None:
    """The private inputs of ``lines`` lines over ``assets`` assets."""
    for name in SCALARS:
        cs.private(name, lines)
    cs.private("line_row", lines * assets)
    cs.private("line_nodes", lines * DEPTH * ARITY)


def open_collateral(
    cs: ConstraintSystem,
    column: ColumnDecl,
    account: Account,
    owner: LinearCombination,
    pocket: UInt,
    least_lock: UInt,
) -> None:
    """The column is the sum, by asset, of lines of the collateral tree that belong to this owner and pocket.

    Every used line's leaf is in the tree of ``collateral_root``, picks one row of the asset table and is locked until
    ``least_lock`` at least; used lines come first, by strictly ascending cid, so that none counts twice. Without a used
    line the root is zero.                                                      specs/statement.md#collateral
    Requires: ``owner`` and ``pocket`` are those of the nullifier; ``assets`` are the tables', by the verifier's
    word or under their commitment.
    Cost: about 4,000 per line.
    """
    lines = cs.privates["line_used"].count
    root = LinearCombination.of_wire(cs.publics["collateral_root"].first)
    held = account.columns[column.name].reshape(-1)
    by_asset: list[list[Num]] = [[] for _ in held]
    before: Line | None = None
    first_used: Bit | None = None
    for number in range(lines):
        with cs.scope(f"collateral/line[{number}]"):
            line = _open_line(cs, number, owner, pocket, root)
            first_used = first_used or line.used
            late = product(cs, line.used, line.lock_until - least_lock, "late")
            assert_nonnegative(cs, late, None, "locked")
            if before is not None:
                cs.enforce(line.used.lc, before.used.lc.plus_constant(-1), ZERO, "prefix")
                above = product(cs, line.used, (line.cid - before.cid).plus(-1), "above")
                assert_nonnegative(cs, above, None, "ascending")
            for place, bit in enumerate(line.row):
                by_asset[place].append(product(cs, bit, line.amount, f"amount[{place}]"))
            before = line
    with cs.scope("collateral"):
        if first_used is not None:
            cs.enforce(root, first_used.lc.plus_constant(-1), ZERO, "none")
        for place, (whole, parts) in enumerate(zip(held, by_asset, strict=True)):
            cs.enforce_equal(Num.total(parts).lc, whole.lc, f"held[{place}]")


def _open_line(
    cs: ConstraintSystem, number: int, owner: LinearCombination, pocket: UInt, root: LinearCombination
) -> Line:
    def given(name: str) -> LinearCombination:
        return LinearCombination.of_wire(cs.privates[name].first + number)

    def ranged(name: str, field: str) -> UInt:
        bits = LEAF_BITS[field]
        anything = num_unchecked(given(name), 0, (1 << bits) - 1)  # the check follows
        return range_check(cs, anything, bits, field)

    assets = cs.input("assets")
    used = boolean(cs, cs.privates["line_used"].first + number, "used")
    first = cs.privates["line_row"].first + number * assets.count
    row = [boolean(cs, wire, "row") for wire in range(first, first + assets.count)]
    cs.enforce_equal(LinearCombination.total(bit.lc for bit in row), used.lc, "one row")
    asset = LinearCombination.total(
        cs.product(bit.lc, LinearCombination.of_wire(wire), "asset")
        for bit, wire in zip(row, assets.wires, strict=True)
    )
    amount, cid, lock = ranged("line_amount", "amount"), ranged("line_cid", "cid"), ranged("line_lock", "lock_until")
    fields = [owner, pocket.lc, asset, amount.lc, cid.lc, lock.lc, given("line_salt"), ZERO]
    leaf = tagged(cs, "leaf", fields, "leaf")
    place = num_unchecked(given("line_index"), 0, ARITY**DEPTH - 1)  # the check follows
    digits = decompose(cs, place, 0, INDEX_BITS * DEPTH, "index")
    groups = [[digits.bit(INDEX_BITS * level + bit) for bit in range(INDEX_BITS)] for level in range(DEPTH)]
    nodes = cs.privates["line_nodes"].first + number * DEPTH * ARITY
    children = [
        [LinearCombination.of_wire(nodes + level * ARITY + child) for child in range(ARITY)] for level in range(DEPTH)
    ]
    reached = merkle_root(cs, leaf, groups, children, "path")
    cs.enforce(used.lc, reached - root, ZERO, "root")
    return Line(used, row, amount, cid, lock)


@dataclass(frozen=True, repr=False)
class OpenedLine:
    """A line as its owner knows it: the leaf, its place in the tree, the children on its way up, its asset's row."""

    leaf: Leaf
    index: int
    path: Sequence[Sequence[int]]
    row: int

    def __repr__(self) -> str:
        return "<OpenedLine (private)>"


def line_inputs(opened: Sequence[OpenedLine], lines: int, assets: int, owner: int, pocket: int) -> dict[str, object]:
    """The private inputs of the used lines, in the order in which the circuit wants them, and of the unused ones.

    An unused line has an empty leaf of this owner on a path of its own, which leads to no root that anyone asks for.
    Raises Capacity where there are more lines than the circuit has room for.
    """
    if len(opened) > lines:
        raise Capacity("more lines than the rule set has room for", where="lines", expected=lines, got=len(opened))
    used = sorted(opened, key=lambda line: line.leaf.cid)
    empty = Leaf(owner, pocket, 0, 0, 0, 0, 0)
    nodes, digest = [], empty.digest
    for _ in range(DEPTH):
        children = [digest] + [0] * (ARITY - 1)
        nodes.append(children)
        digest = poseidon(children)
    unused = OpenedLine(empty, 0, nodes, -1)
    every = [*used, *[unused] * (lines - len(used))]
    found: dict[str, Sequence[int]] = {
        "line_used": [int(line is not unused) for line in every],
        "line_amount": [line.leaf.amount for line in every],
        "line_cid": [line.leaf.cid for line in every],
        "line_lock": [line.leaf.lock_until for line in every],
        "line_salt": [line.leaf.salt for line in every],
        "line_index": [line.index for line in every],
        "line_row": [int(line.row == asset) for line in every for asset in range(assets)],
        "line_nodes": [node for line in every for children in line.path for node in children],
    }
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def held_by_asset(opened: Sequence[OpenedLine], assets: int) -> list[int]:
    """The column that the rules see: the sum of the lines' amounts by asset."""
    held = [0] * assets
    for line in opened:
        held[line.row] += line.leaf.amount
    return held
