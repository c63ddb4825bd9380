"""The attestor on two real chains with equal block hashes: what it collects, and what nobody gets past it."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from attesting import (
    ATTESTOR_KEYS,
    ATTESTORS,
    DOMAIN,
    EPOCH,
    NOW,
    OTHER_OWNER,
    OWNER,
    Attesting,
    allocation,
    binding,
    evidence_of,
    forged,
    lines_of,
    receipt_token,
)
from chain_world import DEPLOYER, GENESIS, HOLDER
from passphrase import PASSPHRASE

from zkmargin.attestations.chains.errors import (
    CheckpointChain,
    CodeHash,
    CustodyOverlap,
    EvidenceAddress,
    LayoutUnknown,
    LockMismatch,
    Reorganised,
    RpcChainId,
)
from zkmargin.attestations.chains.evm import EvmReader
from zkmargin.attestations.chains.layouts import Layout, LayoutRegistry
from zkmargin.attestations.collateral.bundle import Bundle
from zkmargin.attestations.collateral.documents import CollateralRootDocument, Note
from zkmargin.attestations.collateral.errors import (
    AllocationMoved,
    AllocationRaised,
    BalanceShort,
    BindingConflict,
    BindingMidEpoch,
    BindingMissing,
    CidDuplicate,
    Equivocation,
    Finality,
    RootChain,
    RootSequence,
    StaleBlock,
)
from zkmargin.attestations.collateral.receipts import CollateralReceipt
from zkmargin.attestations.collateral.roots import require_openings, require_root
from zkmargin.attestations.collateral.signing import (
    add_signature,
    judge,
    merge,
    publish,
    require_next,
)
from zkmargin.attestations.documents import sign
from zkmargin.attestations.eip712 import encode_address, encode_uint
from zkmargin.attestations.evidence.errors import HeaderHash
from zkmargin.attestations.keyfiles import SigningKeyFile
from zkmargin.cli.main import run
from zkmargin.encoding import hex_bytes
from zkmargin.errors import PledgeTooLong, Quorum, SignatureNotAttestor, ZkMarginError

pytestmark = pytest.mark.chain
MAINNET, BASE = "eip155:1", "eip155:8453"


def _same(_: Any) -> dict[str, Any]:
    return {}


def test_two_chains_have_one_block_hash(world: Attesting) -> None:
    mainnet, base = (chain.tip() for chain in world.chains.values())
    assert mainnet["hash"] == base["hash"]
    assert {EvmReader(name, chain.url).tip().chain for name, chain in world.chains.items()} == {MAINNET, BASE}


def test_layouts_are_those_of_the_compiler(world: Attesting, contracts: Any) -> None:
    slots = {"balanceOf[account]": "balanceOf", "ownerOf[account]": "ownerOf", "lockUntil[account]": "lockUntil"}
    vault = world.registry.named(f"{BASE} vault")
    assert {slots[rule.meaning]: str(rule.slot) for rule in vault.slots} == contracts["Vault"]["slots"]
    assert contracts["Token"]["slots"]["balanceOf"] == "0"


def test_one_root_over_both_chains(world: Attesting) -> None:
    made = world.collect()
    assert not made.left_out
    lines = lines_of(made.bundle)
    assert len(made.bundle.openings.leaves) == 8  # of which the proxy's share a key with the token's below
    for name in world.chains:
        vault = lines[name, "vault", 0]
        assert (vault.amount, vault.owner, vault.lock_until) == (400, OWNER, GENESIS + 90_000)
        assert lines[name, "native", 0].lock_until == 0
    amounts = sorted(line.amount for line in made.bundle.openings.leaves if "erc20" in line.asset)
    assert amounts == [70, 70, 400, 400, 500, 500]
    world.judge(made.bundle)


def test_headers_are_built_from_fields_where_a_node_serves_none(world: Attesting) -> None:
    chain = world.chains[BASE]
    reader = EvmReader(BASE, chain.url)
    block_hash = bytes.fromhex(chain.tip()["hash"][2:])
    assert reader._built_header(block_hash) == (reader._served_header(block_hash) or reader._raw_header(block_hash))


# --- blocks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["native", "token", "proxy", "vault"])
def test_evidence_of_one_chain_is_none_of_another(world: Attesting, kind: str) -> None:
    mainnet, base = world.chains[MAINNET], world.chains[BASE]
    evidence, checkpoint, account = evidence_of(mainnet, world.registry.named(f"{MAINNET} {kind}"))
    other = evidence_of(base, world.registry.named(f"{BASE} {kind}"))
    assert checkpoint.block_hash == other[1].block_hash
    evidence.reading(checkpoint, world.registry.named(f"{MAINNET} {kind}"), account)
    with pytest.raises(CheckpointChain):
        evidence.reading(other[1], world.registry.named(f"{BASE} {kind}"), other[2])
    with pytest.raises(CheckpointChain):
        evidence.reading(other[1], world.registry.named(f"{MAINNET} {kind}"), account)


def test_a_bundle_with_evidence_of_the_other_chain(world: Attesting) -> None:
    bundle = world.collect().bundle
    lines = lines_of(bundle)
    swap = {lines[BASE, "vault", 0].evidence: bundle.evidence[lines[MAINNET, "vault", 0].evidence]}
    with pytest.raises(CheckpointChain):
        world.judge(replace(bundle, evidence={**bundle.evidence, **swap}))


def test_a_reorganised_block(world: Attesting) -> None:
    chain = world.chains[BASE]
    reader = EvmReader(BASE, chain.url)
    with chain.undone():
        chain.send(DEPLOYER, HOLDER.address, value=5)
        gone = reader.tip()
    chain.mine(4)
    with pytest.raises(Reorganised):
        reader.confirm(gone)
    assert reader.confirm(reader.tip()).block_number > gone.block_number


def test_a_reorganisation_while_it_waits(world: Attesting) -> None:
    chain = world.chains[BASE]
    before = chain.rpc.call("evm_snapshot")
    chain.mine()

    class Forking(EvmReader):
        def read(self, holdings: Any, checkpoint: Any) -> Any:
            found = super().read(holdings, checkpoint)
            assert chain.rpc.call("evm_revert", before)
            chain.mine(3)  # at later times, so other blocks
            return found

    with pytest.raises(Reorganised):
        world.collect(readers={**world.readers(), BASE: Forking(BASE, chain.url)})


def test_an_unfinalised_block(world: Attesting) -> None:
    with pytest.raises(Finality):
        world.collect(readers=world.readers(blocks_later=0))


def test_a_stale_block(world: Attesting) -> None:
    with pytest.raises(StaleBlock):
        world.collect(at=NOW + 3600)


def test_a_node_of_another_chain(world: Attesting) -> None:
    config = world.config()
    crossed = EvmReader(BASE, world.chains[MAINNET].url)
    with pytest.raises(RpcChainId):
        world.collect(config=config, readers={**world.readers(), BASE: crossed})


def test_a_header_of_another_block(world: Attesting) -> None:
    layout = world.registry.named(f"{BASE} token")
    evidence, _, account = evidence_of(world.chains[BASE], layout)
    world.chains[BASE].mine()
    with pytest.raises(HeaderHash):
        evidence.reading(EvmReader(BASE, world.chains[BASE].url).tip(), layout, account)


# --- contracts ------------------------------------------------------------------------------------------------------


def _relaid(world: Attesting, name: str, **changes: Any) -> LayoutRegistry:
    layouts = [
        layout.model_copy(update=changes) if layout.name == name else layout for layout in world.registry.layouts
    ]
    return LayoutRegistry(layouts=tuple(layouts))


def test_code_that_nobody_reviewed(world: Attesting) -> None:
    made = world.collect(registry=_relaid(world, f"{BASE} vault", code_hash=bytes(32)))
    assert [type(entry.error) for entry in made.left_out] == [CodeHash]
    assert (BASE, "vault", 0) not in lines_of(made.bundle)
    honest, other = world.collect().bundle, _relaid(world, f"{BASE} vault", code_hash=bytes(32))
    with pytest.raises(CodeHash):  # who reviewed another code does not sign what others collected
        judge(honest, world.config(), other, world.readers(), None, NOW)


def test_a_proxy_with_another_implementation(world: Attesting) -> None:
    slot = hex_bytes(world.registry.named(f"{BASE} proxy").slots[1].key(b""))
    world.chains[BASE].rpc.call("anvil_setStorageAt", hex_bytes(world.deployed.proxy), slot, "0x" + "11" * 32)
    world.chains[BASE].mine()
    assert [type(entry.error) for entry in world.collect().left_out] == [CodeHash]


def test_evidence_of_another_contract(world: Attesting) -> None:
    layout = world.registry.named(f"{BASE} token")
    evidence, checkpoint, account = evidence_of(world.chains[BASE], layout)
    with pytest.raises(EvidenceAddress):
        evidence.model_copy(update={"layout": f"{BASE} proxy"}).reading(
            checkpoint, world.registry.named(f"{BASE} proxy"), account
        )
    with pytest.raises(LayoutUnknown):
        evidence.reading(checkpoint, world.registry.named(f"{BASE} vault"), account)


def test_a_receipt_token_and_its_underlying(world: Attesting) -> None:
    both, registry = receipt_token(world, BASE)
    with pytest.raises(CustodyOverlap):
        world.collect(config=both, registry=registry)
    vaultless = tuple(entry for entry in both.accounts if entry.layout != f"{BASE} vault")
    alone = world.collect(config=both.model_copy(update={"accounts": vaultless}), registry=registry)
    assert not alone.left_out
    blind = [layout.model_copy(update={"receipt_of": ()}) for layout in registry.layouts]
    with pytest.raises(CustodyOverlap):  # even unmarked: it is the same slot
        world.collect(config=both, registry=LayoutRegistry(layouts=tuple(blind)))


def test_a_lock_that_is_not_in_the_vault(world: Attesting) -> None:
    bundle = world.collect().bundle
    for kind in ("vault", "native"):
        target = lines_of(bundle)[BASE, kind, 0].cid
        lying = forged(
            bundle, lambda line, target=target: {"lock_until": GENESIS + 10**6} if line.cid == target else {}
        )
        with pytest.raises(LockMismatch):
            world.judge(lying)


def test_the_same_coins_twice(world: Attesting) -> None:
    bundle = world.collect().bundle
    line = bundle.openings.leaves[0]
    doubled = replace(bundle, openings=bundle.openings.model_copy(update={"leaves": (line, *bundle.openings.leaves)}))
    with pytest.raises(CidDuplicate):
        world.judge(forged(doubled, _same))


# --- owners and pockets ---------------------------------------------------------------------------------------------


def test_an_owner_registered_again_in_the_vault(world: Attesting) -> None:
    first = world.collect().bundle
    world.chains[BASE].call(HOLDER, world.deployed.vault, "register(uint256)", encode_uint(OTHER_OWNER))
    made = world.collect(first)
    assert {type(entry.error) for entry in made.left_out} == {BindingMidEpoch}
    assert {line.chain for line in made.bundle.openings.leaves} == {MAINNET}  # the account is out, with all its lines
    honest = world.collect().bundle  # as a first root it would be right, for an account with one owner
    assert (BASE, "vault", 0) not in lines_of(honest)
    lying = _as_second(world, first, world.bindings[:1], OTHER_OWNER)
    with pytest.raises(BindingMidEpoch):
        world.judge(lying, first)


def _as_second(world: Attesting, first: Bundle, bindings: Any, owner: int) -> Bundle:
    """The vault's new line alone, as if it followed ``first``."""
    config = world.config()
    vault = tuple(entry for entry in config.accounts if entry.layout == f"{BASE} vault")
    alone = world.collect(config=config.model_copy(update={"accounts": vault}), bindings=world.bindings).bundle
    root = alone.document.root.model_copy(update={"seq": 2, "prev_digest": first.document.digest})
    assert [line.owner for line in alone.openings.leaves] == [owner], bindings
    return replace(alone, document=alone.document.model_copy(update={"root": root}), bindings=first.bindings)


