"""Rule sets in specs/rules/, and methodologies in published/ that are to become some, read as their text says.

On random tables and accounts the plaintext reading equals an independent evaluation of the file's expressions
in fractions, and every value lies in its interval.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from random import Random

import pytest
import yaml
from naive import Naive
from sample_rules import random_account, random_tables

from zkmargin.circuits.rules import PHASES, RuleSet, evaluate, list_rules, load_rules, show_phase
from zkmargin.circuits.rules.tree import Padding
from zkmargin.margin.tables import Column, Label, Tables

RULES = [*list_rules(), *map(str, sorted((Path(__file__).parent / "published").glob("*.yaml")))]
ROWS = 3
"""Active rows of padded axes: fractions are slow."""


def first_rows(rules: RuleSet, tables: Tables) -> Tables:
    """The tables with at most ROWS active rows along padded axes."""
    sizes = {
        axis: size if rules.axes[axis].padding is Padding.NONE else min(size, ROWS)
        for axis, size in tables.sizes.items()
    }

    def cut(column: Column) -> Column:
        rows = tuple(slice(0, sizes[axis]) for axis in column.axes)
        return Column.of(column.name, column.axes, column.decimals, column.values[rows])

    labels = {
        name: Label(
            name,
            label.axis,
            label.target,
            tuple(group if group < sizes[label.target] else -1 for group in label.indices[: sizes[label.axis]]),
        )
        for name, label in tables.labels.items()
    }
    names = {axis: held[: sizes[axis]] for axis, held in tables.names.items()}
    columns = {name: cut(column) for name, column in tables.columns.items()}
    return Tables(sizes, names, columns, labels, tables.parameters)


@pytest.mark.parametrize("name", RULES, ids=lambda name: Path(name).stem)
def test_every_phase_shows(name: str) -> None:
    rules = load_rules(name)
    assert rules.name == Path(name).stem
    for phase in PHASES:
        assert show_phase(rules.text, rules.file, phase)


@pytest.mark.parametrize("name", RULES, ids=lambda name: Path(name).stem)
def test_it_reads_as_its_text_says(name: str) -> None:
    rules = load_rules(name)
    text = yaml.safe_load(rules.text)
    random = Random(Path(name).stem)
    for _ in range(3):
        tables = first_rows(rules, random_tables(rules, random))
        account = random_account(rules, tables, random)
        found = evaluate(rules, tables, account)
        naive = Naive(rules, tables, account, text.get("define", {}), padded=False)
        for what, expression in {"equity": text["equity"], **text["requirements"]}.items():
            names, values = naive.evaluate(str(expression))
            axes, denominator = found.axes[what], found.denominators[what]
            for row, value in values.items():
                at = dict(zip(names, row, strict=True))
                expected = value if what == "equity" else max(value, Fraction(0))
                assert Fraction(found.values[what][tuple(at[axis] for axis in axes)], denominator) == expected
        for node, held in found.nodes.items():
            assert node.type.lo <= min(held.ravel().tolist())
            assert max(held.ravel().tolist()) <= node.type.hi
