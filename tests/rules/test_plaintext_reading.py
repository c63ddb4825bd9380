"""Random rule sets on random tables and accounts.

The plaintext reading equals an independent one in fractions over all padded rows; every value lies in its
interval; a prover who moves every bound as far as its side allows never gains; one text gives one tree.
"""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import Array, Naive
from sample_rules import random_account, random_tables, rules_of, sample

from zkmargin.circuits.rules import RuleProblems, RuleSet, evaluate, parse_rules, show_phase
from zkmargin.circuits.rules.plaintext import Reading
from zkmargin.circuits.rules.tree import Abs, Max, Positive, Side, walk
from zkmargin.margin.tables import Tables

MONEY: list[tuple[str, str]] = [
    # expressions in usd, and their axes
    ("cash", ""),
    ("size * price", "i"),
    ("held * price", "i"),
    ("positive(-size) * price", "i"),
    ("size * pnl", "is"),
    ("sum(size * pnl, over=i)", "s"),
    ("sum(size * price, by=group)", "g"),
    ("sum(size + held, by=group) * fee", "g"),
    ("at(sum(size, by=group) * fee, by=group)", "i"),
    ("cut", "t"),
    ("cash * rate", "t"),
    ("0", ""),
    ("at(fee, by=group) * held", "i"),
]
FACTORS: list[tuple[str, str]] = [
    ("factor", ""),
    ("tilt", ""),
    ("weight", "i"),
    ("swing", "s"),
    ("rate", "t"),
    ("lever", ""),
    ("bias", ""),
    ("abs(bias)", ""),
    ("(1 - weight)", "i"),
    ("max(swing, tilt)", "s"),
    ("3", ""),
    ("-0.25", ""),
    ("(lever - bias)", ""),
    ("sum(1 + 0 * weight, by=group)", "g"),
]


def expression(random: Random, depth: int, known: list[tuple[str, str]]) -> tuple[str, str]:
    """A random expression in usd with its axes; of the right types, perhaps refused for its padding."""
    if depth == 0 or random.random() < 0.1:
        return random.choice(MONEY + known)
    x, axes = expression(random, depth - 1, known)
    match random.randrange(12):
        case 0 | 1 | 2:
            y, more = expression(random, depth - 1, known)
            return f"({x} {random.choice('+-')} {y})", axes + more
        case 3:
            return f"-({x})", axes
        case 4:
            return f"({x}) / {random.choice((2, 3, 7))}", axes
        case 5 | 6:
            factor, more = random.choice(FACTORS)
            return random.choice((f"({x}) * {factor}", f"{factor} * ({x})")), axes + more
        case 7 | 8:
            y, more = expression(random, depth - 1, known)
            zero = random.choice(("", ", 0"))
            return f"{random.choice(('max', 'min'))}({x}, {y}{zero})", axes + more
        case 9:
            return f"{random.choice(('positive', 'abs'))}({x})", axes
        case _:
            return reduced(random, x, axes)


def reduced(random: Random, x: str, axes: str) -> tuple[str, str]:
    """One axis less, if there is one."""
    if not axes:
        return x, axes
    axis = random.choice(axes)
    left = axes.replace(axis, "")
    if axis == "i" and "g" not in axes and random.random() < 0.4:
        return f"sum({x}, by=group)", left + "g"
    names = {"i": ("sum",), "g": ("sum",), "s": ("sum", "max", "min"), "t": ("max", "min")}[axis]
    return f"{random.choice(names)}({x}, over={axis})", left


def random_rules(random: Random) -> tuple[RuleSet, dict[str, str]]:
    """An accepted rule set of random expressions, and its texts by name."""
    while True:
        texts: dict[str, str] = {}
        known: list[tuple[str, str]] = []
        for name in ("a", "b", "c"):
            texts[name], axes = expression(random, random.randrange(1, 4), known)
            known.append((name, axes))
        for name in ("equity", "maintenance"):
            text, axes = expression(random, 2, known[-2:])
            while axes:
                text, axes = reduced(random, text, axes)
            texts[name] = text
        definitions = {name: text for name, text in texts.items() if len(name) == 1}
        try:
            quoted = {name: f"({text})" for name, text in texts.items()}
            source = sample({name: quoted[name] for name in definitions}, quoted["equity"], quoted["maintenance"])
            return parse_rules(source.encode()), texts
        except RuleProblems as refused:
            if {problem.kind for problem in refused.problems} != {"pad"}:
                raise


def case(seed: int) -> tuple[RuleSet, dict[str, str], Tables, dict[str, object], Random]:
    random = Random(seed)
    rules, texts = random_rules(random)
    tables = random_tables(rules, random)
    return rules, texts, tables, random_account(rules, tables, random), random


SEEDS = st.integers(0, 10**9)


