"""The private account in the circuit: range-checked columns, and the bases made of them.
specs/statement.md#account
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from zkmargin.circuits.arrays import Numbers, align, array_of, elementwise, places
from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.forms import Base, ColumnBase, OneBase, PositiveBase, RowForm
from zkmargin.circuits.gadgets.bits import Digits, decompose
from zkmargin.circuits.integers import Num, num_unchecked
from zkmargin.circuits.linear import ONE_WIRE, LinearCombination
from zkmargin.circuits.rules.tree import RuleSet
from zkmargin.circuits.signs import Signs


@dataclass
class Account:
    """Columns by name, with their digits; bases with the first of their wires in a row."""

    columns: Mapping[str, Numbers]
    digits: Mapping[str, Sequence[Digits]]
    bases: dict[Base, Numbers] = field(default_factory=dict)
    first_wires: dict[Base, int] = field(default_factory=dict)


def range_check_account(cs: ConstraintSystem, rules: RuleSet, signs: Signs) -> Account:
    """Constrain every element of every private column to its effective interval.

    Requires: the columns are declared as private inputs under their names.
    Ensures: columns with an interval; for signed ones the top digit is the sign.
    Cost: per element ``bits + 1`` constraints.
    """
    columns, digits = {}, {}
    with cs.scope("account"):
        for column in rules.private:
            shape = rules.shape(column.axes)
            checked = []
            for place, wire in zip(places(shape), cs.privates[column.name].wires, strict=True):
                value = num_unchecked(LinearCombination.of_wire(wire), column.lo, column.hi)  # the check follows
                checked.append(decompose(cs, value, column.lo, column.bits, f"{column.name}{place}"))
                if column.lo < 0:
                    signs.register(checked[-1])
            columns[column.name] = array_of((d.number for d in checked), shape)
            digits[column.name] = checked
    return Account(columns, digits)


def add_bases(cs: ConstraintSystem, rules: RuleSet, account: Account, bases: Sequence[Base], signs: Signs) -> None:
    """Give every base its wires in a row: exact functions of the columns.

    Cost: none for columns; one constraint per element of a product, of a positive part of a signed column;
    ``w + 3`` per element of a positive part of another form.
    """
    with cs.scope("bases"):
        for base in bases:
            _add_base(cs, rules, account, base, signs)


def _add_base(cs: ConstraintSystem, rules: RuleSet, account: Account, base: Base, signs: Signs) -> None:
    if base in account.bases:
        return
    shape = rules.shape(base.axes)
    if isinstance(base, OneBase):
        account.bases[base] = array_of([Num.constant(1)], ())
        account.first_wires[base] = ONE_WIRE
    elif isinstance(base, ColumnBase):
        account.bases[base] = account.columns[base.name]
        account.first_wires[base] = cs.privates[base.name].first
    elif isinstance(base, PositiveBase):
        inner = _form(cs, rules, account, base.form, base.axes, signs)
        first, parts = signs.positives(list(inner.reshape(-1)), str(base))
        account.bases[base] = array_of(parts, shape)
        account.first_wires[base] = first
    else:
        left = _form(cs, rules, account, base.left, base.axes, signs)
        right = _form(cs, rules, account, base.right, base.axes, signs)
        pairs = [(x.lc, y.lc) for x, y in zip(left.reshape(-1), right.reshape(-1), strict=True)]
        products = cs.products(pairs, str(base))
        bounds = elementwise(_product_interval, left, right)
        values = [num_unchecked(lc, b.lo, b.hi) for lc, b in zip(products, bounds.reshape(-1), strict=True)]
        for value in values:
            cs.require_integer(value)
        account.bases[base] = array_of(values, shape)
        (account.first_wires[base], *_) = products[0].terms


def _product_interval(x: Num, y: Num) -> Num:
    """A number that only carries the interval of ``x * y``."""
    ends = [a * b for a in (x.lo, x.hi) for b in (y.lo, y.hi)]
    return num_unchecked(LinearCombination({}), min(ends), max(ends))


def _form(
    cs: ConstraintSystem, rules: RuleSet, account: Account, form: RowForm, axes: Sequence[str], signs: Signs
) -> Numbers:
    for _, base in form.terms:
        _add_base(cs, rules, account, base, signs)
    return form_values(rules, account, form, axes)


def form_values(rules: RuleSet, account: Account, form: RowForm, axes: Sequence[str]) -> Numbers:
    """A row form over the given axes, from bases that exist: linear combinations, no constraint."""
    aligned = [align(rules, account.bases[base], base.axes, axes) for _, base in form.terms]
    factors = [factor for factor, _ in form.terms]
    return elementwise(lambda *values: Num.weighted(list(zip(factors, values, strict=True)), form.constant), *aligned)