def test_an_owner_bound_again_within_the_epoch(world: Attesting) -> None:
    first = world.collect().bundle
    late = binding(MAINNET, OTHER_OWNER, nonce=2)
    made = world.collect(first, bindings=[*world.bindings, late])
    assert [type(entry.error) for entry in made.left_out] == [BindingMidEpoch]
    assert {line.owner for line in made.bundle.openings.leaves} == {OWNER}
    with pytest.raises(BindingMidEpoch):
        world.judge(replace(made.bundle, bindings=(*made.bundle.bindings, late)), first)
    with pytest.raises(BindingMissing):
        world.judge(replace(made.bundle, bindings=()), first)


def test_two_owners_for_one_account(world: Attesting) -> None:
    world.bindings[1] = binding(BASE, OTHER_OWNER)  # the vault's slot says OWNER
    made = world.collect()
    assert [type(entry.error) for entry in made.left_out] == [BindingConflict]
    assert {line.chain for line in made.bundle.openings.leaves} == {MAINNET}


def test_without_a_binding_only_the_vault_counts(world: Attesting) -> None:
    world.bindings.clear()
    made = world.collect()
    assert {type(entry.error) for entry in made.left_out} == {BindingMissing}
    config = world.config()
    vaults = tuple(entry for entry in config.accounts if "vault" in entry.layout)
    alone = world.collect(config=config.model_copy(update={"accounts": vaults}))
    assert [line.owner for line in alone.bundle.openings.leaves] == [OWNER, OWNER]
    with pytest.raises(BindingConflict):
        world.judge(forged(alone.bundle, lambda _: {"owner": OTHER_OWNER}))


