"""What the attestor asks of any chain, with state proofs or without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from zkmargin.attestations.chains.documents import Evidence
from zkmargin.attestations.chains.layouts import Layout
from zkmargin.attestations.collateral.documents import Checkpoint


@dataclass(frozen=True)
class Holding:
    """An account whose balance is read as a layout says."""

    layout: Layout
    account: str


class ChainReader(Protocol):
    """Reads one chain through one node. All raise RpcUnavailable, RpcAnswer, RpcChainId."""

    chain: str

    def tip(self) -> Checkpoint:
        """The newest block, with finality as it is now."""

    def confirm(self, checkpoint: Checkpoint) -> Checkpoint:
        """The same block with finality as it is now.

        Raises Reorganised where the chain has another block of that number, or the checkpoint says another thing.
        """

    def read(self, holdings: Sequence[Holding], checkpoint: Checkpoint) -> list[Evidence]:
        """Evidence of each holding at the checkpointed block. Raises RpcProofWindow."""
