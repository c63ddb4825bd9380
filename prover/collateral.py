"""The trader's lines of collateral: what is checked before a proof uses them.          specs/statement.md#collateral"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zkmargin.attestations.collateral.documents import CollateralRootDocument, LeafOpening, RevokeRootDocument
from zkmargin.attestations.collateral.errors import LineDuplicate, LockEnds, OwnerMixed, PocketMixed
from zkmargin.attestations.collateral.roots import leaf_of
from zkmargin.attestations.collateral.tree import root_of_path
from zkmargin.attestations.owner import OwnerKeys
from zkmargin.circuits.collateral import OpenedLine
from zkmargin.circuits.rules import RuleSet
from zkmargin.errors import Capacity, InstrumentUnknown, RootMismatch, StatementMismatch
from zkmargin.margin.market import Market
from zkmargin.margin.strict import IntArray
from zkmargin.margin.tables import Tables


@dataclass(frozen=True, repr=False)
class CollateralLine:
    """A line as its attestors opened it, and all children at each level on its way up, the lowest level first."""

    opening: LeafOpening
    path: Sequence[Sequence[int]]

    def __repr__(self) -> str:
        return "<CollateralLine (private)>"


@dataclass(frozen=True)
class Collateral:
    """Lines of one signed root. ``locked``: claim that each is locked until the proof expires, as policies that rely
    on exclusivity ask. ``revocations``: those that the trader knows of.
    """

    root: CollateralRootDocument
    lines: tuple[CollateralLine, ...]
    locked: bool = False
    revocations: tuple[RevokeRootDocument, ...] = ()


def open_lines(
    rules: RuleSet, tables: Tables, collateral: Collateral, keys: OwnerKeys, pocket: int, least_lock: int
) -> list[OpenedLine]:
    """The lines with their rows in the asset table, all of this owner and pocket, each once, in the signed root.

    Raises StatementMismatch where the rule set opens no lines, Capacity, OwnerMixed, PocketMixed, LineDuplicate,
    InstrumentUnknown (an asset that the tables lack), RootMismatch, LockEnds. No message tells an amount.
    """
    if not rules.lines:
        raise StatementMismatch("the rule set opens no lines of collateral", where="collateral")
    if not 0 < len(collateral.lines) <= rules.lines:
        raise Capacity("another number of lines than the rule set opens", where="collateral",
                       expected=f"1 to {rules.lines}", got=len(collateral.lines))  # fmt: skip
    (column,) = rules.on_chain
    (axis,) = column.axes
    rows = {name: row for row, name in enumerate(tables.names[axis])}
    found: dict[int, OpenedLine] = {}
    for number, line in enumerate(collateral.lines):
        where, opening = f"collateral.lines[{number}]", line.opening
        if opening.owner != keys.owner:
            raise OwnerMixed("the line belongs to another owner key", where=where)
        if opening.pocket != pocket:
            raise PocketMixed("the line is in another pocket than the positions", where=where, expected=pocket)
        if opening.cid in found:
            raise LineDuplicate("the line is there twice", where=where)
        if opening.asset not in rows:
            raise InstrumentUnknown(f"asset `{opening.asset}` is not in the tables", where=where)
        leaf = leaf_of(opening)
        if root_of_path(leaf.digest, opening.index, line.path) != collateral.root.root.root:
            raise RootMismatch("the line is not in the signed root", where=where)
        if opening.lock_until < least_lock:
            raise LockEnds("the line's lock ends before the proof", where=where, expected=f"at least {least_lock}")
        found[opening.cid] = OpenedLine(leaf, opening.index, line.path, rows[opening.asset])
    return list(found.values())


def collateral_columns(rules: RuleSet, market: Market, collateral: Collateral | None) -> dict[str, IntArray]:
    """The column ``from: chain`` in the open: amounts by asset over the rows that the tables list; without lines zeros.

    For the plaintext reading alone: nothing is checked against root or owner. Raises InstrumentUnknown.
    """
    found = {}
    for column in rules.on_chain:
        names = market.tables.names[column.axes[0]]
        held = dict.fromkeys(names, 0)
        for number, line in enumerate(() if collateral is None else collateral.lines):
            if line.opening.asset not in held:
                raise InstrumentUnknown(
                    f"asset `{line.opening.asset}` is not in the tables", where=f"collateral.lines[{number}]"
                )
            held[line.opening.asset] += line.opening.amount
        found[column.name] = np.array([held[name] for name in names], dtype=object)
    return found
