"""Phase 6, side: which bound each use of a node asks for.     specs/rules.md#sides

The claim is ``denominator * equity >= numerator * requirement``: a lower equity or a higher requirement
never helps it. So requirements ask for an upper bound, equity for a lower one, and the demand travels down
the tree by the sign of what it is multiplied with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from zkmargin.circuits.rules.tree import (
    Abs,
    At,
    ColumnRef,
    LinearSum,
    Node,
    Product,
    Side,
    Sum,
    SumBy,
    Visibility,
    walk,
)


def demands(equity: Node, requirements: Iterable[Node]) -> dict[Node, Side]:
    """The joined demand on every private node below the claim, users before what they use."""
    roots = [(equity, Side.LOWER), *((node, Side.UPPER) for node in requirements)]
    nodes = list(walk(node for node, _ in roots))
    nodes.reverse()
    plain = _plain(node for node, _ in roots)
    asked: dict[Node, Side] = {}
    for node, side in roots:
        _ask(asked, node, side)
    for node in nodes:
        if node in asked:
            for child, side in _passed(node, asked[node], plain):
                _ask(asked, child, side)
    return {node: asked[node] for node in nodes if node in asked}


def _ask(asked: dict[Node, Side], node: Node, side: Side) -> None:
    if node.type.visibility is Visibility.PRIVATE:
        asked[node] = asked[node].join(side) if node in asked else side


def _passed(node: Node, side: Side, plain: set[Node]) -> Iterator[tuple[Node, Side]]:
    """What a demand on a node asks of its operands."""
    if isinstance(node, LinearSum):
        for factor, term in node.terms:
            yield term, side if factor > 0 else side.flip()
    elif isinstance(node, Product):
        yield from _product(node, side, plain)
    elif isinstance(node, Abs):
        yield node.x, Side.EXACT
    else:  # Sum, SumBy, At, Max, Positive are monotone
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


def _plain(roots: Iterable[Node]) -> set[Node]:
    """Nodes that are exact in the circuit whatever is asked: affine in the account's columns."""
    plain: set[Node] = set()
    for node in walk(roots):
        affine = isinstance(node, ColumnRef | LinearSum | Sum | SumBy | At | Product)
        if node.type.visibility is not Visibility.PRIVATE or (affine and plain.issuperset(node.children)):
            plain.add(node)
    return plain