@settings(max_examples=80, deadline=None)
@given(SEEDS)
def test_plaintext_equals_fractions_over_padded_rows(seed: int) -> None:
    rules, texts, tables, account, _ = case(seed)
    found = evaluate(rules, tables, account)
    naive = Naive(rules, tables, account, {name: text for name, text in texts.items() if len(name) == 1})
    for name, text in texts.items():
        axes, values = naive.evaluate(text)
        if name == "maintenance":
            axes, values = naive.broadcast(lambda x: max(x, Fraction(0)), (axes, values))
        compare(name, found.values[name], found.axes[name], found.denominators[name], (axes, values), tables)
    equity, maintenance = (naive.evaluate(texts[name])[1][()] for name in ("equity", "maintenance"))
    for numerator, denominator in ((1, 1), (5, 4)):
        expected = denominator * equity >= numerator * max(maintenance, Fraction(0))
        assert found.holds("maintenance", numerator, denominator) == expected


def compare(name: str, got: Any, axes: tuple[str, ...], denominator: int, expected: Array, tables: Tables) -> None:
    """Equal on every active row; an axis that cancelled out of the tree has the same value in every row."""
    names, values = expected
    assert set(axes) <= set(names), name
    for row, value in values.items():
        at = dict(zip(names, row, strict=True))
        if all(index < tables.sizes[axis] for axis, index in at.items()):
            element = got[tuple(at[axis] for axis in axes)]
            assert type(element) is int
            assert Fraction(element, denominator) == value, name


@settings(max_examples=80, deadline=None)
@given(SEEDS)
def test_every_value_lies_in_its_interval(seed: int) -> None:
    rules, _, tables, account, _ = case(seed)
    for node, values in evaluate(rules, tables, account).nodes.items():
        flat = values.ravel().tolist()
        assert node.type.lo <= min(flat), show_phase(rules.text, "", "bound")
        assert max(flat) <= node.type.hi, show_phase(rules.text, "", "bound")
        assert set(map(type, flat)) == {int}


@settings(max_examples=80, deadline=None)
@given(SEEDS)
def test_a_prover_who_moves_bounds_never_gains(seed: int) -> None:
    rules, _, tables, account, random = case(seed)
    honest = evaluate(rules, tables, account)
    arrays = {c.name: np.asarray(account[c.name], dtype=object) for c in rules.private}
    reading = Reading(rules, tables, arrays)
    found, moved = reading.found, False
    for node in walk(rules.roots):
        values = reading.value(node)
        side = rules.sides.get(node, Side.EXACT)
        if isinstance(node, Max | Positive | Abs) and side is not Side.EXACT:
            sign = 1 if side is Side.UPPER else -1
            sizes = [random.choice((0, 1, 1000, 10**9)) for _ in range(values.size)]
            moves = np.array(sizes, dtype=object).reshape(values.shape)
            values, moved = np.asarray(values + sign * moves, dtype=object), True
        found[node] = values
    scale = {name: honest.slack()[1] // honest.denominators[name] for name in ("equity", "maintenance")}
    claimed = scale["equity"] * found[rules.equity] - scale["maintenance"] * found[rules.requirements["maintenance"]]
    assert np.all(claimed <= honest.slack()[0]) or not moved


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_one_text_gives_one_tree(seed: int) -> None:
    rules, *_ = case(seed)
    for phase in ("parse", "resolve", "type", "bound", "side"):
        assert show_phase(rules.text, "x", phase) == show_phase(rules.text, "x", phase)


def test_the_tree_does_not_depend_on_the_hash_seed() -> None:
    import hashlib
    import os
    import subprocess
    import sys

    code = (
        "import hashlib; from zkmargin.circuits.rules import *; r = load_rules('deribit_pm');"
        "print(hashlib.sha256(''.join(show_phase(r.text, r.file, p) for p in PHASES).encode()).hexdigest())"
    )
    digests = set()
    for seed in ("0", "1", "77"):
        run = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(run.stdout)
    assert len(digests) == 1
    assert len(digests.pop().strip()) == hashlib.sha256().digest_size * 2


@pytest.mark.parametrize("seed", range(5))
def test_capacity_rows_and_active_rows_agree(seed: int) -> None:
    random = Random(seed)
    rules = rules_of(equity="cash + sum(size * price, over=i)", maintenance="sum(abs(size) * price, over=i)")
    tables = random_tables(rules, random)
    account = random_account(rules, tables, random)
    padded = dict(account)
    for name in ("size", "held"):
        column: Any = account[name]
        padded[name] = column + [0] * (5 - len(column))
    short, long = evaluate(rules, tables, account), evaluate(rules, tables, padded)
    assert short.slack()[0].tolist() == long.slack()[0].tolist()
