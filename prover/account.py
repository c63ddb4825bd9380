"""The account behind a proof: one opening per venue, stacked, and the columns that the prover chooses.

Specified in specs/documents.md#positions and specs/rules.md#several-venues.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zkmargin.attestations.layout import CASH, PositionLayout
from zkmargin.attestations.owner import OwnerKeys
from zkmargin.attestations.positions import PositionOpening, PositionStatementDocument
from zkmargin.circuits.rules import RuleSet
from zkmargin.circuits.rules.operations import IntArray
from zkmargin.encoding import hex_bytes
from zkmargin.errors import AccountInvalid, OpeningMismatch


def in_venue_order(
    rules: RuleSet, statements: Sequence[PositionStatementDocument], openings: Sequence[PositionOpening]
) -> tuple[tuple[PositionStatementDocument, ...], tuple[PositionOpening, ...]]:
    """Statements in ascending venue id, each with the opening that opens it, in whatever order they come.

    Raises OpeningMismatch where a statement has no opening or an opening no statement. A statement that comes twice
    stays: it is refused where statements are checked.
    """
    ordered = tuple(sorted(statements, key=lambda document: document.statement.venue_id))
    if len(statements) != len(openings):
        raise OpeningMismatch(
            "each position statement needs its opening",
            expected=f"{len(statements)} openings",
            got=len(openings),
            hint="give --opening once for each --positions",
        )
    if len(ordered) == 1:
        return ordered, tuple(openings)
    layout = PositionLayout.of(rules)
    by_commitment = {opening.commitment(layout): opening for opening in openings}
    found = []
    for document in ordered:
        if document.statement.commitment not in by_commitment:
            raise OpeningMismatch(
                "no opening opens a position statement",
                where=f"statement of venue {hex_bytes(document.statement.venue_id)}",
            )
        found.append(by_commitment[document.statement.commitment])
    return ordered, tuple(found)


def require_openings(
    rules: RuleSet,
    statements: Sequence[PositionStatementDocument],
    openings: Sequence[PositionOpening],
    keys: OwnerKeys,
) -> None:
    """Raise OpeningMismatch unless every opening is of its statement and all are of one account of the prover's:
    one owner, whose keys these are, one pocket, one subject.
    """
    require_one_opening_each(statements, openings)
    layout = PositionLayout.of(rules)
    for index, (document, opening) in enumerate(zip(statements, openings, strict=True)):
        where = "opening" if len(openings) == 1 else f"openings[{index}]"
        opening.require_opens(document.statement, layout, where)
        if opening.owner != keys.owner:
            raise OpeningMismatch(
                "the statement is bound to another owner key",
                where=f"{where}.owner",
                expected=hex_bytes(keys.owner.to_bytes(32, "big")),
            )
        for what in ("pocket", "subject"):
            if getattr(opening, what) != getattr(openings[0], what):
                raise OpeningMismatch(
                    f"the statements are about different {what}s",
                    where=f"{where}.{what}",
                    hint=f"ask the venues for statements with one {what}",
                )


def require_one_opening_each(
    statements: Sequence[PositionStatementDocument], openings: Sequence[PositionOpening]
) -> None:
    """Raise OpeningMismatch unless there are as many openings as statements, and some."""
    if not statements or len(statements) != len(openings):
        raise OpeningMismatch(
            "each position statement needs its opening", expected=f"{len(statements)} openings", got=len(openings)
        )


def private_columns(
    rules: RuleSet, openings: Sequence[PositionOpening], own: Mapping[str, object] | None = None
) -> dict[str, IntArray]:
    """The account of openings in ascending venue id, and of the prover's own columns: as both readings take it."""
    slices = [dict(opening.values()) | {CASH: [opening.cash]} for opening in openings]
    return stack_columns(rules, slices, own)


def stack_columns(
    rules: RuleSet, slices: Sequence[Mapping[str, Sequence[int]]], own: Mapping[str, object] | None = None
) -> dict[str, IntArray]:
    """Every private column over capacities, by name.

    ``slices``: per venue, in ascending venue id, the columns that it vouches for, each row-major over capacities (a
    shorter one is completed by zeros), ``cash`` one number. ``own``: exactly the columns ``from: prover``.
    Raises AccountInvalid where venues or columns are missing or too many, AmountRange, Capacity.
    """
    if len(slices) != rules.venues:
        raise AccountInvalid(
            "the rule set margins another number of venues",
            expected=f"{rules.venues} venues",
            got=len(slices),
            hint="give an account, or a statement with its opening, for each",
        )
    layout = PositionLayout.of(rules)
    found: dict[str, IntArray] = {}
    for column in (*layout.columns, *([] if layout.cash is None else [layout.cash])):
        if any(column.name not in given for given in slices):
            raise AccountInvalid(f"the account lacks `{column.name}`, which the rule set asks for")
        values: IntArray = np.array([column.complete(given[column.name]) for given in slices], dtype=object)
        found[column.name] = values.reshape(rules.shape(rules.columns[column.name].axes))
    return found | own_columns(rules, own or {})


def own_columns(rules: RuleSet, own: Mapping[str, object]) -> dict[str, Any]:
    """The columns that the prover chooses, checked by name: no other column can be passed for one.

    Raises AccountInvalid.
    """
    chosen = [column.name for column in rules.chosen]
    for name in own:
        if name in chosen:
            continue
        attested = name in {column.name for column in rules.attested}
        raise AccountInvalid(
            f"`{str(name)[:60]}` is not yours to choose" + (": a venue signs it" if attested else ""),
            where="own columns",
            expected=", ".join(chosen) or "none",
            hint="own columns are those that the rule set declares `from: prover`",
        )
    if missing := [name for name in chosen if name not in own]:
        raise AccountInvalid(
            f"the rule set lets you choose `{missing[0]}`, and it is not given",
            where="own columns",
            hint="give the columns `from: prover` (--own FILE)",
        )
    return {name: np.asarray(own[name], dtype=object) for name in chosen}
