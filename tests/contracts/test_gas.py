"""Gas, transaction by transaction, against tests/golden/gas.csv and the budgets of specs/contracts.md#gas.

Proofs, keys and clocks are fixed, so the figures are exact; a change of them is a visible difference.
"""

from __future__ import annotations

import csv
import os
import random
from pathlib import Path

import pytest
from ledger import ADMIN, DAY, LENDER, NOW, TRADER, Ledger

from zkmargin.attestations.signatures import SigningKey
from zkmargin.field import FR_MODULUS as R
from zkmargin.verifier.contracts import words
from zkmargin.verifier.contracts.client import Contract
from zkmargin.verifier.contracts.deployment import deploy_registry, deploy_verifier
from zkmargin.verifier.contracts.encoding import proof_words
from zkmargin.verifier.contracts.words import Record

pytestmark = pytest.mark.chain
GOLDEN = Path(__file__).parent.parent / "golden" / "gas.csv"
BUDGETS = {
    "verify": 260_000,
    "each further proof of a batch": 65_000,
    "submit": 330_000,
    "submit, collateral and challenge": 400_000,
    "submit, refresh": 400_000,
    "submit, two venues": 400_000,
}
SEEDED = random.Random(20)
RANDOMNESS = SEEDED.randbytes(128)
WIDE = SEEDED.randrange(R)
"""Numbers as wide as honest ones: zero bytes of a call cost less."""


def _used(receipt: object) -> int:
    return int(receipt["gasUsed"])  # type: ignore[index]


def _verifying(ledger: Ledger) -> dict[str, int]:
    publics = [[SEEDED.randrange(R) for _ in range(7)] for _ in range(10)]
    proofs = [proof_words(ledger.key.prove(each, RANDOMNESS)) for each in publics]
    verifier = Contract(
        ledger.node, "Groth16Verifier", deploy_verifier(ledger.node, ADMIN, ledger.key.verifying_key)[0].address
    )
    batch = {n: _used(verifier.send(TRADER, "verifyBatch", proofs[:n], publics[:n])) for n in (1, 2, 10)}
    return {
        "verify": _used(verifier.send(TRADER, "verify", proofs[0], publics[0])),
        "a batch of one": batch[1],
        "a batch of ten": batch[10],
        "each further proof of a batch": max(batch[2] - batch[1], -(-(batch[10] - batch[1]) // 9)),
    }


def _registering(ledger: Ledger) -> dict[str, int]:
    _, registry = deploy_registry(ledger.node, ADMIN, TRADER.address, DAY)
    fresh = type(ledger.key)(ledger.key.zkey.parent, tau=2**99)
    _, verifier = deploy_verifier(ledger.node, ADMIN, fresh.verifying_key)
    policy = ledger.collateral_policy(challenge_required=True)
    added = ledger.registry.send(ADMIN, "addPolicy", words.policy_words(policy, LENDER.address, ledger.verifiers))
    ledger.go_to(NOW)
    return {
        "deploy registry": _used(registry),
        "deploy verifier": _used(verifier),
        "addPolicy": _used(added),
        "registerStatement": _used(ledger.show_statement(policy, ledger.statement(commitment=WIDE))),
        "registerSnapshot": _used(ledger.show_snapshot(policy, ledger.snapshot(table_commitment=WIDE))),
        "registerRoot": _used(ledger.show_root(policy, ledger.root(root=WIDE))),
        "requestChallenge": _used(ledger.registry.send(TRADER, "requestChallenge", policy.policy_id)),
    }


def _submitting(ledger: Ledger) -> dict[str, int]:
    gas = {}
    statement, snapshot = ledger.statement(commitment=WIDE), ledger.snapshot(table_commitment=WIDE)
    root, registry = ledger.root(root=WIDE), ledger.registry
    plain, backed = ledger.add(ledger.policy()), ledger.add(ledger.collateral_policy(challenge_required=True))
    paired = ledger.add(ledger.policy(ledger.pair_key, venues=2))
    for policy in (plain, backed, paired):
        ledger.show_statement(policy, statement)
        ledger.show_snapshot(policy, snapshot)
    second = ledger.statement(paired.venues[1].venue_id, commitment=WIDE - 1)
    ledger.show_statement(paired, second, 1)
    ledger.show_root(backed, root)

    def submit(name: str, policy: object, held: Record | None = None, **parts: object) -> Record:
        envelope = ledger.envelope(
            policy, **{"statements": [statement], "snapshot": snapshot, "randomness": RANDOMNESS} | parts
        )  # type: ignore[arg-type]
        receipt = registry.send(TRADER, "submit", words.submission_words(envelope, held))
        gas[name] = _used(receipt)
        (event,) = registry.events(receipt, "Pledged")
        return Record.of_words(event["record"])

    held = submit("submit", plain, nullifier=WIDE - 2)
    submit("submit, refresh", plain, held, nullifier=WIDE - 2, issued_at=NOW + 2)
    submit("submit, two venues", paired, statements=[statement, second], nullifier=WIDE - 3)
    asked = registry.send(TRADER, "requestChallenge", backed.policy_id)
    (challenge,) = registry.events(asked, "ChallengeIssued")
    record = submit("submit, collateral and challenge", backed, root=root, challenge=challenge["challenge"],
                    nullifier=WIDE - 4)  # fmt: skip
    ledger.go_to(NOW + 300)
    signature = LENDER.sign(record.release(WIDE - 4, NOW + 200).digest(ledger.domain.signing()))
    gas["release"] = _used(
        registry.send(SigningKey(TRADER.secret()), "release", WIDE - 4, record.words, NOW + 200, signature)
    )
    return gas


def test_gas(ledger: Ledger) -> None:
    found = _registering(ledger) | _verifying(ledger) | _submitting(ledger)
    for name, most in BUDGETS.items():
        assert found[name] <= most, name
    if os.environ.get("ZKMARGIN_WRITE_GOLDEN") == "1":
        with GOLDEN.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("transaction", "gas"), *found.items()])
    with GOLDEN.open(encoding="utf-8", newline="") as file:
        golden = {name: int(gas) for name, gas in list(csv.reader(file))[1:]}
    assert set(found) == set(golden)
    for name, gas in found.items():
        assert abs(gas - golden[name]) <= TOLERANCE.get(name, 0), name


TOLERANCE = {"submit, collateral and challenge": 200, "release": 200}
"""A challenge is a hash over the block before: its zero bytes, and those of what follows from it, differ."""