def test_deposits_wait_for_the_next_epoch(world: Attesting) -> None:
    first = world.collect().bundle
    more = encode_address(HOLDER.address) + encode_uint(1000)
    world.chains[BASE].send(DEPLOYER, world.deployed.token, bytes.fromhex("40c10f19") + more)
    second = world.collect(first, at=NOW + 10).bundle
    token = world.registry.named(f"{BASE} token")
    target = next(line for line in second.openings.leaves if (line.asset, line.custody) == (token.asset, "eoa"))
    assert target.amount == 500
    assert (second.document.root.seq, second.document.root.prev_digest) == (2, first.document.digest)
    raised = forged(second, lambda line: {"amount": 1500} if line.cid == target.cid else {})
    with pytest.raises(AllocationRaised):
        world.judge(raised, first)
    with pytest.raises(BalanceShort):
        world.judge(forged(second, lambda line: {"amount": 1501} if line.cid == target.cid else {}), first)
    without = forged(first, lambda line: None if line.cid == target.cid else {})
    after = forged(second, _same)
    root = after.document.root.model_copy(update={"prev_digest": without.document.digest})
    with pytest.raises(AllocationRaised):  # a line that appears
        world.judge(replace(after, document=after.document.model_copy(update={"root": root})), without)


def _shares(bundle: Bundle, layout: Layout) -> dict[int, int]:
    held = (layout.asset, layout.custody)
    return {line.note: line.amount for line in bundle.openings.leaves if (line.asset, line.custody) == held}


