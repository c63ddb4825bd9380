"""Every built-in on random tables and accounts, and at its corners.

The plaintext reading equals an independent one in fractions over all padded rows; every value lies in its
interval; a prover who moves every bound as far as its side allows never gains.
"""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import Naive
from sample_calls import random_rules
from sample_rules import BOUNDED, random_account, random_tables

from zkmargin.circuits.rules import RuleSet, evaluate, evaluate_public, show_phase
from zkmargin.circuits.rules.plaintext import Reading
from zkmargin.circuits.rules.tree import Side, Visibility, walk
from zkmargin.margin.tables import Tables

SEEDS = st.integers(0, 10**9)


def case(seed: int) -> tuple[RuleSet, dict[str, str], Tables, dict[str, object], Random]:
    random = Random(seed)
    rules, texts = random_rules(random)
    tables = random_tables(rules, random)
    return rules, texts, tables, random_account(rules, tables, random), random


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_plaintext_equals_fractions_over_padded_rows(seed: int) -> None:
    rules, texts, tables, account, _ = case(seed)
    found = evaluate(rules, tables, account)
    naive = Naive(rules, tables, account, {})
    for name, text in texts.items():
        names, values = naive.evaluate(text)
        axes, denominator = found.axes[name], found.denominators[name]
        assert set(axes) <= set(names)
        for row, value in values.items():
            at = dict(zip(names, row, strict=True))
            if all(index < tables.sizes[axis] for axis, index in at.items()):
                expected = max(value, Fraction(0)) if name == "maintenance" else value
                element = found.values[name][tuple(at[axis] for axis in axes)]
                assert type(element) is int
                assert Fraction(element, denominator) == expected, text


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_every_value_lies_in_its_interval(seed: int) -> None:
    rules, _, tables, account, _ = case(seed)
    values = evaluate(rules, tables, account).nodes
    public = [node for node in values if node.type.visibility is not Visibility.PRIVATE]
    for found in (values, evaluate_public(rules, tables, public, padded=True)):
        for node, held in found.items():
            flat = held.ravel().tolist()
            assert node.type.lo <= min(flat), show_phase(rules.text, "", "bound")
            assert max(flat) <= node.type.hi, show_phase(rules.text, "", "bound")
            assert set(map(type, flat)) == {int}


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_moving_bounds_within_their_sides_never_helps(seed: int) -> None:
    rules, _, tables, account, random = case(seed)
    honest = evaluate(rules, tables, account)
    arrays: dict[str, Any] = {c.name: np.asarray(account[c.name], dtype=object) for c in rules.private}
    reading = Reading(rules, tables, arrays)
    for node in walk(rules.roots):
        values = reading.value(node)
        side = rules.sides.get(node, Side.EXACT)
        if isinstance(node, BOUNDED) and side is not Side.EXACT:
            moves = [random.choice((0, 0, 1, 100, 10**9)) for _ in range(values.size)]
            signed = (1 if side is Side.UPPER else -1) * np.array(moves, dtype=object).reshape(values.shape)
            values = np.asarray(values + signed, dtype=object)
        reading.found[node] = values
    scale = {name: honest.slack()[1] // honest.denominators[name] for name in ("equity", "maintenance")}
    requirement = reading.found[rules.requirements["maintenance"]]
    claimed = scale["equity"] * reading.found[rules.equity] - scale["maintenance"] * requirement
    assert np.all(claimed <= honest.slack()[0]), show_phase(rules.text, "", "side")
