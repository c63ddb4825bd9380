"""What can go wrong between a node, the layout registry and a line."""

from __future__ import annotations

from zkmargin.errors import InputError, VerificationError

# --- nodes ----------------------------------------------------------------------------------------------------------


class RpcUnavailable(InputError):
    """A node does not answer, or not in time."""

    code = "E_RPC"
    advice = "check the node's address and that it runs; try again"


class RpcAnswer(InputError):
    """A node answers with something that is no answer to the question."""

    code = "E_RPC_ANSWER"
    advice = "use a node that follows the JSON-RPC specification of its chain"


class RpcChainId(InputError):
    """A node is of another chain than the configured one."""

    code = "E_RPC_CHAIN_ID"
    advice = "configure a node of this chain"


class RpcProofWindow(InputError):
    """A node no longer has the state of the block that is asked for."""

    code = "E_RPC_PROOF_WINDOW"
    advice = "use an archive node, widen its window (`--rpc.eth-proof-window`), or collect at the tip"


class Reorganised(VerificationError):
    """A checkpointed block is not the chain's block of that number."""

    code = "E_REORG"
    advice = "collect again, and publish once the block is finalized"


# --- lines and their evidence ---------------------------------------------------------------------------------------


class CheckpointChain(VerificationError):
    """Evidence of one chain stands for a line of another. Block hashes do not tell chains apart."""

    code = "E_CHECKPOINT_CHAIN"
    advice = "give evidence of the line's own chain, under that chain's checkpoint"


class EvidenceAddress(VerificationError):
    """Evidence is of another address than the one that holds the line's balance."""

    code = "E_ADDRESS"
    advice = "prove the contract that the layout names, or the account itself for the native coin"


class CodeHash(VerificationError):
    """A contract's code, or a proxy's implementation, is not the reviewed one."""

    code = "E_CODE_HASH"
    advice = "have the new code reviewed and its hash entered in the layout registry"


class LayoutUnknown(VerificationError):
    """The layout registry says nothing about this asset in this custody, or something else."""

    code = "E_LAYOUT_UNKNOWN"
    advice = "have the contract's storage layout reviewed and entered in the registry"


class CustodyOverlap(VerificationError):
    """Two lines stand for the same coins: a receipt token and its underlying, or one slot read twice."""

    code = "E_CUSTODY_OVERLAP"
    advice = "attest either the receipt token or what it stands for"


class LockMismatch(VerificationError):
    """A line's lock is not the one that evidence shows."""

    code = "E_LOCK_SLOT"
    advice = "take the lock from the vault's lock slot; only vaults lock"


class SpvInvalid(VerificationError):
    """A Bitcoin transaction is not shown to be in the chain of the checkpointed block, or is malformed."""

    code = "E_SPV"
    advice = "give the raw transaction, its Merkle branch, and all headers up to the checkpointed block"
