"""Everything that must be refused about collateral on chains, in one list: each by a command, each by its own code, and
found by whoever audits the bundle.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from attesting import (
    ATTESTOR_KEYS,
    DOMAIN,
    OTHER_OWNER,
    Attesting,
    allocation,
    binding,
    forged,
    lines_of,
    receipt_token,
)
from bench import Bench
from chain_world import DEPLOYER, HOLDER
from desk import BASE, MAINNET
from eight_lines import require_no_gain
from passphrase import PASSPHRASE
from proof_tampers import PROOF_TAMPERS, Tamper

from zkmargin.attestations.collateral.bundle import Bundle
from zkmargin.attestations.collateral.config import AttestorConfig
from zkmargin.attestations.collateral.documents import CollateralRoot, Note
from zkmargin.attestations.documents import Signature, sign
from zkmargin.attestations.eip712 import encode_address, encode_uint
from zkmargin.attestations.keyfiles import SigningKeyFile

pytestmark = [pytest.mark.chain, pytest.mark.prove]
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def _same(_: Any) -> dict[str, Any]:
    return {}


# --- chains and blocks ----------------------------------------------------------------------------------------------


def _other_chain(bench: Bench) -> str:
    bundle = bench.world.collect().bundle
    marks = {entry.chain: entry.block_hash for entry in bundle.document.checkpoints}
    assert marks[MAINNET] == marks[BASE]
    lines = lines_of(bundle)
    swap = {lines[BASE, "vault", 0].evidence: bundle.evidence[lines[MAINNET, "vault", 0].evidence]}
    return bench.sign(replace(bundle, evidence={**bundle.evidence, **swap}))


def _reorganised(bench: Bench) -> str:
    chain = bench.world.chains[BASE]
    with chain.undone():
        chain.mine()
        bundle = bench.world.collect().bundle
    chain.next_time += 2
    chain.mine(8)
    return bench.sign(bundle)


def _stale(bench: Bench) -> str:
    bundle = bench.world.collect().bundle
    oldest = min(entry.block_time for entry in bundle.document.checkpoints)
    return bench.sign(bundle, at=oldest + 1801)


def _unfinalised(bench: Bench) -> str:
    """At the tip collecting stops; who says that the tip is final finds no signer either."""
    assert bench.collect() == "E_FINALITY"
    for chain in bench.world.chains.values():
        chain.mine(1)
    bundle = bench.world.collect(config=_lax(bench), readers=bench.world.readers(blocks_later=0)).bundle
    overstated = tuple(entry.model_copy(update={"finality": 2}) for entry in bundle.document.checkpoints)
    assert overstated != bundle.document.checkpoints
    return bench.sign(forged(bundle, _same, overstated))


def _lax(bench: Bench) -> AttestorConfig:
    config = bench.world.config()
    chains = tuple(source.model_copy(update={"finality": 0}) for source in config.chains)
    return config.model_copy(update={"chains": chains})


def _tampered(tamper: Tamper) -> Callable[[Bench], str]:
    return lambda bench: bench.sign(tamper(bench.vault()))


# --- owners, notes, coins -------------------------------------------------------------------------------------------


def _registered_again(bench: Bench) -> str:
    first = bench.world.collect().bundle
    bench.world.chains[BASE].call(HOLDER, bench.world.deployed.vault, "register(uint256)", encode_uint(OTHER_OWNER))
    alone = bench.vault()
    assert [line.owner for line in alone.openings.leaves] == [OTHER_OWNER]
    root = alone.document.root.model_copy(update={"seq": 2, "prev_digest": first.document.digest})
    return bench.sign(replace(alone, document=alone.document.model_copy(update={"root": root})), first)


def _bound_again(bench: Bench) -> str:
    first = bench.world.collect().bundle
    second = bench.world.collect(first).bundle
    late = binding(MAINNET, OTHER_OWNER, nonce=2)
    return bench.sign(replace(second, bindings=(*second.bindings, late)), first)


def _raised(bench: Bench) -> str:
    first = bench.world.collect().bundle
    more = encode_address(HOLDER.address) + encode_uint(1000)
    bench.world.chains[BASE].call(DEPLOYER, bench.world.deployed.token, "mint(address,uint256)", more)
    second = bench.world.collect(first).bundle
    token = bench.world.registry.named(f"{BASE} token")
    target = next(line for line in second.openings.leaves if (line.asset, line.custody) == (token.asset, "eoa"))
    return bench.sign(forged(second, lambda line: {"amount": line.amount + 1} if line.cid == target.cid else {}), first)


def _moved(bench: Bench) -> str:
    token = bench.world.registry.named(f"{BASE} token")
    notes = (Note(note=0, pocket=0, amount=300), Note(note=4, pocket=2, amount=200))
    bench.world.allocations = [allocation(token, *notes)]
    first = bench.world.collect().bundle
    changed = allocation(token, notes[0], Note(note=4, pocket=5, amount=200))
    second = forged(bench.world.collect(first).bundle, lambda line: {"pocket": 5} if line.note == 4 else {})
    return bench.sign(replace(second, allocations=(changed,)), first)


def _receipt_and_underlying(bench: Bench) -> str:
    config, registry = receipt_token(bench.world, BASE)
    return bench.collect(config=config, registry=registry)


def _doubled(bench: Bench) -> str:
    bundle = bench.world.collect().bundle
    leaves = (bundle.openings.leaves[0], *bundle.openings.leaves)
    doubled = replace(bundle, openings=bundle.openings.model_copy(update={"leaves": leaves}))
    return bench.sign(forged(doubled, _same))


# --- signatures and documents ---------------------------------------------------------------------------------------


def _one_signature(bench: Bench) -> str:
    return bench.publish(lambda root: sign(root, DOMAIN.signing(), ATTESTOR_KEYS[:1]))


def _high_s(bench: Bench) -> str:
    def signed(root: CollateralRoot) -> tuple[Signature, ...]:
        first, *rest = sign(root, DOMAIN.signing(), ATTESTOR_KEYS[:2])
        r, s, v = first.signature[:32], int.from_bytes(first.signature[32:64], "big"), first.signature[64]
        upper = Signature(signer=first.signer, signature=r + (ORDER - s).to_bytes(32, "big") + bytes([55 - v]))
        return (upper, *rest)

    return bench.publish(signed)


def _unknown_field(bench: Bench) -> str:
    """In the signed words: a hash of known fields alone would leave it unsigned and shown."""
    bench.world.collect().bundle.write(bench.folder / "bundle")
    path = bench.folder / "bundle" / "root.json"
    document = json.loads(path.read_bytes())
    document["root"]["note"] = "0"
    path.write_text(json.dumps(document))
    return bench.sign_folder()


def _eight_lines(bench: Bench) -> str:
    return require_no_gain(bench.desk())


CASES: Mapping[str, tuple[str, Callable[[Bench], str]]] = {
    "evidence of one chain under another with the same block hash": ("E_CHECKPOINT_CHAIN", _other_chain),
    "a reorganised block": ("E_REORG", _reorganised),
    "a stale block": ("E_STALE_BLOCK", _stale),
    "a block that is not final": ("E_FINALITY", _unfinalised),
    **{f"state proof: {name}": (tamper.code, _tampered(tamper)) for name, tamper in PROOF_TAMPERS.items()},
    "an owner registered again within the epoch": ("E_BINDING_MIDEPOCH", _registered_again),
    "an owner bound again within the epoch": ("E_BINDING_MIDEPOCH", _bound_again),
    "a note that was raised": ("E_ALLOC_RAISED", _raised),
    "a note that was moved": ("E_ALLOC_MOVED", _moved),
    "a receipt token beside what it stands for": ("E_CUSTODY_OVERLAP", _receipt_and_underlying),
    "a line twice": ("E_CID_DUPLICATE", _doubled),
    "one asset in eight lines": ("E_MARGIN_SHORT", _eight_lines),
    "a quorum that is missing": ("E_QUORUM", _one_signature),
    "a signature with a high s": ("E_SIG_HIGH_S", _high_s),
    "a field that nobody knows": ("E_SCHEMA_UNKNOWN_FIELD", _unknown_field),
}
ONE_CODE = {
    "E_NODE_HASH": "whatever was done to nodes: one is not the node that its parent names",
    "E_NODE_SHAPE": "what tries of hashed keys cannot hold, under a block of the forger's",
    "E_ACCOUNT_MISMATCH": "a stated field is not the proven one; the message names it (nonce, balance, storageHash)",
    "E_SLOT_KEYS": "other slots than the layout's, in its order",
    "E_BINDING_MIDEPOCH": "one lie by two roads: the vault's slot, a signed binding",
}
"""Codes that stand for several cases, and why these are one."""


@pytest.mark.parametrize("name", CASES)
def test_each_refusal(name: str, world: Attesting, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    code, act = CASES[name]
    assert act(Bench(world, tmp_path, lambda: request.getfixturevalue("desk"))) == code


def test_each_has_its_own_code() -> None:
    by_code = defaultdict(list)
    for name, (code, _) in CASES.items():
        by_code[code].append(name)
    assert {code for code, names in by_code.items() if len(names) > 1} == set(ONE_CODE)
    assert len(PROOF_TAMPERS) >= 14


def test_an_untouched_bundle_is_signed(world: Attesting, tmp_path: Path) -> None:
    """The bench itself refuses nothing: what the cases meet is what they did."""
    bench = Bench(world, tmp_path, lambda: pytest.fail("not needed"))
    bench.vault().write(tmp_path / "bundle")
    key = tmp_path / "attestor.key"
    key.write_bytes(SigningKeyFile.of_key(ATTESTOR_KEYS[0], PASSPHRASE).to_bytes())
    signed = bench.attest("sign", tmp_path / "bundle", "--key", key, "--record", tmp_path / "record.json")
    assert signed.code == 0, signed.out
    assert len(Bundle.read(tmp_path / "bundle").document.signatures) == 1