def test_withdrawals_lower_the_line_at_once(world: Attesting) -> None:
    token = world.registry.named(f"{BASE} token")
    world.allocations = [allocation(token, Note(note=0, pocket=0, amount=300), Note(note=4, pocket=2, amount=200))]
    first = world.collect().bundle
    assert _shares(first, token) == {0: 300, 4: 200}
    move = encode_address(DEPLOYER.address) + encode_uint(401)
    world.chains[BASE].send(HOLDER, world.deployed.token, bytes.fromhex("a9059cbb") + move)
    second = world.collect(first, at=NOW + 10).bundle
    assert _shares(second, token) == {0: 59, 4: 39}  # 99 are left: floor(300 * 99 / 500), floor(200 * 99 / 500)


def test_notes_do_not_move(world: Attesting) -> None:
    token = world.registry.named(f"{BASE} token")
    notes = (Note(note=0, pocket=0, amount=300), Note(note=4, pocket=2, amount=200))
    world.allocations = [allocation(token, *notes)]
    first = world.collect().bundle
    with pytest.raises(AllocationMoved):
        world.judge(forged(first, lambda line: {"pocket": 3} if line.note == 4 else {}))
    changed = allocation(token, notes[0], Note(note=4, pocket=5, amount=200))
    made = world.collect(first, at=NOW + 10, allocations=[changed])
    assert [entry.what for entry in made.left_out] == [f"allocation of {BASE}:0x{HOLDER.address.hex()}"]
    assert sorted(line.pocket for line in made.bundle.openings.leaves if line.note == 4) == [2]
    swapped = replace(forged(made.bundle, lambda line: {"pocket": 5} if line.note == 4 else {}), allocations=(changed,))
    with pytest.raises(AllocationMoved):
        world.judge(swapped, first)


