"""What can be wrong with collateral: roots, leaves, checkpoints, bindings, allocations.        ATTESTATION §3"""

from __future__ import annotations

from zkmargin.errors import InputError, VerificationError

# --- roots ----------------------------------------------------------------------------------------------------------


class AttestorSetMismatch(VerificationError):
    """A root was signed by another attestor set than the policy's."""

    code = "E_ATTESTOR_SET"
    advice = "where the attestors rotated, update the policy"


class RootExpired(VerificationError):
    """A collateral root has expired."""

    code = "E_ROOT_EXPIRED"
    advice = "take the attestors' latest root"


class RootNotYetValid(VerificationError):
    """A collateral root is from the future."""

    code = "E_ROOT_NOT_YET_VALID"
    advice = "check the clocks of the attestors and of this machine"


class RootRevoked(VerificationError):
    """A collateral root was revoked by its attestors."""

    code = "E_ROOT_REVOKED"
    advice = "take a root that was issued after the revocation"


class RootSequence(VerificationError):
    """A root is not later than the one before it."""

    code = "E_ROOT_SEQ"
    advice = "within an epoch the sequence number strictly rises"


class RootChain(VerificationError):
    """A root does not follow the root that it must follow."""

    code = "E_ROOT_CHAIN"
    advice = "give the root that `prevDigest` names: one is missing between the two"


class Equivocation(VerificationError):
    """Attestors signed two different roots with one number."""

    code = "E_EQUIVOCATION"
    advice = "keep both documents: together they are the evidence"


class EquivocationUnproven(VerificationError):
    """Evidence of equivocation shows none."""

    code = "E_EQUIVOCATION_UNPROVEN"
    advice = "evidence is two or more roots of one number, signed by quorums or by one attestor"


class CheckpointsHash(VerificationError):
    """The checkpoints are not those that the root's signers had."""

    code = "E_CHECKPOINTS"
    advice = "take the checkpoints that were published with this root"


# --- the tree -------------------------------------------------------------------------------------------------------


class LeavesHash(VerificationError):
    """The openings are not those that the root's signers had."""

    code = "E_LEAVES_HASH"
    advice = "take the openings that were published with this root"


class LeafCount(VerificationError):
    """There are not as many openings as the root says."""

    code = "E_LEAF_COUNT"
    advice = "take the openings that were published with this root"


class LeafOrder(VerificationError):
    """Lines are not in ascending order of their ids."""

    code = "E_LEAF_ORDER"
    advice = "lines stand by strictly ascending cid"


class CidDuplicate(VerificationError):
    """One line stands twice: the same coins would count twice."""

    code = "E_CID_DUPLICATE"
    advice = "report it to the attestors: a root with such lines must be revoked"


class CidMismatch(VerificationError):
    """A line's id or leaf is not that of its chain, account, asset, custody and note."""

    code = "E_CID_MISMATCH"
    advice = "report it to the attestors: the line is not what it says"


# --- chains ---------------------------------------------------------------------------------------------------------


class CheckpointMissing(VerificationError):
    """A line's chain has no checkpoint in the root."""

    code = "E_CHECKPOINT_MISSING"
    advice = "every chain with lines is checkpointed once"


class Finality(VerificationError):
    """A block is not as final as the policy asks."""

    code = "E_FINALITY"
    advice = "wait until the block is final, or take an older one"


class StaleBlock(VerificationError):
    """A chain's block is older than the policy allows."""

    code = "E_STALE_BLOCK"
    advice = "have the chain attested again"


class ProofKindRefused(VerificationError):
    """A chain has no state proof, and the policy forbids what is only observed."""

    code = "E_PROOF_KIND"
    advice = "the policy decides per chain whether observed lines count"


class BalanceShort(VerificationError):
    """The notes of an account add up to more than the balance that is proven."""

    code = "E_BALANCE_SHORT"
    advice = "notes share a balance: lower them, or have the balance attested again"


class LockEnds(VerificationError):
    """Collateral is not locked for as long as the pledge lasts."""

    code = "E_LOCK"
    advice = "lock the coins for longer, or prove for a shorter time"


# --- bindings and allocations ---------------------------------------------------------------------------------------


class BindingMissing(VerificationError):
    """An account has no owner in this epoch."""

    code = "E_BINDING_MISSING"
    advice = "sign an OwnerBinding for the epoch with the account's own key"


class BindingSignature(VerificationError):
    """An owner binding is not signed by the account's own key, or was altered."""

    code = "E_BINDING_SIG"
    advice = "sign the binding with the key of the account that it names"


class BindingConflict(VerificationError):
    """An account has two owners in one epoch."""

    code = "E_BINDING_CONFLICT"
    advice = "one owner per account and epoch: a change takes effect with a later epoch"


class BindingMidEpoch(VerificationError):
    """An owner binding would take effect within an epoch that has begun."""

    code = "E_BINDING_MIDEPOCH"
    advice = "let a new binding begin with the next epoch"


class AllocationSignature(VerificationError):
    """An allocation is not signed by the account's own key, or its notes were altered."""

    code = "E_ALLOC_SIG"
    advice = "sign the allocation with the key of the account that it names"


class AllocationRaised(VerificationError):
    """A note grew, or appeared, within an epoch."""

    code = "E_ALLOC_RAISED"
    advice = "amounts never rise within an epoch: what was deposited counts from the next one"


class AllocationMoved(VerificationError):
    """A note changed its pocket or owner within an epoch."""

    code = "E_ALLOC_MOVED"
    advice = "pockets are fixed for an epoch"


# --- a selection, before anything is proven ------------------------------------------------------------------------


class LineDuplicate(InputError):
    """A line was selected twice."""

    code = "E_LINE_DUPLICATE"
    advice = "select each line once"


class OwnerMixed(InputError):
    """A selected line belongs to another owner key."""

    code = "E_OWNER_MIXED"
    advice = "select lines of the owner key that the positions are bound to"


class PocketMixed(InputError):
    """A selected line is in another pocket."""

    code = "E_POCKET_MIXED"
    advice = "all lines of a proof, and its positions, are of one pocket"
