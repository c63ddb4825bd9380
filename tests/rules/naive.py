"""An independent evaluator: the texts again, element by element, in fractions, over all padded rows."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import product

from zkmargin.circuits.rules import RuleSet
from zkmargin.circuits.rules.tree import Padding, Role
from zkmargin.margin.tables import Tables

Array = tuple[tuple[str, ...], dict[tuple[int, ...], Fraction]]


class Naive:
    """Evaluates expressions of a rule set on tables and an account; knows nothing of the compiler's tree."""

    def __init__(
        self,
        rules: RuleSet,
        tables: Tables,
        account: Mapping[str, object],
        definitions: Mapping[str, str],
        *,
        padded: bool = True,
    ) -> None:
        self.rules, self.tables, self.account = rules, tables, account
        self.definitions = dict(definitions)
        self.done: dict[str, Array] = {}
        self.sizes = {
            axis.name: axis.capacity if padded else tables.sizes.get(axis.name, axis.capacity)
            for axis in rules.axes.values()
        }

    def rows(self, axes: tuple[str, ...]) -> list[tuple[int, ...]]:
        return list(product(*(range(self.sizes[axis]) for axis in axes)))

    def column(self, name: str) -> Array:
        declared = self.rules.columns[name]
        if declared.role is Role.PRIVATE:
            held: object = self.account[name]
        elif declared.role is Role.PARAMETER:
            held = self.tables.parameters[name].values.tolist()
        else:
            held = self.tables.columns[name].values.tolist()
        values = {}
        for row in self.rows(declared.axes):
            element = held
            for axis, index in zip(declared.axes, row, strict=True):
                size = self.tables.sizes.get(axis, self.rules.axes[axis].capacity)
                if index >= size and self.rules.axes[axis].padding is Padding.ZERO:
                    element = 0
                    break
                element = element[min(index, size - 1)]  # type: ignore[index]
            values[row] = Fraction(element, 10**declared.decimals)  # type: ignore[call-overload]
        return declared.axes, values

    def group(self, label: str, row: int) -> int:
        fixed = self.rules.labels[label].fixed
        if fixed is not None:
            return fixed[row]
        indices = self.tables.labels[label].indices
        return indices[row] if row < len(indices) else -1

    def evaluate(self, text: str) -> Array:
        return self.visit(ast.parse(text, mode="eval").body)

    def broadcast(self, function: Callable[..., Fraction], *given: Array) -> Array:
        axes = tuple(axis for axis in self.rules.axes if any(axis in held for held, _ in given))
        values = {}
        for row in self.rows(axes):
            at = dict(zip(axes, row, strict=True))
            values[row] = function(*(held[tuple(at[axis] for axis in names)] for names, held in given))
        return axes, values

    def visit(self, node: ast.expr) -> Array:
        match node:
            case ast.Constant():
                return (), {(): Fraction(ast.unparse(node))}
            case ast.Name():
                if node.id in self.definitions:
                    if node.id not in self.done:
                        self.done[node.id] = self.evaluate(self.definitions[node.id])
                    return self.done[node.id]
                return self.column(node.id)
            case ast.UnaryOp():
                return self.broadcast(lambda x: -x, self.visit(node.operand))
            case ast.BinOp():
                left, right = self.visit(node.left), self.visit(node.right)
                functions: dict[type, Callable[..., Fraction]] = {
                    ast.Add: lambda x, y: x + y,
                    ast.Sub: lambda x, y: x - y,
                    ast.Mult: lambda x, y: x * y,
                    ast.Div: lambda x, y: x / y,
                }
                return self.broadcast(functions[type(node.op)], left, right)
            case ast.Call():
                return self.call(node)
        raise NotImplementedError(ast.dump(node))

    def call(self, node: ast.Call) -> Array:
        name = ast.unparse(node.func)
        given = [self.visit(argument) for argument in node.args]
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        if name in ROUNDING:
            unit = Fraction(1, 10 ** int(keywords.get("decimals", "0")))
            return self.broadcast(lambda *x: ROUNDING[name](unit, *x), *given)
        if name in ("step", "pick", "match", "value_at_risk", "expected_shortfall"):
            return self.along(name, given, keywords)
        if "over" in keywords:
            over = keywords["over"].strip("[]").replace(" ", "").split(",")
            return self.reduce({"sum": sum, "max": max, "min": min}[name], given[0], over)
        if name == "sum":
            return self.sum_by(given[0], keywords["by"])
        if name == "at":
            return self.at(given[0], keywords["by"])
        if name in ("max", "min"):
            return self.broadcast(max if name == "max" else min, *given)
        functions = {"positive": lambda x: x if x > 0 else Fraction(0), "abs": lambda x: -x if x < 0 else x}
        return self.broadcast(functions[name], given[0])

    def reduce(self, function: Callable[[list[Fraction]], Fraction | int], given: Array, over: list[str]) -> Array:
        axes, values = given
        left = tuple(axis for axis in axes if axis not in over)
        groups: dict[tuple[int, ...], list[Fraction]] = {}
        for row, value in values.items():
            kept = tuple(index for axis, index in zip(axes, row, strict=True) if axis in left)
            groups.setdefault(kept, []).append(value)
        return left, {row: Fraction(function(held)) for row, held in groups.items()}

    def along(self, name: str, given: list[Array], keywords: dict[str | None, str]) -> Array:
        """Built-ins that choose along an axis; their other axes broadcast."""
        over = keywords["over"].strip("[]").replace(" ", "").split(",")
        if name in ("value_at_risk", "expected_shortfall"):
            worst = Fraction(keywords["worst"])
            return self.reduce(lambda held: tail(name, sorted(held, reverse=True), worst), given[0], over)
        if name == "match":
            return self.match(given[0], given[1], over[0], Fraction(10) ** -int(keywords.get("decimals", "0")))
        axis = over[0]
        axes = tuple(a for a in self.rules.axes if a != axis and any(a in held for held, _ in given))
        values = {}
        for row in self.rows(axes):
            rows = [self.line(held, dict(zip(axes, row, strict=True)), axis) for held in given]
            values[row] = step(*rows) if name == "step" else pick(*rows)
        return axes, values

    def line(self, given: Array, at: dict[str, int], axis: str) -> list[Fraction]:
        """The elements along an axis at one place of the others; one that lacks the axis repeats."""
        names, values = given
        return [values[tuple(({**at, axis: index})[name] for name in names)] for index in range(self.sizes[axis])]

    def match(self, x: Array, ratio: Array, leg: str, unit: Fraction) -> Array:
        (row,) = set(ratio[0]) - set(x[0])
        axes = tuple(a for a in self.rules.axes if a != leg and a in x[0] + ratio[0])
        values = {}
        for place in self.rows(tuple(a for a in axes if a != row)):
            at = dict(zip((a for a in axes if a != row), place, strict=True))
            left = self.line(x, at, leg)
            for index in range(self.sizes[row]):
                ratios = self.line(ratio, {**at, row: index}, leg)
                formed = spread(left, ratios, unit)
                values[tuple(({**at, row: index})[a] for a in axes)] = formed
        return axes, values

    def sum_by(self, given: Array, label: str) -> Array:
        declared = self.rules.labels[label]
        axes, values = given
        new = tuple(a for a in self.rules.axes if a == declared.target or (a in axes and a != declared.axis))
        sums = dict.fromkeys(self.rows(new), Fraction(0))
        for row, value in values.items():
            at = dict(zip(axes, row, strict=True))
            at[declared.target] = self.group(label, at[declared.axis])
            if at[declared.target] >= 0:
                sums[tuple(at[axis] for axis in new)] += value
        return new, sums

    def at(self, given: Array, label: str) -> Array:
        declared = self.rules.labels[label]
        axes, values = given
        new = tuple(a for a in self.rules.axes if a == declared.axis or (a in axes and a != declared.target))
        found = {}
        for row in self.rows(new):
            at = dict(zip(new, row, strict=True))
            at[declared.target] = self.group(label, at[declared.axis])
            held = values[tuple(at[axis] for axis in axes)] if at[declared.target] >= 0 else Fraction(0)
            found[row] = held
        return new, found


