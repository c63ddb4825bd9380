"""Two signed roots with one number: attestors told two stories. As a file that anyone can check again.

specs/audit.md#equivocation
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from zkmargin.attestations.collateral.documents import Attestors, CollateralRoot, CollateralRootDocument
from zkmargin.attestations.collateral.errors import AttestorSetMismatch, EquivocationUnproven
from zkmargin.attestations.collateral.roots import number_of
from zkmargin.attestations.documents import AnyDomain, HomeDomain, OfflineDomain, Signature, Signatures, require_domain
from zkmargin.attestations.faults import reporting
from zkmargin.attestations.schema import Document, Model, Sequence
from zkmargin.attestations.signatures import SignerSet, require_quorum
from zkmargin.encoding import hex_bytes
from zkmargin.errors import DomainMismatch, ZkMarginError

MAX_ROOTS: Final = 64


class SignedRootWords(Model):
    """A root and who signed it."""

    root: CollateralRoot
    signatures: Signatures


class EquivocationDocument(Document):
    """``*.equivocation.json``: roots of one domain, attestor set, epoch and number, by strictly ascending digest."""

    TYPE: ClassVar[str] = "zkmargin/equivocation"
    type: Literal["zkmargin/equivocation"] = "zkmargin/equivocation"
    version: Literal["1"] = "1"
    domain: AnyDomain
    attestors: Attestors
    roots: Annotated[tuple[SignedRootWords, ...], Field(min_length=2, max_length=MAX_ROOTS), Sequence]

    @property
    def digests(self) -> tuple[bytes, ...]:
        """What was signed, in the order of ``roots``."""
        signing = self.domain.signing()
        return tuple(entry.root.digest(signing) for entry in self.roots)


def require_equivocation(
    document: EquivocationDocument, *, domain: OfflineDomain | HomeDomain, attestors: Attestors
) -> tuple[bytes, ...]:
    """The attestors who signed two or more of the roots, ascending: none where disjoint quorums signed.

    Raises DomainMismatch, AttestorSetMismatch where the roots are not of this domain and set; errors of signatures,
    every one of which must hold; EquivocationUnproven where the roots are one, have several numbers, or no quorums
    and no common signer.
    """
    require_domain(document.domain, domain, "domain")
    if document.attestors != attestors:
        raise AttestorSetMismatch("another attestor set than the policy's", where="attestors",
                                  expected=hex_bytes(attestors.identity),
                                  got=hex_bytes(document.attestors.identity))  # fmt: skip
    first, digests = document.roots[0].root, document.digests
    for at, entry in enumerate(document.roots):
        where = f"roots[{at}].root"
        if entry.root.pledge_domain != domain.signing().pledge_domain:
            raise DomainMismatch("the root is for another pledge domain", where=f"{where}.pledgeDomain")
        if entry.root.attestor_set_id != attestors.identity:
            raise AttestorSetMismatch("the root is of another attestor set", where=f"{where}.attestorSetId")
        if (entry.root.epoch, entry.root.seq) != (first.epoch, first.seq):
            raise EquivocationUnproven("roots of several numbers", where=f"{where}.seq")
    if any(not low < high for low, high in itertools.pairwise(digests)):
        raise EquivocationUnproven("roots stand once each, by ascending digest", where="roots")
    members, counts, quorums = attestors.signers.members, Counter[bytes](), 0
    for at, (entry, digest) in enumerate(zip(document.roots, digests, strict=True)):
        pairs = [(signed.signer, signed.signature) for signed in entry.signatures]
        signers = require_quorum(digest, pairs, SignerSet(members, 1), f"roots[{at}]")
        counts.update(signers)
        quorums += len(signers) >= attestors.signers.threshold
    common = tuple(sorted(signer for signer, count in counts.items() if count > 1))
    if quorums < 2 and not common:
        raise EquivocationUnproven("neither two quorums nor an attestor who signed two of the roots", where="roots")
    return common


def find_equivocation(
    roots: Iterable[CollateralRootDocument], domain: OfflineDomain | HomeDomain, attestors: Attestors
) -> list[EquivocationDocument]:
    """Evidence of each number under which several of these roots were signed; signatures that fail are left out."""
    found: dict[tuple[bytes, bytes, int, int], dict[bytes, SignedRootWords]] = {}
    for document in roots:
        named = (document.domain, document.root.pledge_domain, document.root.attestor_set_id)
        if named != (domain, domain.signing().pledge_domain, attestors.identity):
            continue
        held = valid_signatures(document, attestors)
        if held:
            same = found.setdefault(number_of(document), {})
            known = same[document.digest].signatures if document.digest in same else ()
            merged = {entry.signer: entry for entry in (*known, *held)}
            words = SignedRootWords(root=document.root, signatures=tuple(merged[key] for key in sorted(merged)))
            same[document.digest] = words
    evidence = []
    for same in found.values():
        if 1 < len(same) <= MAX_ROOTS:
            listed = tuple(same[digest] for digest in sorted(same))
            entry = EquivocationDocument(domain=domain, attestors=attestors, roots=listed)
            try:
                require_equivocation(entry, domain=domain, attestors=attestors)
            except EquivocationUnproven:  # attestors who signed one root each, and no quorum
                continue
            evidence.append(entry)
    return evidence


def valid_signatures(document: CollateralRootDocument, attestors: Attestors) -> tuple[Signature, ...]:
    """Those of the root's signatures that hold and are of members, one for each, by ascending signer."""
    members = SignerSet(attestors.signers.members, 1)
    held: dict[bytes, Signature] = {}
    for entry in document.signatures:
        faults: list[ZkMarginError] = []
        with reporting(faults.append):
            require_quorum(document.digest, [(entry.signer, entry.signature)], members, "root")
        if not faults:
            held[entry.signer] = entry
    return tuple(held[signer] for signer in sorted(held))
