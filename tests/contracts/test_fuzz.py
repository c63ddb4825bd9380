"""Forge sends the contracts anything, above all what is nearly valid; they accept nothing but the valid.

``make fuzz-contracts`` makes 100,800 calls, 7,200 of each kind; here 64 of each.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from chain_world import PEERS, require_peers
from ledger import ADMIN, ATTESTOR_KEYS, LENDER, NOW, NULLIFIER, PUBLISHER, VENUE, Ledger

from zkmargin.encoding import hex_bytes
from zkmargin.formats import vk_hash
from zkmargin.verifier.contracts import words
from zkmargin.verifier.contracts.artifacts import FOLDER
from zkmargin.verifier.contracts.client import Contract
from zkmargin.verifier.contracts.encoding import proof_words
from zkmargin.verifier.contracts.words import record_slot

pytestmark = [pytest.mark.chain, pytest.mark.node]
PROJECT = Path(__file__).parent / "forge"
RUNS = int(os.environ.get("ZKMARGIN_FUZZ_RUNS", "64"))
KINDS = 14


def _forge() -> str:
    machine = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "")
    binary = PEERS / "node_modules" / "@foundry-rs" / f"forge-{platform.system().lower()}-{machine}" / "bin" / "forge"
    if not binary.exists():
        if os.environ.get("ZKMARGIN_CI") == "1":
            pytest.fail("forge is not installed (ZKMARGIN_CI=1 insists)")
        pytest.skip("forge is not installed (make peers)")
    return str(binary)


def _fixture(ledger: Ledger) -> dict[str, object]:
    """Codes, the calls that set the stage, and a valid call of each kind, all as one chain would have them."""
    registry, policy = ledger.registry, ledger.add(ledger.collateral_policy())
    ledger.go_to(NOW)
    statement, snapshot, root = ledger.statement(), ledger.snapshot(), ledger.root()
    rest = [words.checkpoint_words(mark) for mark in ledger.checkpoints()], words.chain_words(policy)
    documents = [
        registry.encode("registerStatement", policy.policy_id, 0, words.statement_words(statement),
                        ledger.signed(statement, [VENUE], words.signers_words(policy.venues[0].signers))),
        registry.encode("registerSnapshot", policy.policy_id, words.snapshot_words(snapshot),
                        ledger.signed(snapshot, [PUBLISHER], words.signers_words(policy.publishers))),
        registry.encode("registerRoot", policy.policy_id, words.root_words(root), *rest,
                        ledger.signed(root, ATTESTOR_KEYS[:2], words.attestor_words(policy))),
    ]  # fmt: skip
    for call in documents:
        ledger.node.send(ADMIN, registry.address, call)
    envelope = ledger.envelope(policy, root=root)
    submission = words.submission_words(envelope)
    verifier = Contract(ledger.node, "Groth16Verifier", ledger.verifiers[vk_hash(ledger.key.verifying_key)])
    publics = [*envelope.public_inputs.leading(), snapshot.table_commitment]
    proof = submission["proof"]
    second = [each + 1 for each in publics]
    batch = [proof, proof_words(ledger.key.prove(second))], [publics, second]
    ledger.at(NOW + 50)
    record = ledger.submit(envelope)
    signature = LENDER.sign(record.release(NULLIFIER, NOW + 80).digest(ledger.domain.signing()))
    listed = words.policy_words(policy, LENDER.address, ledger.verifiers)
    return {
        "chainId": ledger.node.chain_id,
        "time": NOW + 50,
        "administrator": hex_bytes(ADMIN.address),
        "registry": hex_bytes(registry.address),
        "verifier": hex_bytes(verifier.address),
        "registryCode": hex_bytes(ledger.node.code(registry.address)),
        "verifierCode": hex_bytes(ledger.node.code(verifier.address)),
        "policies": [hex_bytes(registry.encode("addPolicy", listed))],
        "documents": [hex_bytes(call) for call in documents],
        "submission": hex_bytes(registry.encode("submit", submission)),
        "verification": hex_bytes(verifier.encode("verify", proof, publics)),
        "batch": hex_bytes(verifier.encode("verifyBatch", *batch)),
        "release": hex_bytes(registry.encode("release", NULLIFIER, record.words, NOW + 80, signature)),
        "slot": hex_bytes(record_slot(NULLIFIER)),
    }


def test_nothing_but_the_valid_is_accepted(ledger: Ledger, tmp_path: Path) -> None:
    require_peers()
    for name in ("src", "test"):
        (tmp_path / name).mkdir()
    for name in ("IGroth16Verifier.sol", "IMarginRegistry.sol"):
        shutil.copy(FOLDER / name, tmp_path / "src" / name)
    shutil.copy(PROJECT / "Fuzz.t.sol", tmp_path / "test" / "Fuzz.t.sol")
    settings = (PROJECT / "foundry.toml").read_text(encoding="utf-8")
    (tmp_path / "foundry.toml").write_text(
        settings.replace("[fuzz]", f'solc = "{PEERS / "solc-standard.cjs"}"\n\n[fuzz]\nruns = {RUNS}'), encoding="utf-8"
    )
    (tmp_path / "fixture.json").write_text(json.dumps(_fixture(ledger)), encoding="utf-8")
    environment = {**os.environ, "FOUNDRY_DISABLE_NIGHTLY_WARNING": "1", "HOME": str(tmp_path)}
    done = subprocess.run(
        [_forge(), "test", "--root", str(tmp_path), "--threads", "1"], capture_output=True, text=True, env=environment,
        timeout=7200,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    passed = re.findall(r"\[PASS\] testFuzz_\w+\(.*\) \(runs: (\d+)", done.stdout)
    assert [int(runs) for runs in passed] == [RUNS] * KINDS, done.stdout[-6000:]
    assert "[PASS] test_theValidOnesHold" in done.stdout
