"""Which reader a chain has."""

from __future__ import annotations

from zkmargin.attestations.chains.bitcoin_core import BitcoinReader
from zkmargin.attestations.chains.evm import EvmReader
from zkmargin.attestations.chains.reader import ChainReader
from zkmargin.attestations.chains.solana import SolanaReader
from zkmargin.attestations.collateral.identifiers import EIP155
from zkmargin.errors import UsageWrong


def open_chain(chain: str, url: str) -> ChainReader:
    """A reader of a CAIP-2 chain through a node. Raises UsageWrong where no reader knows the chain."""
    if chain.startswith(f"{EIP155}:"):
        return EvmReader(chain, url)
    if chain.startswith("solana:"):
        return SolanaReader(chain, url)
    if chain.startswith("bip122:"):
        return BitcoinReader(chain, url)
    raise UsageWrong("no reader of this chain", where="chains", got=chain, expected="eip155, bip122 or solana")
