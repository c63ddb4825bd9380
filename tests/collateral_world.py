"""Signed roots over a few lines, bindings and allocations: honest ones, and parts to make others of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from zkmargin.attestations.collateral.documents import (
    EIP1186,
    FINALIZED,
    AccountSignature,
    Allocation,
    AllocationDocument,
    Attestors,
    Checkpoint,
    CollateralRoot,
    CollateralRootDocument,
    LeafOpening,
    LeafOpeningsDocument,
    Note,
    OwnerBinding,
    OwnerBindingDocument,
    RevokeRoot,
    RevokeRootDocument,
    hash_checkpoints,
    hash_notes,
)
from zkmargin.attestations.collateral.identifiers import asset_id, compute_cid
from zkmargin.attestations.collateral.roots import (
    require_root,
)
from zkmargin.attestations.collateral.tree import Leaf, Tree
from zkmargin.attestations.documents import DomainFile, Signers, sign
from zkmargin.attestations.signatures import SigningKey

DOMAIN = DomainFile(name="collateral", epoch_length=86400).domain()
OTHER_DOMAIN = DomainFile(name="elsewhere", epoch_length=86400).domain()
KEYS = sorted((SigningKey(bytes([n]) * 32) for n in (41, 42, 43)), key=lambda key: key.address)
STRANGER = SigningKey(bytes([44]) * 32)
HOLDER = SigningKey(bytes([45]) * 32)
ATTESTORS = Attestors(set_nonce=1, signers=Signers.of(*(key.address for key in KEYS), threshold=2))
NOW, EPOCH = 1_800_000_000, 20833
MAINNET, BASE = "eip155:1", "eip155:8453"
ACCOUNT = f"{MAINNET}:0x{HOLDER.address.hex()}"


def checkpoint(chain: str, **changes: Any) -> Checkpoint:
    fields: dict[str, Any] = {
        "chain": chain, "block_number": 5, "block_hash": bytes([1]) * 32, "state_root": bytes([2]) * 32,
        "block_time": NOW - 60, "finality": FINALIZED, "proof_kind": EIP1186,
    }  # fmt: skip
    return Checkpoint(**fields | changes)


def opening(chain: str, note: int, amount: int, owner: int = 7, pocket: int = 0, account: str = "") -> LeafOpening:
    account = account or f"{chain}:0x{HOLDER.address.hex()}"
    asset = f"{chain}/slip44:60"
    cid = compute_cid(chain, account, asset, "eoa", note)
    leaf = Leaf(owner, pocket, asset_id(asset), amount, cid, 0, 99 + note).digest
    return LeafOpening(
        index=0, chain=chain, account=account, asset=asset, custody="eoa", note=note, pocket=pocket, owner=owner,
        amount=amount, lock_until=0, salt=99 + note, cid=cid, leaf=leaf, evidence="ev/1.json",
    )  # fmt: skip


def numbered(lines: list[LeafOpening]) -> tuple[LeafOpening, ...]:
    return tuple(line.model_copy(update={"index": at}) for at, line in enumerate(lines))


@dataclass(frozen=True)
class Root:
    """A root over some lines, and what is wrong with it."""

    lines: tuple[LeafOpening, ...]
    checkpoints: tuple[Checkpoint, ...] = (checkpoint(MAINNET), checkpoint(BASE))
    keys: tuple[SigningKey, ...] = tuple(KEYS[:2])

    @classmethod
    def honest(cls) -> Root:
        lines = [opening(MAINNET, 0, 10), opening(MAINNET, 1, 20), opening(BASE, 0, 30)]
        return cls(numbered(sorted(lines, key=lambda line: line.cid)))

    @cached_property
    def openings(self) -> LeafOpeningsDocument:
        return LeafOpeningsDocument(leaves=self.lines)

    def document(self, **changes: Any) -> CollateralRootDocument:
        fields: dict[str, Any] = {
            "root": Tree([line.leaf for line in self.lines]).root,
            "epoch": EPOCH,
            "seq": 1,
            "leaf_count": len(self.lines),
            "depth": 7,
            "checkpoints_hash": hash_checkpoints(self.checkpoints),
            "leaves_hash": self.openings.digest,
            "prev_digest": bytes(32),
            "pledge_domain": DOMAIN.signing().pledge_domain,
            "attestor_set_id": ATTESTORS.identity,
            "issued_at": NOW,
            "expires_at": NOW + 3600,
        }
        root = CollateralRoot(**fields | changes)
        return CollateralRootDocument(
            domain=DOMAIN,
            root=root,
            checkpoints=self.checkpoints,
            attestors=ATTESTORS,
            signatures=sign(root, DOMAIN.signing(), list(self.keys)),
        )


HONEST = Root.honest()


def judge(document: CollateralRootDocument, at: int = NOW + 5, **changes: Any) -> None:
    fields: dict[str, Any] = {"domain": DOMAIN, "attestors": ATTESTORS, "epoch": EPOCH, "at": at, "skew": 60}
    require_root(document, **fields | changes)


def revocation(digest: bytes, keys: list[SigningKey], reason: int = 3) -> RevokeRootDocument:
    words = RevokeRoot(root_digest=digest, reason=reason, at=NOW)
    return RevokeRootDocument(domain=DOMAIN, revocation=words, signatures=sign(words, DOMAIN.signing(), keys))


def binding(owner: int = 7, nonce: int = 1, first: int = EPOCH, last: int = EPOCH + 9) -> OwnerBinding:
    return OwnerBinding(
        account=ACCOUNT, owner=owner, pledge_domain=DOMAIN.signing().pledge_domain, nonce=nonce, from_epoch=first,
        to_epoch=last,
    )  # fmt: skip


def signed_binding(words: OwnerBinding, key: SigningKey = HOLDER, scheme: Any = "eip712") -> OwnerBindingDocument:
    signature = AccountSignature(scheme=scheme, signature=key.sign(words.digest(DOMAIN.signing())))
    return OwnerBindingDocument(domain=DOMAIN, binding=words, signed=signature)


NOTES = (Note(note=0, pocket=0, amount=60), Note(note=3, pocket=1, amount=40))


def allocation(notes: tuple[Note, ...] = NOTES, epoch: int = EPOCH, key: SigningKey = HOLDER) -> AllocationDocument:
    words = Allocation(
        account=ACCOUNT, asset=f"{MAINNET}/slip44:60", custody="eoa", pledge_domain=DOMAIN.signing().pledge_domain,
        epoch=epoch, notes_hash=hash_notes(notes),
    )  # fmt: skip
    signature = AccountSignature(scheme="eip712", signature=key.sign(words.digest(DOMAIN.signing())))
    return AllocationDocument(domain=DOMAIN, allocation=words, notes=notes, signed=signature)