# --- attestors ------------------------------------------------------------------------------------------------------


def test_a_quorum_signs_and_every_owner_gets_a_receipt(world: Attesting) -> None:
    bundle, config = world.collect().bundle, world.config()
    signed = bundle.document
    for key in ATTESTOR_KEYS[::-1]:
        tree = judge(bundle, config, world.registry, world.readers(), None, NOW)
        with pytest.raises(Quorum) if len(signed.signatures) < 2 else _passing():
            publish(replace(bundle, document=signed), config, tree, NOW)
        signed = add_signature(signed, key)
    require_root(signed, domain=DOMAIN, attestors=ATTESTORS, epoch=EPOCH, at=NOW)
    (receipt,) = publish(replace(bundle, document=signed), config, tree, NOW)
    assert receipt.owner == OWNER
    assert len(receipt.lines) == 8
    with pytest.raises(ZkMarginError):
        receipt.model_copy(update={"owner": OTHER_OWNER}).require_consistent()


def _passing() -> Any:
    from contextlib import nullcontext

    return nullcontext()


def test_what_an_attestor_does_not_sign(world: Attesting) -> None:
    bundle = world.collect().bundle
    with pytest.raises(SignatureNotAttestor):
        add_signature(bundle.document, DEPLOYER)
    forger = bundle.document.model_copy(update={"signatures": sign(bundle.document.root, DOMAIN.signing(), [DEPLOYER])})
    with pytest.raises(SignatureNotAttestor):
        merge(bundle.document, [forger])
    another = world.collect().bundle  # other salts: another root of the same number
    assert another.document.digest != bundle.document.digest
    with pytest.raises(Equivocation):
        require_next(bundle.document, another.document, None)
    require_next(bundle.document, bundle.document, None)
    for bad in ({"expires_at": NOW + 3601}, {"issued_at": NOW - 1}):
        lasting = bundle.document.model_copy(update={"root": bundle.document.root.model_copy(update=bad)})
        with pytest.raises(PledgeTooLong):
            judge(replace(bundle, document=lasting), world.config(), world.registry, world.readers(), None, NOW)
    overstated = tuple(entry.model_copy(update={"finality": 3}) for entry in bundle.document.checkpoints)
    lying = forged(bundle, _same, overstated)
    with pytest.raises(Finality):
        judge(lying, world.config(), world.registry, world.readers(), None, NOW)


