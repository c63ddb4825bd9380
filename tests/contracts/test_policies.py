"""Policies are the administrator's, and never change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ledger import (
    ADMIN,
    LENDER,
    NOW,
    SECOND_ID,
    SECOND_VENUE,
    STRANGER,
    VENUE,
    Ledger,
    refused,
)

from zkmargin.attestations.context import ZERO32
from zkmargin.encoding import hex_bytes, keccak256
from zkmargin.errors import VerificationError
from zkmargin.verifier.contracts import words

pytestmark = pytest.mark.chain


# --- policies -------------------------------------------------------------------------------------------------------


def test_policies_are_the_administrators_and_never_change(ledger: Ledger) -> None:
    policy = ledger.policy()
    refused("NotAdministrator", "E_CONTRACT", lambda: ledger.add(policy, sender=STRANGER))
    ledger.ready(policy)
    listed = words.policy_words(policy, LENDER.address, ledger.verifiers)
    refused("PolicyExists", "E_CONTRACT", lambda: ledger.registry.call("addPolicy", listed, sender=ADMIN.address))
    refused("NotAdministrator", "E_CONTRACT", lambda: ledger.registry.call("retirePolicy", policy.policy_id))
    record = ledger.submit(ledger.envelope(policy))
    ledger.registry.send(ADMIN, "retirePolicy", policy.policy_id)
    assert ledger.registry.call("policyState", policy.policy_id)[1] is True
    refused("PolicyIsRetired", "E_POLICY", lambda: ledger.submit(ledger.envelope(policy, issued_at=NOW + 3), record))
    unknown = keccak256(b"none")
    call = ("retirePolicy", unknown)
    refused("PolicyUnknown", "E_POLICY", lambda: ledger.registry.call(*call, sender=ADMIN.address))


def _two_venues(policy: words.Words) -> None:
    """A key of one venue under a policy of two."""
    policy["terms"].update(venues=2)
    policy["venues"].append({"venueId": SECOND_ID, "signers": _members(SECOND_VENUE)})


def _members(*keys: Any) -> words.Words:
    return {"nonce": 0, "members": [key.address for key in keys], "threshold": 1}


def _ordered(*keys: Any) -> list[Any]:
    return sorted(keys, key=lambda key: key.address)


MALFORMED: list[tuple[str, Callable[[words.Words], Any]]] = [
    ("policyId", lambda p: p.update(policyId=ZERO32)),
    ("venues", lambda p: p.update(venues=[])),
    ("venues", lambda p: p["terms"].update(venues=0)),
    ("venues", lambda p: p["terms"].update(retired=True)),
    ("venues", lambda p: p["venues"][0].update(signers=_members())),
    ("venues", lambda p: p["venues"][0].update(signers=_members(*_ordered(VENUE, STRANGER)[::-1]))),
    ("venues", lambda p: p["venues"][0].update(signers=_members(VENUE, VENUE))),
    ("venues", lambda p: p["venues"][0].update(signers={**_members(VENUE), "threshold": 2})),
    ("venues", lambda p: p["venues"][0].update(signers={**_members(VENUE), "threshold": 0})),
    ("claim", lambda p: p["terms"].update(den=0)),
    ("claim", lambda p: p["terms"].update(num=3)),
    ("claim", lambda p: p["terms"].update(kind=2)),
    ("ruleSets", lambda p: p.update(ruleSets=[])),
    ("collateral", lambda p: p["terms"].update(collateral=True)),
    ("collateral", lambda p: p.update(attestors=_members(STRANGER))),
    ("exclusive", lambda p: p["terms"].update(exclusive=True)),
    ("publishers", lambda p: p.update(publishers=_members())),
    ("verifier account", lambda p: p.update(verifier="eip155:1:0x12")),
    ("verifier account", lambda p: p.update(verifier=p["verifier"][:-1] + "G")),
    ("verifier account", lambda p: p.update(verifier="solana" + p["verifier"][6:])),
    ("transcriptDigest", lambda p: p["ruleSets"][0].update(insecure=False)),
    ("verifier", lambda p: p["ruleSets"][0].update(verifier=bytes(20))),
    ("vkHash", lambda p: p["ruleSets"][0].update(vkHash=ZERO32)),
    ("inputs", lambda p: _two_venues(p)),
]


def test_malformed_policies(ledger: Ledger) -> None:
    listed = words.policy_words(ledger.policy(), LENDER.address, ledger.verifiers)
    ledger.registry.call("addPolicy", listed, sender=ADMIN.address)
    for what, change in MALFORMED:
        changed = words.policy_words(ledger.policy(), LENDER.address, ledger.verifiers)
        change(changed)
        with pytest.raises(VerificationError) as caught:
            ledger.registry.call("addPolicy", changed, sender=ADMIN.address)
        assert caught.value.got == f"what {what}", str(caught.value)


def test_venues_are_distinct_parties_in_order(ledger: Ledger) -> None:
    listed = words.policy_words(ledger.policy(ledger.pair_key, venues=2), LENDER.address, ledger.verifiers)
    call = ledger.registry.call
    call("addPolicy", listed, sender=ADMIN.address)
    turned = {**listed, "venues": listed["venues"][::-1]}
    shared = {**listed, "venues": [listed["venues"][0], {**listed["venues"][1], "signers": _members(VENUE)}]}
    for changed in (turned, shared):
        refused(
            "PolicyMalformed", "E_CONTRACT", lambda changed=changed: call("addPolicy", changed, sender=ADMIN.address)
        )


def test_a_verifier_of_other_code_is_not_taken(ledger: Ledger) -> None:
    """One that says yes to everything, under the digest of a listed key."""
    listed = words.policy_words(ledger.policy(), LENDER.address, ledger.verifiers)
    says = vk = listed["ruleSets"][0]["vkHash"]
    code = b"\x7f" + says + bytes.fromhex("60005260206000f3")  # PUSH32 vkHash, MSTORE at 0, RETURN 32 bytes
    liar = keccak256(b"liar")[-20:]
    ledger.chain.rpc.call("anvil_setCode", hex_bytes(liar), hex_bytes(code))
    listed["ruleSets"][0]["verifier"] = liar
    assert vk == ledger.node.call(liar, b"")
    told = refused(
        "PolicyMalformed", "E_CONTRACT", lambda: ledger.registry.call("addPolicy", listed, sender=ADMIN.address)
    )
    assert told.got == "what verifier"
