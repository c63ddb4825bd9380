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
        self, rules: RuleSet, tables: Tables, account: Mapping[str, object], definitions: Mapping[str, str]
    ) -> None:
        self.rules, self.tables, self.account = rules, tables, account
        self.definitions = dict(definitions)

    def rows(self, axes: tuple[str, ...]) -> list[tuple[int, ...]]:
        return list(product(*(range(self.rules.axes[axis].capacity) for axis in axes)))

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
                size = self.tables.sizes[axis]
                if index >= size and self.rules.axes[axis].padding is Padding.ZERO:
                    element = 0
                    break
                element = element[min(index, size - 1)]  # type: ignore[index]
            values[row] = Fraction(element, 10**declared.decimals)  # type: ignore[call-overload]
        return declared.axes, values

    def group(self, label: str, row: int) -> int:
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
                    return self.evaluate(self.definitions[node.id])
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