def test_no_root_is_passed_over(world: Attesting) -> None:
    first = world.collect().bundle
    second = world.collect(first, at=NOW + 1).bundle
    skipping = world.collect(first, at=NOW + 2, least_seq=3).bundle  # as if there had been no second
    third = world.collect(second, at=NOW + 2).bundle
    require_next(second.document, third.document, second.document)
    require_next(first.document, third.document, second.document)  # others signed the second
    with pytest.raises(RootChain):
        require_next(second.document, skipping.document, first.document)
    with pytest.raises(RootChain):
        require_next(second.document, world.collect(least_seq=4).bundle.document, None)
    require_next(second.document, skipping.document, first.document, unpublished=True)
    with pytest.raises(RootSequence):
        require_next(second.document, first.document, None)
    with pytest.raises(RootChain):  # and nobody takes a bundle without the one that it names
        world.judge(second)
    with pytest.raises(RootChain):
        world.judge(third, first)


def test_the_commands(world: Attesting, tmp_path: Path) -> None:
    config, layouts, bundle = tmp_path / "config.json", tmp_path / "layouts.json", tmp_path / "bundle"
    config.write_bytes(world.config().to_bytes())
    layouts.write_bytes(world.registry.to_bytes())
    (tmp_path / "bindings").mkdir()
    for at, document in enumerate(world.bindings):
        (tmp_path / "bindings" / f"{at}.json").write_bytes(document.to_bytes())
    common = ["--layouts", str(layouts), "--at", str(NOW)]
    stop = threading.Event()

    def go_on() -> None:
        while not stop.wait(0.2):
            for chain in world.chains.values():
                chain.mine()

    miner = threading.Thread(target=go_on)
    miner.start()
    try:
        folder = str(tmp_path / "bindings")
        assert run(["attest", "collateral", str(config), *common, "--bindings", folder, "--wait", "60", "--strict",
                    "--out", str(bundle)]) == 0  # fmt: skip
    finally:
        stop.set()
        miner.join()
    for number, key in enumerate(ATTESTOR_KEYS[:2]):
        assert run(["attest", "publish", str(config), str(bundle), *common, "--out", str(tmp_path / "out")]) == 1
        path = tmp_path / f"{number}.key"
        path.write_bytes(SigningKeyFile.of_key(key, PASSPHRASE).to_bytes())
        record = ["--record", str(tmp_path / f"{number}.record.json")]
        assert run(["attest", "sign", str(config), str(bundle), *common, "--key", str(path), *record]) == 0
    assert run(["attest", "publish", str(config), str(bundle), *common, "--out", str(tmp_path / "out")]) == 0
    root = CollateralRootDocument.read(tmp_path / "out" / "collateral.root.json")
    require_root(root, domain=DOMAIN, attestors=ATTESTORS, epoch=EPOCH, at=NOW)
    (path,) = (tmp_path / "out" / "receipts").iterdir()
    assert path.stat().st_mode & 0o77 == 0
    receipt = CollateralReceipt.read(path)
    receipt.require_consistent()
    assert receipt.root == root
    kept = Bundle.read(bundle)
    require_openings(kept.document, kept.openings)
    world.judge(kept)
    second = tmp_path / "second"
    stopped = ["--previous", str(bundle), "--bindings", folder, "--out", str(second)]
    assert run(["attest", "collateral", str(config), *common, *stopped]) == 1  # nothing is final at the tip
    assert not list(second.iterdir())
    assert run(["attest", "collateral", str(config), *common, "--out", str(bundle)]) == 2  # it holds a bundle


def test_a_thousand_proofs_in_seconds(world: Attesting) -> None:
    layout = world.registry.named(f"{BASE} vault")
    evidence, checkpoint, account = evidence_of(world.chains[BASE], layout)
    start = time.process_time()
    for _ in range(1000):
        evidence.reading(checkpoint, layout, account)
    assert time.process_time() - start < 10  # several times what it takes: a guard, no benchmark
