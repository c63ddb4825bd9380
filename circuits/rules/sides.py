"""Phase 6, side: which bound each use of a node asks for.     specs/rules.md#sides

The claim is ``denominator * equity >= numerator * requirement``: a lower equity or a higher requirement
never helps it. So requirements ask for an upper bound, equity for a lower one, and the demand travels down
the tree by the sign of what it is multiplied with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from zkmargin.circuits.rules.tree import (
    Abs,
    At,
    ColumnRef,
    Condition,
    Div,
    LinearSum,
    Match,
    Nearest,
    Node,
    Pick,
    Product,
    Side,
    Step,
    Sum,
    SumBy,
    Visibility,
    direction,
    walk,
)


def demands(equity: Node, requirements: Iterable[Node], conditions: Sequence[Condition] = ()) -> dict[Node, Side]:
    """The joined demand on every private node below the claim, users before what they use.

    ``conditions`` are checked on the tables: they tell which values of a ``step`` rise or fall.
    """
    roots = [(equity, Side.LOWER), *((node, Side.UPPER) for node in requirements)]
    nodes = list(walk(node for node, _ in roots))
    nodes.reverse()
    plain = _plain(node for node, _ in roots)
    asked: dict[Node, Side] = {}
    for node, side in roots:
        _ask(asked, node, side)
    for node in nodes:
        if node in asked:
            for child, side in _passed(node, asked[node], plain, conditions):
                _ask(asked, child, side)
    return {node: asked[node] for node in nodes if node in asked}


def _ask(asked: dict[Node, Side], node: Node, side: Side) -> None:
    if node.type.visibility is Visibility.PRIVATE:
        asked[node] = asked[node].join(side) if node in asked else side


def _passed(node: Node, side: Side, plain: set[Node], conditions: Sequence[Condition]) -> Iterator[tuple[Node, Side]]:
    """What a demand on a node asks of its operands."""
    if isinstance(node, LinearSum):
        for factor, term in node.terms:
            yield term, side if factor > 0 else side.flip()
    elif isinstance(node, Product):
        yield from _product(node, side, plain)
    elif isinstance(node, Abs | Match):
        yield node.x, Side.EXACT
    elif isinstance(node, Nearest):
        yield from ((child, side) for child in node.read(side)[:1])
        yield from ((room, Side.UPPER) for room in node.read(side)[1:])
    elif isinstance(node, Div):
        yield node.x, side
        yield node.y, _divisor(node, side)
    elif isinstance(node, Step):
        rises = direction(conditions, node.value, node.axis)
        yield node.x, {1: side, -1: side.flip(), 0: Side.EXACT}[rises]
    elif isinstance(node, Pick):
        yield node.y, side
        yield node.score, Side.EXACT
    else:  # Sum, SumBy, At, Max, Positive, Sqrt, ValueAtRisk, ExpectedShortfall are monotone
        for child in node.children:
            yield child, side


def _product(node: Product, side: Side, plain: set[Node]) -> Iterator[tuple[Node, Side]]:
    left, right = node.left, node.right
    if left.type.visibility is not Visibility.PRIVATE:
        if left.type.lo >= 0:
            yield right, side
        elif left.type.hi <= 0:
            yield right, side.flip()
        else:
            yield right, Side.EXACT
        return
    # Private factors. Upper bounds of values >= 0 are >= 0 and multiply; a lower bound may be negative,
    # and two negative ones would multiply to more than the value, so one factor stays exact.
    if min(left.type.lo, right.type.lo) < 0 or left is right:
        sides = (Side.EXACT, Side.EXACT)
        if left is right and left.type.lo >= 0 and side is Side.UPPER:
            sides = (Side.UPPER, Side.UPPER)
    elif side is Side.LOWER:
        sides = (Side.LOWER, Side.EXACT) if right in plain else (Side.EXACT, Side.LOWER)
    else:
        sides = (side, side)
    yield left, sides[0]
    yield right, sides[1]


def _divisor(node: Div, side: Side) -> Side:
    """What a quotient asks of its divisor. A larger divisor pulls the quotient towards zero; a smaller one is never
    asked for, because a lower bound of a positive value may be zero or less.
    """
    towards_zero = (side is Side.LOWER and node.x.type.lo >= 0) or (side is Side.UPPER and node.x.type.hi <= 0)
    return Side.UPPER if towards_zero else Side.EXACT


def _plain(roots: Iterable[Node]) -> set[Node]:
    """Nodes that are exact in the circuit whatever is asked: affine in the account's columns."""
    plain: set[Node] = set()
    for node in walk(roots):
        affine = isinstance(node, ColumnRef | LinearSum | Sum | SumBy | At | Product)
        if node.type.visibility is not Visibility.PRIVATE or (affine and plain.issuperset(node.children)):
            plain.add(node)
    return plain
