"""Roots, openings, bindings, allocations: honest ones hold; each lie has its own code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from collateral_world import (
    ACCOUNT,
    ATTESTORS,
    BASE,
    DOMAIN,
    EPOCH,
    HONEST,
    KEYS,
    MAINNET,
    NOTES,
    NOW,
    OTHER_DOMAIN,
    STRANGER,
    allocation,
    binding,
    checkpoint,
    judge,
    numbered,
    opening,
    revocation,
    signed_binding,
)
from eth_abi import encode

from zkmargin.attestations.collateral.bindings import (
    DEFAULT_NOTES,
    owner_in_epoch,
    require_allocation,
    require_binding,
    require_covered,
    require_in_time,
    require_not_raised,
    share_balance,
)
from zkmargin.attestations.collateral.documents import (
    OBSERVED,
    SAFE,
    AccountSignature,
    AllocationDocument,
    Checkpoint,
    CollateralRoot,
    LeafOpening,
    LeafOpeningsDocument,
    OwnerBindingDocument,
)
from zkmargin.attestations.collateral.roots import (
    ChainRule,
    require_chains,
    require_openings,
    require_successor,
)
from zkmargin.attestations.schema import Document
from zkmargin.encoding import keccak256
from zkmargin.errors import ZkMarginError


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(ZkMarginError) as caught:
        act()
    assert caught.value.exit_code == 1
    return caught.value.code


def test_an_honest_root_holds() -> None:
    document = HONEST.document()
    judge(document)
    require_openings(document, HONEST.openings)
    require_chains(document.checkpoints, {MAINNET: ChainRule(1800), BASE: ChainRule(1800)}, NOW)
    judge(document, revocations=[revocation(bytes(32), KEYS)])
    for file in (document, HONEST.openings, revocation(document.digest, KEYS)):
        again: Document = type(file).parse(file.to_bytes())
        assert again == file


def test_ids_are_those_of_abi_encoding() -> None:
    members = [f"0x{address.hex()}" for address in ATTESTORS.signers.members]
    assert ATTESTORS.identity == keccak256(encode(["uint64", "address[]", "uint8"], [1, members, 2]))


@pytest.mark.parametrize(
    ("code", "act"),
    [
        ("E_QUORUM", lambda: judge(replace(HONEST, keys=(KEYS[0],)).document())),
        ("E_SIG_NOT_ATTESTOR", lambda: judge(replace(HONEST, keys=(KEYS[0], STRANGER)).document())),
        ("E_DOMAIN", lambda: judge(HONEST.document(), domain=OTHER_DOMAIN)),
        ("E_DOMAIN", lambda: judge(HONEST.document(pledge_domain=bytes(32)))),
        ("E_ATTESTOR_SET", lambda: judge(HONEST.document(attestor_set_id=bytes(32)))),
        ("E_ATTESTOR_SET", lambda: judge(HONEST.document(), attestors=ATTESTORS.model_copy(update={"set_nonce": 2}))),
        ("E_CHECKPOINTS", lambda: judge(HONEST.document(checkpoints_hash=bytes(32)))),
        ("E_TREE_ROOT", lambda: judge(HONEST.document(depth=8))),
        ("E_ROOT_NOT_YET_VALID", lambda: judge(HONEST.document(), at=NOW - 61)),
        ("E_ROOT_EXPIRED", lambda: judge(HONEST.document(), at=NOW + 3600)),
        ("E_EPOCH", lambda: judge(HONEST.document(epoch=EPOCH + 1))),
        ("E_ROOT_REVOKED", lambda: judge(HONEST.document(), revocations=[revocation(HONEST.document().digest, KEYS)])),
        ("E_QUORUM", lambda: judge(HONEST.document(), revocations=[revocation(bytes(32), KEYS[:1])])),
    ],
)
def test_a_root_that_does_not_count(code: str, act: Callable[[], object]) -> None:
    assert code_of(act) == code


def test_every_signed_field_counts() -> None:
    document = HONEST.document()
    for name in CollateralRoot.model_fields:
        value = getattr(document.root, name)
        changed = bytes([value[0] ^ 1]) + value[1:] if isinstance(value, bytes) else value ^ 1
        bad = document.model_copy(update={"root": document.root.model_copy(update={name: changed})})
        assert code_of(lambda bad=bad: judge(bad)) in {"E_SIG_NOT_ATTESTOR", "E_ATTESTOR_SET", "E_DOMAIN"}
    for name in Checkpoint.model_fields:
        entry = document.checkpoints[0]
        value = getattr(entry, name)
        changed = "eip155:10" if name == "chain" else (bytes(32) if isinstance(value, bytes) else value + 1)
        entries = sorted(
            [entry.model_copy(update={name: changed}), document.checkpoints[1]], key=lambda each: each.chain.encode()
        )
        bad = document.model_copy(update={"checkpoints": tuple(entries)})
        assert code_of(lambda bad=bad: judge(bad)) == "E_CHECKPOINTS"
    with pytest.raises(ZkMarginError, match="checkpointed chains must be strictly ascending"):
        document.model_copy(update={"checkpoints": (document.checkpoints[0],) * 2})


def test_successors_and_equivocation() -> None:
    first = HONEST.document()
    second = HONEST.document(seq=2, prev_digest=first.digest)
    require_successor(first, second)
    require_successor(first, HONEST.document(epoch=EPOCH + 1, seq=1, prev_digest=first.digest))
    assert code_of(lambda: require_successor(first, first)) == "E_ROOT_SEQ"
    assert code_of(lambda: require_successor(second, first)) == "E_ROOT_SEQ"
    assert code_of(lambda: require_successor(first, HONEST.document(seq=2))) == "E_ROOT_CHAIN"
    assert code_of(lambda: require_successor(first, HONEST.document(issued_at=NOW + 1))) == "E_EQUIVOCATION"


def relined(change: Callable[[list[LeafOpening]], list[LeafOpening]]) -> None:
    """Judge openings that the attestors signed, dishonest as they are."""
    root = replace(HONEST, lines=numbered(change(list(HONEST.lines))))
    require_openings(root.document(), root.openings)


def test_openings_that_attestors_should_not_have_signed() -> None:
    document = HONEST.document()
    fewer = LeafOpeningsDocument(leaves=HONEST.lines[:-1])
    assert code_of(lambda: require_openings(document, fewer)) == "E_LEAVES_HASH"
    assert code_of(lambda: require_openings(HONEST.document(leaf_count=4), HONEST.openings)) == "E_LEAF_COUNT"
    assert code_of(lambda: require_openings(HONEST.document(root=5), HONEST.openings)) == "E_TREE_ROOT"
    assert code_of(lambda: relined(lambda lines: [lines[0], *lines])) == "E_CID_DUPLICATE"
    assert code_of(lambda: relined(lambda lines: lines[::-1])) == "E_LEAF_ORDER"
    for change in ({"amount": 11}, {"note": 5}, {"account": f"{MAINNET}:0x{'ab' * 20}"}, {"leaf": 5}, {"salt": 1},
                   {"cid": 5}, {"owner": 8}, {"pocket": 9}, {"lock_until": 1}):  # fmt: skip
        at = next(at for at, line in enumerate(HONEST.lines) if line.chain == MAINNET)

        def tamper(lines: list[LeafOpening], at: int = at, change: Any = change) -> list[LeafOpening]:
            return [line.model_copy(update=change) if n == at else line for n, line in enumerate(lines)]

        assert code_of(lambda tamper=tamper: relined(tamper)) == "E_CID_MISMATCH"
    misplaced = replace(HONEST, lines=tuple(line.model_copy(update={"index": 0}) for line in HONEST.lines))
    assert code_of(lambda: require_openings(misplaced.document(), misplaced.openings)) == "E_CID_MISMATCH"
    only = replace(HONEST, checkpoints=(checkpoint(MAINNET),))
    assert code_of(lambda: require_openings(only.document(), only.openings)) == "E_CHECKPOINT_MISSING"


def test_chains_that_a_policy_refuses() -> None:
    rules = {MAINNET: ChainRule(1800), BASE: ChainRule(60, SAFE, observed=True)}

    def code(*checkpoints: Checkpoint, at: int = NOW) -> str:
        return code_of(lambda: require_chains(checkpoints, rules, at))

    require_chains([checkpoint(BASE, finality=SAFE, proof_kind=OBSERVED)], rules, NOW)
    assert code(checkpoint("eip155:10")) == "E_CHECKPOINT_MISSING"
    assert code(checkpoint(MAINNET, finality=SAFE)) == "E_FINALITY"
    assert code(checkpoint(MAINNET, block_time=NOW - 1801)) == "E_STALE_BLOCK"
    assert code(checkpoint(MAINNET), checkpoint(BASE), at=NOW + 1) == "E_STALE_BLOCK"
    assert code(checkpoint(MAINNET, block_time=NOW + 1)) == "E_STALE_BLOCK"
    assert code(checkpoint(MAINNET, proof_kind=OBSERVED)) == "E_PROOF_KIND"


# --- bindings and allocations ---------------------------------------------------------------------------------------


def test_bindings_are_signed_by_the_account() -> None:
    honest = signed_binding(binding())
    require_binding(honest, DOMAIN)
    assert OwnerBindingDocument.parse(honest.to_bytes()) == honest
    for bad in (
        signed_binding(binding(), STRANGER),
        honest.model_copy(update={"binding": binding(owner=8)}),
        signed_binding(binding(), scheme="bip322"),
        signed_binding(binding(first=5, last=4)),
    ):
        assert code_of(lambda bad=bad: require_binding(bad, DOMAIN)) == "E_BINDING_SIG"
    assert code_of(lambda: require_binding(honest, OTHER_DOMAIN)) == "E_DOMAIN"
    other = binding().model_copy(update={"pledge_domain": bytes(32)})
    assert code_of(lambda: require_binding(signed_binding(other), DOMAIN)) == "E_DOMAIN"
    high_s = honest.signed.signature
    s = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 - int.from_bytes(high_s[32:64], "big")
    flipped = high_s[:32] + s.to_bytes(32, "big") + bytes([55 - high_s[64]])
    bad = honest.model_copy(update={"signed": AccountSignature(scheme="eip712", signature=flipped)})
    assert code_of(lambda: require_binding(bad, DOMAIN)) == "E_SIG_HIGH_S"


def test_one_owner_per_account_and_epoch() -> None:
    old, new = binding(), binding(owner=8, nonce=2, first=EPOCH + 1)
    assert owner_in_epoch(ACCOUNT, EPOCH, [new, old]) == old
    assert owner_in_epoch(ACCOUNT, EPOCH + 1, [new, old]) == new
    assert code_of(lambda: owner_in_epoch(ACCOUNT, EPOCH - 1, [old])) == "E_BINDING_MISSING"
    assert code_of(lambda: owner_in_epoch(ACCOUNT, EPOCH, [old, binding(owner=9)])) == "E_BINDING_CONFLICT"
    require_in_time(new, [old], EPOCH)
    require_in_time(old, [], EPOCH)
    require_in_time(old, [old], EPOCH)
    require_in_time(binding(nonce=2), [binding(last=EPOCH - 1, first=0)], EPOCH)
    assert code_of(lambda: require_in_time(binding(owner=8, nonce=2), [old], EPOCH)) == "E_BINDING_MIDEPOCH"
    assert code_of(lambda: require_in_time(binding(owner=8), [old], EPOCH)) == "E_BINDING_CONFLICT"


def test_allocations_are_signed_by_the_account() -> None:
    honest = allocation()
    require_allocation(honest, DOMAIN, EPOCH)
    assert AllocationDocument.parse(honest.to_bytes()) == honest
    for bad in (
        allocation(key=STRANGER),
        allocation(epoch=EPOCH + 1),
        allocation(notes=()),
        honest.model_copy(update={"notes": (NOTES[0], NOTES[1].model_copy(update={"pocket": 2}))}),
    ):
        assert code_of(lambda bad=bad: require_allocation(bad, DOMAIN, EPOCH)) == "E_ALLOC_SIG"
    assert code_of(lambda: require_allocation(honest, OTHER_DOMAIN, EPOCH)) == "E_DOMAIN"
    with pytest.raises(ZkMarginError, match="notes must be strictly ascending"):
        honest.model_copy(update={"notes": NOTES[::-1]})


def test_notes_never_exceed_the_balance() -> None:
    assert share_balance(100, NOTES) == {0: 60, 3: 40}
    assert share_balance(1000, NOTES) == {0: 60, 3: 40}
    assert share_balance(99, NOTES) == {0: 59, 3: 39}
    assert share_balance(0, NOTES) == {0: 0, 3: 0}
    assert share_balance(77, DEFAULT_NOTES) == {0: 77}
    lines = [opening(MAINNET, 0, 60), opening(MAINNET, 1, 40)]
    require_covered(100, lines)
    assert code_of(lambda: require_covered(99, lines)) == "E_BALANCE_SHORT"


def test_nothing_rises_or_moves_within_an_epoch() -> None:
    def by_cid(*lines: LeafOpening) -> dict[int, LeafOpening]:
        return {line.cid: line for line in lines}

    first = by_cid(opening(MAINNET, 0, 60), opening(MAINNET, 1, 40))
    require_not_raised(first, first)
    require_not_raised(first, by_cid(opening(MAINNET, 0, 59)))
    assert code_of(lambda: require_not_raised(first, by_cid(opening(MAINNET, 0, 61)))) == "E_ALLOC_RAISED"
    assert code_of(lambda: require_not_raised(first, by_cid(opening(MAINNET, 2, 1)))) == "E_ALLOC_RAISED"
    assert code_of(lambda: require_not_raised(first, by_cid(opening(MAINNET, 0, 60, pocket=1)))) == "E_ALLOC_MOVED"
    assert code_of(lambda: require_not_raised(first, by_cid(opening(MAINNET, 0, 60, owner=8)))) == "E_ALLOC_MOVED"
