"""One way to meet each refusal of chains and their evidence, for the table of errors. On a real block of Ethereum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chain_figures import accounts, figures, raw
from collateral_world import BASE, MAINNET, Root, opening
from stub_node import answering, serving

from zkmargin.attestations.chains.bitcoin import read_outputs
from zkmargin.attestations.chains.documents import Eip1186Evidence
from zkmargin.attestations.chains.evm import EvmReader
from zkmargin.attestations.chains.layouts import Layout, LayoutRegistry, SlotRule, require_apart
from zkmargin.attestations.chains.rpc import JsonRpc
from zkmargin.attestations.collateral.bundle import Bundle
from zkmargin.attestations.collateral.bundle_checks import read_balances
from zkmargin.attestations.collateral.documents import EIP1186, FINALIZED, Checkpoint
from zkmargin.attestations.evidence.header import read_header

BLOCK = figures("mainnet_21925176")
HEADER = read_header(raw(BLOCK["headerRlp"]), raw(BLOCK["blockHash"]))
CONTRACT, WALLET = accounts("mainnet_21925176")
HOLDER = f"{MAINNET}:0x{WALLET.address.hex()}"
VAULT = f"vault:{MAINNET}:0x{CONTRACT.address.hex()}"


def slot(meaning: Any, number: int, **changes: Any) -> SlotRule:
    return SlotRule(**{"meaning": meaning, "form": "solidity", "slot": number, "value": 0} | changes)


def native(chain: str = MAINNET) -> Layout:
    return Layout(name="native", asset=f"{chain}/slip44:60", custody="eoa", kind="native", code_hash=b"", slots=(),
                  receipt_of=())  # fmt: skip


def token(**changes: Any) -> Layout:
    fields: dict[str, Any] = {
        "name": "token", "asset": f"{MAINNET}/erc20:0x{CONTRACT.address.hex()}", "custody": "eoa", "kind": "erc20",
        "code_hash": CONTRACT.code_hash, "slots": (slot("balanceOf[account]", 0),), "receipt_of": (),
    }  # fmt: skip
    return Layout(**fields | changes)


def vault(**changes: Any) -> Layout:
    slots = (slot("balanceOf[account]", 0), slot("ownerOf[account]", 1), slot("lockUntil[account]", 2))
    return token(**{"name": "vault", "custody": VAULT, "kind": "vault", "slots": slots} | changes)


def block(**changes: Any) -> Checkpoint:
    fields: dict[str, Any] = {
        "chain": MAINNET, "block_number": HEADER.number, "block_hash": HEADER.block_hash,
        "state_root": HEADER.state_root, "block_time": HEADER.time, "finality": FINALIZED, "proof_kind": EIP1186,
    }  # fmt: skip
    return Checkpoint(**fields | changes)


def evidence(of: Any = WALLET, layout: str = "native", **changes: Any) -> Eip1186Evidence:
    fields: dict[str, Any] = {
        "chain": MAINNET, "header_rlp": raw(BLOCK["headerRlp"]), "address": of.address, "account_proof": of.proof,
        "nonce": of.nonce, "balance": of.balance, "storage_hash": of.storage_hash, "code_hash": of.code_hash,
        "storage": (), "layout": layout,
    }  # fmt: skip
    return Eip1186Evidence(**fields | changes)


def real_bundle(**changes: Any) -> Bundle:
    """One line of a real wallet's ether, with its real evidence; the line's fields can be changed."""
    line = opening(MAINNET, 0, 10, account=HOLDER).model_copy(update=changes)
    root = Root((line,), checkpoints=(block(),))
    registry = LayoutRegistry(layouts=(native(),))
    return Bundle(root.document(), root.openings, registry, {line.evidence: evidence()}, (), ())


def _locked() -> None:
    bundle = real_bundle(lock_until=5)
    read_balances(bundle, bundle.registry)


def _asked(results: Mapping[str, Any], refusal: str = "no", chain: str = MAINNET) -> None:
    with answering(results, refusal) as url:
        EvmReader(chain, url).confirm(block())


def _window() -> None:
    with answering({}, "missing trie node 56e8 (path ) <nil>") as url:
        JsonRpc(url).call("eth_getProof")


def _no_json() -> None:
    with serving(lambda _: b"<html>") as url:
        JsonRpc(url).call("eth_chainId")


def _stopped() -> None:
    with answering({}) as url:
        node = JsonRpc(url, timeout=2)
    node.call("eth_chainId")


CHAINS: Mapping[str, Callable[[], object]] = {
    "E_RPC": _stopped,
    "E_RPC_ANSWER": _no_json,
    "E_RPC_CHAIN_ID": lambda: _asked({"eth_chainId": "0xa"}),
    "E_RPC_PROOF_WINDOW": _window,
    "E_REORG": lambda: _asked({"eth_chainId": "0x1", "eth_getBlockByNumber": {"hash": "0x" + "11" * 32}}),
    "E_CHECKPOINT_CHAIN": lambda: evidence().reading(block(chain=BASE), native(BASE), HOLDER),
    "E_ADDRESS": lambda: evidence(CONTRACT).reading(block(), native(), HOLDER),
    "E_CODE_HASH": lambda: evidence(CONTRACT, "token").reading(block(), token(code_hash=bytes(32)), HOLDER),
    "E_LAYOUT_UNKNOWN": lambda: LayoutRegistry(layouts=(native(),)).find(f"{MAINNET}/slip44:60", VAULT),
    "E_CUSTODY_OVERLAP": lambda: require_apart([(vault(), HOLDER), (token(receipt_of=(VAULT,)), HOLDER)]),
    "E_LOCK_SLOT": _locked,
    "E_SPV": lambda: read_outputs(bytes(64)),
}
