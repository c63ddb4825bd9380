"""What the harness needs to know of a shipped rule set: markets and accounts that look like real ones."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random

import numpy as np

from zkmargin.circuits.rules import RuleSet, evaluate, load_rules
from zkmargin.margin.tables import Tables

Account = dict[str, object]


@dataclass(frozen=True)
class RuleWorld:
    """A rule set by name, with ``market(random)`` and ``account(random, tables)`` as a venue would have them.

    An account has every private column: whole numbers of its last decimal, over the active rows. ``lever``: an
    element of a private column in which equity less requirement strictly rises. ``concave``: it is concave in all
    private columns together, up to ``grain`` (in the unit of equity) where rules round; if False, some midpoint shows
    that it is not, among random ones or as ``bent(random)`` gives them: tables, two accounts. ``tight``: the honest
    prover's equity and requirement are the exact ones.
    ``bad_tables``: words of the refusal, and what to do to tables to be refused with them.
    """

    rules: str
    market: Callable[[Random], Tables]
    account: Callable[[Random, Tables], Account]
    concave: bool
    lever: tuple[str, tuple[int, ...]] = ("cash", ())
    grain: float = 0
    bent: Callable[[Random], tuple[Tables, Account, Account]] | None = None
    tight: bool = True
    bad_tables: Mapping[str, Callable[[Tables], Tables]] = field(default_factory=dict)

    @property
    def rule_set(self) -> RuleSet:
        """The rule set itself."""
        return _rules(self.rules)

    def with_lever(self, account: Mapping[str, object], value: int) -> Account:
        """The account with another value at the lever."""
        name, place = self.lever
        if not place:
            return {**account, name: value}
        column = np.array(account[name], dtype=object)
        column[place] = value
        return {**account, name: column}

    def boundary(self, tables: Tables, account: Mapping[str, object], kind: str, num: int, den: int) -> int | None:
        """The least value of the lever with which the claim holds; None where none does, or all do."""
        column = self.rule_set.columns[self.lever[0]]

        def holds(value: int) -> bool:
            return evaluate(self.rule_set, tables, self.with_lever(account, value)).holds(kind, num, den)

        fails, held = column.lo, column.hi
        if holds(fails) or not holds(held):
            return None
        while held - fails > 1:
            middle = (held + fails) // 2
            fails, held = (fails, middle) if holds(middle) else (middle, held)
        return held


@cache
def _rules(name: str) -> RuleSet:
    return load_rules(name)


def all_worlds() -> dict[str, RuleWorld]:
    """The worlds of every ``worlds_*.py`` beside this file, by rule set."""
    found: dict[str, RuleWorld] = {}
    for path in sorted(Path(__file__).parent.glob("worlds_*.py")):
        for world in importlib.import_module(path.stem).WORLDS:
            if world.rules in found:
                raise ValueError(f"two worlds of {world.rules}")
            found[world.rules] = world
    return found