def floor(_unit: Fraction, x: Fraction, u: Fraction) -> Fraction:
    return (x / u - (x / u) % 1) * u


def div(unit: Fraction, x: Fraction, y: Fraction) -> Fraction:
    return floor(Fraction(1), x / y, unit)


def ceil(unit: Fraction, x: Fraction, u: Fraction) -> Fraction:
    return -floor(unit, -x, u)


def nearest(unit: Fraction, x: Fraction, u: Fraction) -> Fraction:
    """The multiple of u with the smallest distance, the larger one of two."""
    below = floor(unit, x, u)
    return below if x - below < below + u - x else below + u


def root(unit: Fraction, x: Fraction) -> Fraction:
    """The largest multiple of the unit whose square is at most x, by bisection."""
    low, high = 0, 1
    while (high * unit) ** 2 <= x:
        high *= 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if (middle * unit) ** 2 <= x else (low, middle)
    return low * unit


ROUNDING: dict[str, Callable[..., Fraction]] = {
    "floor": floor,
    "ceil": ceil,
    "div": div,
    "sqrt": root,
    "nearest": nearest,
}


def step(x: list[Fraction], bound: list[Fraction], value: list[Fraction]) -> Fraction:
    for index in range(len(bound) - 1):
        if x[0] <= bound[index]:
            return value[index]
    return value[-1]


def pick(y: list[Fraction], score: list[Fraction]) -> Fraction:
    return y[score.index(max(score))]


def tail(name: str, falling: list[Fraction], worst: Fraction) -> Fraction:
    if name == "value_at_risk":
        return falling[int(worst) - 1]
    total, left = Fraction(0), worst
    for value in falling:
        total += min(left, Fraction(1)) * value
        left = max(left - 1, Fraction(0))
    return total / worst


def spread(left: list[Fraction], ratios: list[Fraction], unit: Fraction) -> Fraction:
    """What one row forms; ``left`` shrinks."""
    shares = [held / ratio for held, ratio in zip(left, ratios, strict=True) if ratio]
    if not shares or min(shares) * max(shares) <= 0:
        return Fraction(0)
    count = floor(Fraction(1), min(abs(share) for share in shares), unit)
    for leg, ratio in enumerate(ratios):
        left[leg] -= count * ratio * (1 if shares[0] > 0 else -1)
    return count
