"""What the trader gets: own lines, their paths to the root, the signed root. Kept private; it shows every amount."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from zkmargin.attestations.collateral.documents import CollateralRootDocument, LeafOpening
from zkmargin.attestations.collateral.errors import CidDuplicate, CidMismatch, LeafOrder
from zkmargin.attestations.collateral.identifiers import compute_cid
from zkmargin.attestations.collateral.roots import leaf_of
from zkmargin.attestations.collateral.tree import Tree, root_of_path
from zkmargin.attestations.schema import FieldElement, Private, PrivateDocument, Sequence
from zkmargin.errors import Capacity, RootMismatch

Children = Annotated[tuple[FieldElement, ...], Sequence]


class ReceiptLine(Private):
    """One line and all eight children at each of the seven levels on the way up, the lowest first."""

    opening: LeafOpening
    path: Annotated[tuple[Children, ...], Sequence]


class CollateralReceipt(PrivateDocument):
    """``*.receipt.json``: one owner's lines under one root, by strictly ascending cid."""

    TYPE: ClassVar[str] = "zkmargin/collateral-receipt"
    LIMIT: ClassVar[int] = 1 << 24
    type: Literal["zkmargin/collateral-receipt"] = "zkmargin/collateral-receipt"
    version: Literal["1"] = "1"
    owner: FieldElement
    lines: Annotated[tuple[ReceiptLine, ...], Sequence]
    root: CollateralRootDocument

    def require_consistent(self) -> None:
        """Raise unless every line is the owner's, is what its id and leaf say, and is under the root.

        Who signed the root is judged by ``require_root``. Raises CidMismatch, CidDuplicate, LeafOrder, RootMismatch.
        """
        last = -1
        for number, line in enumerate(self.lines):
            where, opening = f"lines[{number}]", line.opening
            cid = compute_cid(opening.chain, opening.account, opening.asset, opening.custody, opening.note)
            if (opening.owner, opening.cid, opening.leaf) != (self.owner, cid, leaf_of(opening).digest):
                raise CidMismatch("owner, id or leaf are not those of the line", where=where)
            if cid <= last:
                raise (CidDuplicate if cid == last else LeafOrder)("cids do not rise", where=where)
            last = cid
            try:
                found = root_of_path(opening.leaf, opening.index, line.path)
            except Capacity as error:
                raise RootMismatch(error.message, where=f"{where}.path") from None
            if found != self.root.root.root:
                raise RootMismatch("the path leads to another root", where=f"{where}.path")


def make_receipts(root: CollateralRootDocument, lines: tuple[LeafOpening, ...], tree: Tree) -> list[CollateralReceipt]:
    """One receipt for each owner of a line, by ascending owner."""
    owners: dict[int, list[ReceiptLine]] = {}
    for line in lines:
        owners.setdefault(line.owner, []).append(ReceiptLine(opening=line, path=tree.path(line.index)))
    return [CollateralReceipt(owner=owner, lines=tuple(held), root=root) for owner, held in sorted(owners.items())]
