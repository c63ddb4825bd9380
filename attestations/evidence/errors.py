"""What can be wrong with evidence. All are refusals: a proof of other content, a message that nobody signed."""

from __future__ import annotations

from zkmargin.errors import VerificationError

# --- Merkle-Patricia proofs -----------------------------------------------------------------------------------------


class ProofEmpty(VerificationError):
    """A state proof has no nodes, under a root that is not the empty trie's."""

    code = "E_PROOF_EMPTY"
    advice = "ask the node for the proof again, at a block whose state it has"


class ProofTruncated(VerificationError):
    """A state proof ends before its path does."""

    code = "E_PROOF_TRUNCATED"
    advice = "ask the node for the whole proof"


class ProofExtra(VerificationError):
    """A state proof has nodes that its path does not use."""

    code = "E_PROOF_EXTRA"
    advice = "give exactly the nodes from the root to the leaf, in that order"


class NodeHash(VerificationError):
    """A node of a state proof is not the one that its parent, or the root, names."""

    code = "E_NODE_HASH"
    advice = "the proof is of another root, or its nodes were altered or are out of order"


class NodeRlp(VerificationError):
    """A node of a state proof is not canonical RLP."""

    code = "E_NODE_RLP"
    advice = "the node was altered, or is not of a Merkle-Patricia trie"


class NodeShape(VerificationError):
    """A node of a state proof is no branch, extension or leaf that a trie of hashed keys can have."""

    code = "E_NODE_SHAPE"
    advice = "the node was altered, or is not of a state or storage trie"


class NodeFlag(VerificationError):
    """The path of a leaf or extension begins with a flag that does not exist."""

    code = "E_NODE_FLAG"
    advice = "the node was altered: flags are 0 to 3, and even paths have a zero nibble after them"


# --- accounts and headers -------------------------------------------------------------------------------------------


class HeaderHash(VerificationError):
    """A block header does not hash to the block hash that was signed."""

    code = "E_HEADER_HASH"
    advice = "carry the raw header bytes of the checkpointed block, as the node returned them"


class HeaderRlp(VerificationError):
    """A block header is malformed, or says something else than the checkpoint."""

    code = "E_HEADER_RLP"
    advice = "carry the raw header bytes of the checkpointed block, as the node returned them"


class AccountMismatch(VerificationError):
    """Nonce, balance, storage root or code hash are not what the state proof says."""

    code = "E_ACCOUNT_MISMATCH"
    advice = "state what the proof proves: evidence is compared field by field"


class SlotKeys(VerificationError):
    """The storage slots of an evidence are not those that the layout asks for, in that order."""

    code = "E_SLOT_KEYS"
    advice = "prove exactly the slots that the layout registry names for this account"


class StorageValue(VerificationError):
    """A storage value is not the one that the state proof says."""

    code = "E_STORAGE_VALUE"
    advice = "state what the proof proves: an absent slot is zero"


# --- prices ---------------------------------------------------------------------------------------------------------


class PriceFormat(VerificationError):
    """An oracle's message is malformed."""

    code = "E_PRICE_FORMAT"
    advice = "carry the oracle's message as it was published, byte for byte"


class PriceTrailing(VerificationError):
    """An oracle's message has bytes behind its end, which nobody signed."""

    code = "E_PRICE_TRAILING"
    advice = "cut what follows the message"


class PriceQuorum(VerificationError):
    """An oracle's message was not signed by enough of the signers that count."""

    code = "E_PRICE_QUORUM"
    advice = "wait for a message with enough signatures, or compare the signers with the policy"


class PriceSigner(VerificationError):
    """A signer of an oracle's message is not one of those that count, or the signed content was altered."""

    code = "E_PRICE_SIGNER"
    advice = "use messages of the signers that the policy lists, unaltered"


class GuardianSet(VerificationError):
    """A Pyth update was signed by another guardian set than the policy's."""

    code = "E_PRICE_GUARDIAN_SET"
    advice = "update the policy where the guardians rotated, or use a current update"


class PriceMerkle(VerificationError):
    """A price is not under the Merkle root that the guardians signed."""

    code = "E_PRICE_PROOF"
    advice = "the price was altered, or belongs to another update"


class PriceMissing(VerificationError):
    """A message has no price of the feed that was asked for."""

    code = "E_PRICE_MISSING"
    advice = "carry a message that contains this feed"


class PriceConfidence(VerificationError):
    """A price's confidence interval is wider than the policy allows, or the price is not positive."""

    code = "E_PRICE_CONF"
    advice = "wait for a market in which the oracle is sure of itself"


class PriceTimestamps(VerificationError):
    """The packages of one message are not of one time."""

    code = "E_PRICE_TIMESTAMPS"
    advice = "use packages of one round"


class PriceEvidenceMismatch(VerificationError):
    """The evidence of prices is not the one that the snapshot commits to."""

    code = "E_PRICE_EVIDENCE"
    advice = "take the evidence that was published with this snapshot"


class PriceFeed(VerificationError):
    """The evidence reads a price from another feed, or in other units, than the verifier's rules do."""

    code = "E_PRICE_FEED"
    advice = "the verifier's rules say which feed stands for which price: publish with the same ones"


class PriceCellMissing(VerificationError):
    """The tables have no such price."""

    code = "E_PRICE_CELL"
    advice = "name a column with one axis, and one of its rows, as the tables do"


class PriceDiffers(VerificationError):
    """A price of the tables is not the one that its evidence gives."""

    code = "E_PRICE_TABLE"
    advice = "build the tables from the evidence, in the rounding that the rules name"


class PriceDisagreement(VerificationError):
    """Two oracles give prices that are too far apart."""

    code = "E_PRICE_DISAGREE"
    advice = "wait until the oracles agree, or find out which of them is wrong"
