"""A tree that lines are changed in, put into and taken from, by their cids, without hashing the rest again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise

from zkmargin.attestations.collateral.errors import CidDuplicate, LeafOrder
from zkmargin.attestations.collateral.tree import Leaf, Tree, hash_leaves
from zkmargin.attestations.faults import Report, stop
from zkmargin.errors import Capacity


class LineTree:
    """Lines by strictly ascending cid, and the tree over them.

    A leaf does not hold its place, so no other line is hashed again when one comes or goes. Nodes are: above a line
    that changed in place the seven on its way up; behind one that came or went all, a seventh of the lines that follow.
    A batch costs no more than its first insertion: give all changes of a root at once.
    """

    def __init__(self, lines: Sequence[Leaf] = ()) -> None:
        """``lines``: by strictly ascending cid. Raises CidDuplicate, LeafOrder, Capacity, FieldRange."""
        self.tree = Tree(())
        self._place: dict[int, int] = {}
        self.change(lines)

    def __len__(self) -> int:
        return len(self._place)

    @property
    def cids(self) -> tuple[int, ...]:
        """Of all lines, in the order of the leaves."""
        return tuple(self._place)

    def place(self, cid: int) -> int:
        """The index of a line's leaf. Raises Capacity where there is none."""
        if cid not in self._place:
            raise Capacity("no such line", where="tree")
        return self._place[cid]

    def change(self, lines: Sequence[Leaf], removed: Collection[int] = ()) -> None:
        """Put in lines, in place of those with their cids where there are such, and take out those of ``removed``.

        ``lines``: by strictly ascending cid. Nothing is changed where something is refused. Raises CidDuplicate,
        LeafOrder, Capacity (no such line, no room), FieldRange.
        """
        require_ascending([line.cid for line in lines], "lines")
        out = {cid: self.place(cid) for cid in removed}
        if any(line.cid in out for line in lines):
            raise CidDuplicate("one line is both put in and taken out", where="removed")
        digests = dict(zip((line.cid for line in lines), hash_leaves(lines), strict=True))
        if not out and digests.keys() <= self._place.keys():
            self.tree.update({self._place[cid]: digest for cid, digest in digests.items()})
            return
        leaves = dict(zip(self._place, self.tree.leaves, strict=True)) | digests
        ordered = sorted(leaves.keys() - out.keys())
        self.tree.replace([leaves[cid] for cid in ordered])
        self._place = {cid: at for at, cid in enumerate(ordered)}


def require_ascending(cids: Iterable[int], what: str, report: Report = stop) -> None:
    """Raise unless cids rise strictly. Raises CidDuplicate, LeafOrder."""
    for at, (cid, following) in enumerate(pairwise(cids)):
        if cid == following:
            report(CidDuplicate("one line twice", where=f"{what}[{at + 1}]"))
        if cid > following:
            report(LeafOrder("lines are not in order", where=f"{what}[{at + 1}]"))
