"""Two roots of one number: found, named, written as evidence that anyone can check; and evidence that shows nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from attesting import ATTESTORS
from collateral_world import ATTESTORS as THREE
from collateral_world import DOMAIN, HONEST, KEYS, OTHER_DOMAIN, STRANGER

from zkmargin.attestations.collateral.documents import CollateralRootDocument
from zkmargin.attestations.collateral.equivocation import (
    EquivocationDocument,
    SignedRootWords,
    find_equivocation,
    require_equivocation,
    valid_signatures,
)
from zkmargin.errors import ZkMarginError


def _root(keys: list[Any], **changes: Any) -> CollateralRootDocument:
    return replace(HONEST, keys=tuple(sorted(keys, key=lambda key: key.address))).document(**changes)


ONE = _root(KEYS[:2])
OTHER = _root(KEYS[1:], issued_at=HONEST.document().root.issued_at + 1)


def _found(*roots: CollateralRootDocument) -> list[EquivocationDocument]:
    return find_equivocation(roots, DOMAIN, THREE)


def test_two_quorums_and_who_is_in_both() -> None:
    (evidence,) = _found(ONE, OTHER)
    assert require_equivocation(evidence, domain=DOMAIN, attestors=THREE) == (KEYS[1].address,)
    assert set(evidence.digests) == {ONE.digest, OTHER.digest}
    assert _found(OTHER, ONE, ONE) == [evidence]
    assert EquivocationDocument.parse(evidence.to_bytes()) == evidence


def test_one_attestor_who_signed_two() -> None:
    """No quorum was told the second story; who told it is named all the same."""
    (evidence,) = _found(ONE, _root(KEYS[:1], issued_at=5))
    assert require_equivocation(evidence, domain=DOMAIN, attestors=THREE) == (KEYS[0].address,)


def test_what_is_no_equivocation() -> None:
    assert _found(ONE, ONE) == []
    assert _found(ONE, _root(KEYS[:2], seq=2)) == []
    assert _found(ONE, _root(KEYS[:2], epoch=5)) == []
    assert _found(ONE, _root(KEYS[2:], issued_at=5)) == []  # each signed one root, and one root has no quorum
    assert _found(ONE, _root([STRANGER], issued_at=5)) == []
    assert _found(ONE, _root([], issued_at=5)) == []
    assert _found(ONE, _root(KEYS[:2], issued_at=5, attestor_set_id=bytes(32))) == []
    assert _found(ONE, _root(KEYS[:2], issued_at=5, pledge_domain=bytes(32))) == []
    framed = OTHER.model_copy(update={"signatures": ONE.signatures})  # signatures of one root under another
    assert _found(ONE, framed) == []
    assert valid_signatures(framed, THREE) == ()


def test_copies_of_one_root_lend_each_other_signatures() -> None:
    alone = [_root([key], issued_at=5) for key in KEYS[:2]]
    (evidence,) = _found(OTHER, *alone)
    assert {len(entry.signatures) for entry in evidence.roots} == {2}


def _evidence() -> EquivocationDocument:
    return _found(ONE, OTHER)[0]


FALSE: dict[str, tuple[str, Callable[[], EquivocationDocument]]] = {
    "roots of two numbers": ("E_EQUIVOCATION_UNPROVEN", lambda: _of(ONE, _root(KEYS[:2], seq=2))),
    "one root twice": ("E_EQUIVOCATION_UNPROVEN", lambda: _of(ONE, ONE)),
    "in another order": (
        "E_EQUIVOCATION_UNPROVEN", lambda: _evidence().model_copy(update={"roots": _evidence().roots[::-1]})
    ),
    "nobody signed the second": ("E_QUORUM", lambda: _of(ONE, _root([], issued_at=5))),
    "another signed the second": ("E_EQUIVOCATION_UNPROVEN", lambda: _of(ONE, _root(KEYS[2:], issued_at=5))),
    "a stranger signed the second": ("E_SIG_NOT_ATTESTOR", lambda: _of(ONE, _root([STRANGER], issued_at=5))),
    "the second was altered": (
        "E_SIG_NOT_ATTESTOR",
        lambda: _of(ONE, OTHER.model_copy(update={"root": OTHER.root.model_copy(update={"issued_at": 7})})),
    ),
    "one attestor twice": (
        "E_SIG_DUPLICATE", lambda: _of(ONE, OTHER.model_copy(update={"signatures": (OTHER.signatures[0],) * 2}))
    ),
    "of another set": ("E_ATTESTOR_SET", lambda: _of(ONE, _root(KEYS[:2], issued_at=5, attestor_set_id=bytes(32)))),
    "of another pledge domain": ("E_DOMAIN", lambda: _of(ONE, _root(KEYS[:2], issued_at=5, pledge_domain=bytes(32)))),
    "for another domain": ("E_DOMAIN", lambda: _evidence().model_copy(update={"domain": OTHER_DOMAIN})),
    "by the attestors of another": ("E_ATTESTOR_SET", lambda: _evidence().model_copy(update={"attestors": ATTESTORS})),
}  # fmt: skip


def _of(*roots: CollateralRootDocument) -> EquivocationDocument:
    """As somebody would write it who has no evidence."""
    ordered = sorted(roots, key=lambda entry: entry.digest)
    listed = tuple(SignedRootWords(root=entry.root, signatures=entry.signatures) for entry in ordered)
    return EquivocationDocument(domain=DOMAIN, attestors=THREE, roots=listed)


@pytest.mark.parametrize("name", FALSE)
def test_evidence_that_shows_nothing(name: str) -> None:
    code, make = FALSE[name]
    with pytest.raises(ZkMarginError) as caught:
        require_equivocation(make(), domain=DOMAIN, attestors=THREE)
    assert caught.value.code == code
