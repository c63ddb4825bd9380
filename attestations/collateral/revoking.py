"""Attestors take a root back: the same words, signed by a quorum of its set.        specs/collateral.md#revocations"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from zkmargin.attestations.collateral.documents import CollateralRootDocument, RevokeRoot, RevokeRootDocument
from zkmargin.attestations.collateral.errors import AttestorSetMismatch
from zkmargin.attestations.documents import Signature, require_domain, sign
from zkmargin.attestations.signatures import SignerSet, SigningKey, require_quorum
from zkmargin.errors import SignatureNotAttestor, UsageWrong

REASONS: Final = {"other": 0, "reorganised": 1, "balance": 2, "key": 3}
"""What ``reason`` says: a block left its chain, a balance was wrong, a key was lost."""


def revoke(root: CollateralRootDocument, reason: int, at: int) -> RevokeRootDocument:
    """The words that take ``root`` back at ``at``, unsigned. Raises AttestorSetMismatch where the root's file lies."""
    _require_own_set(root)
    words = RevokeRoot(root_digest=root.digest, reason=reason, at=at)
    return RevokeRootDocument(domain=root.domain, revocation=words, signatures=())


def join(
    root: CollateralRootDocument, copies: Sequence[RevokeRootDocument], keys: Iterable[SigningKey]
) -> RevokeRootDocument:
    """One revocation of ``root`` with the signatures of all copies, each checked, and those of ``keys``.

    Raises UsageWrong where copies differ or take back another root, SignatureNotAttestor, errors of signatures.
    """
    words, members = copies[0].revocation, root.attestors.signers.members
    _require_own_set(root)
    found: dict[bytes, Signature] = {}
    for number, copy in enumerate(copies):
        require_domain(copy.domain, root.domain, f"copies[{number}].domain")
        if copy.revocation != words or words.root_digest != root.digest:
            raise UsageWrong("not the same revocation of this root", where=f"copies[{number}]")
        if copy.signatures:
            pairs = [(entry.signer, entry.signature) for entry in copy.signatures]
            require_quorum(words.digest(root.domain.signing()), pairs, SignerSet(members, 1), f"copies[{number}]")
        for entry in copy.signatures:
            found.setdefault(entry.signer, entry)
    for key in keys:
        if key.address not in members:
            raise SignatureNotAttestor(
                "this key is not of the attestor set", where="attestors", got=f"0x{key.address.hex()}"
            )
        found[key.address] = sign(words, root.domain.signing(), [key])[0]
    ordered = tuple(found[signer] for signer in sorted(found))
    return copies[0].model_copy(update={"signatures": ordered})


def _require_own_set(root: CollateralRootDocument) -> None:
    if root.attestors.identity != root.root.attestor_set_id:
        raise AttestorSetMismatch("the root names another attestor set than its file", where="root.attestors")
