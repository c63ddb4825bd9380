"""Mutants of a Python source: each differs from it in one place, as a slip of the hand would.

Operators: a comparison moved or negated; a condition negated, ``and`` for ``or``, an operand dropped; an integer moved
by one, a flag flipped; ``+`` for ``-`` and the like; two arguments swapped; an end of a range or slice moved by one; a
call, ``raise`` or ``return`` removed. What an error says is not mutated: only that it is raised.
"""

from __future__ import annotations

import ast
import copy
import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
COMMUTATIVE = ("max", "min")
"""Swapping their arguments changes nothing."""
COMPOUND = (ast.If, ast.For, ast.While, ast.With, ast.FunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Mutant:
    """``function``: its qualified name, empty where the change is outside functions. ``lines``: of the statement;
    ``extent``: with the body that it guards. ``node`` and ``choice`` say what is changed, and how."""

    file: str
    source: str
    node: int
    choice: int
    line: int
    lines: range
    extent: range
    function: str
    change: str
    code: str
    key: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.change}: {self.code}"

    def tree(self) -> ast.Module:
        """The mutated source."""
        tree = ast.parse(self.source)
        nodes = list(ast.walk(tree))
        node = nodes[self.node]
        _, new = _options(node)[self.choice]
        parent = next(parent for parent in nodes if any(child is node for child in ast.iter_child_nodes(parent)))
        _replace(parent, node, ast.copy_location(new, node))
        return ast.fix_missing_locations(tree)


def mutants(file: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a source, in the order of its nodes."""
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    parents = {child: node for node in nodes for child in ast.iter_child_nodes(node)}
    seen: dict[str, int] = {}
    for position, node in enumerate(nodes):
        chain = [node]
        while chain[-1] in parents:
            chain.append(parents[chain[-1]])
        if any(isinstance(outer, ast.Raise) for outer in chain[1:]) or _is_annotation(chain):
            continue
        for choice, (change, _) in enumerate(_options(node)):
            yield _describe(file, source, (position, choice), change, chain, seen)


Change = tuple[str, ast.AST]


def _options(node: ast.AST) -> list[Change]:
    match node:
        case ast.Compare():
            return [
                (f"{type(op).__name__} to {new.__name__}", _compare(node, index, new()))
                for index, op in enumerate(node.ops)
                for new in COMPARISONS[type(op)]
            ]
        case ast.BoolOp():
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            dropped = [node.values[:i] + node.values[i + 1 :] for i in range(len(node.values))]
            shorter = [rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest) for rest in dropped]
            return [("and/or", ast.BoolOp(other, node.values)), *(("operand dropped", rest) for rest in shorter)]
        case ast.UnaryOp(op=ast.Not()):
            return [("not dropped", node.operand)]
        case ast.Constant(value=bool()):
            return [("flag flipped", ast.Constant(not node.value))]
        case ast.Constant(value=int()):
            return [(f"constant {step:+}", ast.Constant(node.value + step)) for step in (1, -1)]
        case ast.BinOp() if type(node.op) in ARITHMETIC:
            new = ARITHMETIC[type(node.op)]
            return [(f"{type(node.op).__name__} to {new.__name__}", ast.BinOp(node.left, new(), node.right))]
        case ast.IfExp():
            return [("branches swapped", ast.IfExp(node.test, node.orelse, node.body))]
        case ast.Call():
            return _call(node)
        case ast.Slice():
            lower, upper = node.lower, node.upper
            moved = [] if upper is None or _literal(upper) else [ast.Slice(lower, _plus_one(upper), node.step)]
            moved += [] if lower is None or _literal(lower) else [ast.Slice(_plus_one(lower), upper, node.step)]
            return [("end moved", slice_) for slice_ in moved]
        case ast.If() | ast.While():
            negated = copy.copy(node)
            negated.test = ast.UnaryOp(ast.Not(), node.test)
            return [("condition negated", negated)]
        case ast.Raise():
            return [("raise removed", ast.Pass())]
        case ast.Expr(value=ast.Call()):
            return [("call removed", ast.Pass())]
        case ast.Return(value=ast.expr() as value) if not (_literal(value) and ast.unparse(value) == "None"):
            return [("nothing returned", ast.Return(ast.Constant(None)))]
        case _:
            return []


def _compare(node: ast.Compare, index: int, new: ast.cmpop) -> ast.Compare:
    return ast.Compare(node.left, [*node.ops[:index], new, *node.ops[index + 1 :]], node.comparators)


def _call(node: ast.Call) -> list[Change]:
    found: list[Change] = []
    plain = not any(isinstance(argument, ast.Starred) for argument in node.args)
    if plain and len(node.args) >= 2 and ast.unparse(node.func) not in COMMUTATIVE:
        first, second, *rest = node.args
        found.append(("arguments swapped", ast.Call(node.func, [second, first, *rest], node.keywords)))
    if plain and isinstance(node.func, ast.Name) and node.func.id == "range" and not _literal(node.args[-1]):
        found.append(("end moved", ast.Call(node.func, [*node.args[:-1], _plus_one(node.args[-1])], [])))
    return found


def _literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant)


def _plus_one(node: ast.expr) -> ast.expr:
    return ast.BinOp(node, ast.Add(), ast.Constant(1))


def _describe(
    file: str, source: str, place: tuple[int, int], change: str, chain: list[ast.AST], seen: dict[str, int]
) -> Mutant:
    """``seen`` counts the mutants of a text, so that a key outlives changes elsewhere in the file."""
    node, statement = chain[0], next(outer for outer in chain if isinstance(outer, ast.stmt))
    end = statement.end_lineno or statement.lineno
    definition = isinstance(statement, ast.FunctionDef | ast.ClassDef)
    last = statement.body[0].lineno - 1 if isinstance(statement, COMPOUND) else end
    lines = range(statement.lineno, max(statement.lineno, last) + 1)
    function, around = _function(chain)
    text = f"{file}\n{function}\n{ast.get_source_segment(source, around or statement)}"
    seen[text] = seen.get(text, -1) + 1
    return Mutant(
        file,
        source,
        *place,
        getattr(node, "lineno", statement.lineno),
        lines,
        lines if definition else range(statement.lineno, end + 1),
        function,
        change,
        " ".join((ast.unparse(node).partition("\n")[0]).split())[:90],
        hashlib.sha256(f"{text}\n{seen[text]}".encode()).hexdigest()[:24],
    )


def _is_annotation(chain: list[ast.AST]) -> bool:
    """Types of arguments and results bind nobody at run time; those of the fields of a model do."""
    for inner, outer in itertools.pairwise(chain):
        if isinstance(outer, ast.FunctionDef) and inner is outer.returns:
            return True
        if isinstance(outer, ast.arg):
            return True
        if isinstance(outer, ast.If) and ast.unparse(outer.test) in ("TYPE_CHECKING", "__name__ == '__main__'"):
            return True
    return False


def _function(chain: list[ast.AST]) -> tuple[str, ast.FunctionDef | None]:
    """The outermost function around a node of its body, and its qualified name."""
    names: list[str] = []
    for inner, outer in reversed(list(itertools.pairwise(chain))):
        if isinstance(outer, ast.ClassDef):
            names.append(outer.name)
        elif isinstance(outer, ast.FunctionDef):
            return (".".join([*names, outer.name]), outer) if inner in outer.body else ("", None)
    return "", None


def _replace(parent: ast.AST, old: ast.AST, new: ast.AST) -> None:
    for name, value in ast.iter_fields(parent):
        if value is old:
            setattr(parent, name, new)
        elif isinstance(value, list) and any(item is old for item in value):
            setattr(parent, name, [new if item is old else item for item in value])
