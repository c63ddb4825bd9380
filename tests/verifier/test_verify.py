"""What a verifier demands of times, parties, market and claim; and that it cannot be misread."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from parties import (
    CHALLENGE,
    EXPIRY,
    IDS,
    INITIAL,
    NOW,
    PUBLISHER,
    RULES,
    STRANGER,
    VENUE,
    World,
    small_market,
)

from zkmargin.attestations.context import Claim
from zkmargin.attestations.documents import OfflineDomain, Signers
from zkmargin.circuits.rules import parse_rules
from zkmargin.errors import SchemaType, VerificationError, ZkMarginError
from zkmargin.field import FR_MODULUS
from zkmargin.margin.market import Market
from zkmargin.margin.tables import Instrument, Listing
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.policy import LeastClaim, MaximumAge, VenuePolicy
from zkmargin.verifier.public_inputs import GAMMA_TAG, compute_gamma

pytestmark = pytest.mark.prove


def refusal(world: World, envelope: Envelope | bytes, **arguments: Any) -> str:
    try:
        world.verify(envelope, **arguments)
    except ZkMarginError as error:
        return error.code
    return "holds"


# --- the verdict ----------------------------------------------------------------------------------------


def test_a_verdict_says_what_holds_and_what_does_not(world: World, envelope: Envelope) -> None:
    verdict = world.verify(envelope)
    assert verdict.claim == Claim()
    assert verdict.rule_set == "small_scan"
    assert [venue.name for venue in verdict.venues] == ["venue"]
    assert verdict.insecure_key
    assert not verdict.exclusive
    assert verdict.challenge_checked
    assert (verdict.price_age, verdict.proof_age, verdict.venues[0].age) == (10, 0, 30)
    assert verdict.nullifier == envelope.public_inputs.nullifier
    text = " ".join(verdict.warnings)
    for word in ("insecure key", "not exclusive", "completeness is not claimed", "clock was given"):
        assert word in text
    shown = verdict.to_json()
    assert shown["clock"] == {"time": str(NOW), "source": "given"}
    assert shown["holds"] is True


def test_a_verdict_is_not_a_truth_value(world: World, envelope: Envelope) -> None:
    verdict = world.verify(envelope)
    with pytest.raises(TypeError, match="verify raises"):
        bool(verdict)
    with pytest.raises(TypeError):
        assert not verdict


def test_the_clock_is_the_machines_unless_given(
    world: World, envelope: Envelope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW + 5.9)
    verdict = world.verify(envelope, at=None)
    assert (verdict.clock, verdict.clock_source) == (NOW + 5, "system")
    assert "clock was given" not in " ".join(verdict.warnings)
    monkeypatch.setattr(time, "time", lambda: NOW + 10**6)
    assert refusal(world, envelope, at=None) == "E_EXPIRY"
    assert world.verify(envelope, at=NOW).clock_source == "given"


@pytest.mark.parametrize("at", [-1, 1 << 64, True, 1.5, "now", str(NOW)])
def test_a_clock_is_a_whole_number_of_seconds(world: World, envelope: Envelope, at: Any) -> None:
    with pytest.raises(SchemaType):
        world.verify(envelope, at=at)


@pytest.mark.parametrize("given", ["{}", None, {}, bytearray(b"{}"), 1])
def test_an_envelope_is_an_envelope_or_its_bytes(world: World, given: Any) -> None:
    with pytest.raises(SchemaType):
        world.verify(given)


def test_an_envelope_is_named_by_its_canonical_bytes(envelope: Envelope) -> None:
    raw = envelope.to_bytes()
    assert Envelope.parse(raw).digest == hashlib.sha256(raw).digest()


def test_valid_until_is_the_first_moment_at_which_something_has_expired(world: World, envelope: Envelope) -> None:
    until = world.verify(envelope).valid_until
    assert refusal(world, envelope, at=until - 1) == "holds"
    assert refusal(world, envelope, at=until) != "holds"


# --- times ----------------------------------------------------------------------------------------------


def test_proof_age_and_expiry(world: World) -> None:
    policy = world.policy(maximum_age=MaximumAge(price=10**6, statement=10**6, proof=300))
    snapshot = world.snapshot(expires_at=NOW + 10**6)
    envelope = world.prove(policy=policy, snapshot=snapshot)
    arguments: dict[str, Any] = {"policy": policy, "market": snapshot}
    assert envelope.context.expires_at == NOW + 301
    for at, code in (
        (NOW - 61, "E_EXPIRY"),
        (NOW - 60, "holds"),
        (NOW, "holds"),
        (NOW + 300, "holds"),
        (NOW + 301, "E_EXPIRY"),
        (NOW + 10**5, "E_EXPIRY"),
    ):
        assert refusal(world, envelope, at=at, **arguments) == code, at - NOW


def test_prices_statements_and_snapshots_grow_old(world: World, envelope: Envelope) -> None:
    assert refusal(world, envelope, at=NOW + 110) == "holds"
    assert refusal(world, envelope, at=NOW + 111) == "E_PRICE_STALE"
    for ages, code in (
        ({"price": 9, "statement": 30, "proof": 0}, "E_PRICE_STALE"),
        ({"price": 10, "statement": 29, "proof": 0}, "E_STATEMENT_STALE"),
    ):
        policy = world.policy(maximum_age=MaximumAge(**ages))
        with pytest.raises(ZkMarginError) as caught:
            world.prove(policy=policy)
        assert caught.value.code == code
    exact = world.policy(maximum_age=MaximumAge(price=10, statement=30, proof=0))
    assert refusal(world, world.prove(policy=exact), policy=exact) == "holds"
    late = world.policy(maximum_age=MaximumAge(price=10**6, statement=10**6, proof=10**6))
    kept = world.prove(policy=late)
    assert refusal(world, kept, policy=late, at=NOW + 889) == "holds"
    assert refusal(world, kept, policy=late, at=NOW + 890) == "E_PRICE_STALE"
    longer = world.snapshot(expires_at=NOW + 10**6)
    kept = world.prove(policy=late, snapshot=longer)
    assert refusal(world, kept, policy=late, market=longer, at=NOW + 3599) == "holds"
    assert refusal(world, kept, policy=late, market=longer, at=NOW + 3600) == "E_STATEMENT_STALE"


@pytest.mark.parametrize(
    ("market", "statement", "code"),
    [
        ({"price_time": NOW + 61}, {}, "E_PRICE_FUTURE"),
        ({"price_time": NOW + 60}, {}, "E_PRICE_FUTURE"),  # issuedAt is a second later
        ({"price_time": NOW + 59}, {}, "holds"),
        ({}, {"as_of": NOW + 61, "issued_at": NOW}, "E_STATEMENT_STALE"),
        ({}, {"issued_at": NOW + 61}, "E_STATEMENT_STALE"),
        ({}, {"as_of": NOW + 60, "issued_at": NOW + 60}, "holds"),
        ({}, {"expires_at": NOW}, "E_STATEMENT_STALE"),
        ({}, {"epoch": NOW // 86400 + 1}, "E_EPOCH"),
        ({}, {"audience": bytes(32)}, "E_VENUE"),
        ({}, {"venue_id": bytes(32)}, "E_STATEMENT"),
    ],
)
def test_documents_that_do_not_fit_are_refused_before_proving(
    world: World, market: dict[str, int], statement: dict[str, Any], code: str
) -> None:
    snapshot = world.snapshot(small_market(**market))
    account = world.statement(**statement)
    if code == "holds":
        assert refusal(world, world.prove(snapshot=snapshot, account=account), market=snapshot) == "holds"
        return
    with pytest.raises(VerificationError) as caught:
        world.prove(snapshot=snapshot, account=account)
    assert caught.value.code == code


def test_epochs(world: World) -> None:
    """A day's epoch: no statement outlives it; the next one may be shown a little before it begins."""
    policy = world.policy(maximum_age=MaximumAge(price=10**6, statement=10**6, proof=10**6), clock_skew=0)
    end = (NOW // 86400 + 1) * 86400
    snapshot = world.snapshot(expires_at=end + 10**6)
    account = world.statement(expires_at=end + 10**6)
    envelope = world.prove(policy=policy, snapshot=snapshot, account=account)
    assert envelope.context.expires_at == end
    arguments: dict[str, Any] = {"policy": policy, "market": snapshot}
    assert refusal(world, envelope, at=end - 1, **arguments) == "holds"
    assert refusal(world, envelope, at=end, **arguments) == "E_EXPIRY"
    ages = MaximumAge(price=7200, statement=7200, proof=7200)
    early = world.policy(maximum_age=ages, clock_skew=7200, epoch_lead=3600)
    soon = end - 3600
    fresh = world.snapshot(small_market(price_time=soon - 10), expires_at=end + 100)
    account = world.statement(as_of=soon - 5, issued_at=soon, expires_at=end + 99, epoch=end // 86400)
    envelope = world.prove(policy=early, snapshot=fresh, account=account, at=end)
    verdict = world.verify(envelope, policy=early, market=fresh, at=soon)
    assert verdict.effective_from == end
    assert any("pending" in warning for warning in verdict.warnings)
    assert refusal(world, envelope, policy=early, market=fresh, at=soon - 1) == "E_EPOCH"


def test_no_instrument_expires_between_positions_and_prices(world: World) -> None:
    at = EXPIRY + 5
    snapshot = world.snapshot(small_market(price_time=EXPIRY))
    before = world.statement(as_of=EXPIRY - 1, issued_at=EXPIRY, expires_at=at + 99)
    with pytest.raises(VerificationError) as caught:
        world.prove(snapshot=snapshot, account=before, at=at)
    assert caught.value.code == "E_STATEMENT_STALE"
    assert IDS[1] in str(caught.value)
    after = world.statement(as_of=EXPIRY, issued_at=EXPIRY, expires_at=at + 99)
    assert refusal(world, world.prove(snapshot=snapshot, account=after, at=at), market=snapshot, at=at) == "holds"


# --- parties --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"verifier_id": b"\x09" * 32}, "E_VENUE"),
        ({"target": b"\x09" * 32}, "E_TARGET"),
        ({"domain": OfflineDomain(salt=b"\x09" * 32)}, "E_DOMAIN"),
        ({"name": "another policy"}, "E_POLICY"),
        ({"clock_skew": 61}, "E_POLICY"),
    ],
)
def test_a_proof_for_someone_else_is_refused(
    world: World, envelope: Envelope, changes: dict[str, Any], code: str
) -> None:
    assert refusal(world, envelope, policy=world.policy(**changes)) == code


def test_challenges(world: World, envelope: Envelope) -> None:
    assert refusal(world, envelope, challenge=None) == "E_CHALLENGE"
    assert refusal(world, envelope, challenge=b"\x09" * 32) == "E_CHALLENGE"
    assert refusal(world, envelope, challenge=CHALLENGE[:31]) == "E_CHALLENGE"
    assert refusal(world, envelope, challenge=b"") == "E_CHALLENGE"
    free = world.policy(challenge_required=False)
    without = world.prove(policy=free, challenge=None)
    assert refusal(world, without, policy=free, challenge=None) == "holds"
    assert refusal(world, without, policy=free, challenge=CHALLENGE) == "E_CHALLENGE"
    verdict = world.verify(without, policy=free, challenge=None)
    assert any("shown before" in warning for warning in verdict.warnings)
    answered = world.prove(policy=free)
    assert refusal(world, answered, policy=free, challenge=None) == "E_CHALLENGE"
    assert refusal(world, answered, policy=free) == "holds"


def test_statements_of_exactly_the_venues_on_the_policy(world: World, envelope: Envelope) -> None:
    other = VenuePolicy(venue_id=b"\x7f" * 32, name="other", signers=Signers.of(STRANGER.address))
    policy = world.policy()
    for venues, code in (((*policy.venues, other), "E_VENUE_COUNT"), ((other,), "E_STATEMENT")):
        changed = world.policy(venues=venues)
        with pytest.raises(VerificationError) as caught:
            world.prove(policy=changed)
        assert caught.value.code == code
    doubled = envelope.to_json()
    doubled["statements"] *= 2
    assert refusal(world, _bytes(doubled)) == "E_SCHEMA_TYPE"
    doubled["publicInputs"]["positions"] *= 2
    assert refusal(world, _bytes(doubled)) == "E_STATEMENT_TWICE"


def _bytes(tree: Any) -> bytes:
    import json

    return json.dumps(tree).encode()


# --- rules and keys -------------------------------------------------------------------------------------


def test_rules_and_keys_count_only_by_being_listed(world: World, envelope: Envelope, tmp_path: Path) -> None:
    other_text = RULES.replace(b"small_scan", b"other_scan")
    assert refusal(world, envelope, rules=parse_rules(other_text)) == "E_VK"
    disguised = replace(parse_rules(other_text), digest=world.rules.digest)
    assert refusal(world, envelope, rules=disguised) == "E_VK"
    twin = World(tmp_path, text=RULES)
    assert twin.accepted.r1cs_digest == world.accepted.r1cs_digest
    assert twin.accepted.vk_hash != world.accepted.vk_hash
    assert refusal(world, envelope, verifying_key=twin.verifying_key) == "E_VK"
    foreign = twin.prove(policy=twin.policy())
    assert refusal(world, foreign) == "E_POLICY"
    assert refusal(world, foreign, policy=twin.policy()) == "E_VK"
    unlisted = world.policy(rule_sets=(twin.accepted,))
    with pytest.raises(VerificationError) as caught:
        world.prove(policy=unlisted)
    assert caught.value.code == "E_VK"
    both = sorted((twin.accepted, world.accepted), key=lambda entry: entry.vk_hash)
    wide = world.policy(rule_sets=tuple(both))
    assert refusal(world, world.prove(policy=wide), policy=wide) == "holds"
    assert refusal(world, world.prove(policy=wide), policy=wide, verifying_key=twin.verifying_key) == "E_VK"


# --- the market -----------------------------------------------------------------------------------------


def test_only_the_signed_tables_count(world: World, envelope: Envelope) -> None:
    assert refusal(world, envelope, market=small_market()) == "holds"
    assert refusal(world, envelope, market=small_market(shift=1)) == "E_MARKET"
    assert refusal(world, envelope, market=small_market(im_factor=13001)) == "E_MARKET"
    assert refusal(world, envelope, market=small_market(price_time=NOW - 11)) == "E_MARKET"
    honest = small_market()
    assert refusal(world, envelope, market=replace(honest, sources=())) == "E_MARKET"
    more = Listing(honest.listing.instruments, 2, "usd", 3)
    assert refusal(world, envelope, market=replace(honest, listing=more)) == "E_LISTING"


def test_signed_tables_that_break_the_rules_are_refused(world: World) -> None:
    """The publisher signs tables that the rule set forbids: a parameter over its condition."""
    snapshot = world.snapshot(small_market(im_factor=20001))
    with pytest.raises(VerificationError) as caught:
        world.prove(snapshot=snapshot)
    assert caught.value.code == "E_CONDITION"


def test_a_snapshot_for_another_rule_set_is_refused(world: World) -> None:
    with pytest.raises(VerificationError) as caught:
        world.prove(snapshot=world.snapshot(rule_digest=bytes(32)))
    assert caught.value.code == "E_MARKET"


def test_quorum_of_publishers(world: World) -> None:
    policy = world.policy(publishers=Signers.of(PUBLISHER.address, VENUE.address, threshold=2))
    with pytest.raises(VerificationError) as caught:
        world.prove(policy=policy)
    assert caught.value.code == "E_QUORUM"
    snapshot = world.snapshot(keys=[VENUE, PUBLISHER])
    assert refusal(world, world.prove(policy=policy, snapshot=snapshot), policy=policy) == "holds"


@pytest.mark.parametrize(("lot_decimals", "cash_unit", "cash_decimals"), [(3, "usd", 2), (2, "usd", 3), (2, "eur", 2)])
def test_lots_and_cash_mean_what_the_rules_say(
    world: World, lot_decimals: int, cash_unit: str, cash_decimals: int
) -> None:
    """A listing with other decimals would let 1.00 contract pass for 10.0."""
    honest = small_market()
    listing = Listing(honest.listing.instruments, lot_decimals, cash_unit, cash_decimals)
    market = replace(honest, listing=listing)
    account = world.statement(listing_digest=listing.digest)
    with pytest.raises(VerificationError) as caught:
        world.prove(snapshot=world.snapshot(market), account=account)
    assert caught.value.code == "E_LISTING"


def test_statement_and_snapshot_are_about_one_listing(world: World) -> None:
    honest = small_market()
    instruments = [replace(entry, multiplier="10") for entry in honest.listing.instruments]
    market = Market(Listing(tuple(instruments), 2, "usd", 2), honest.tables, honest.price_time, honest.sources)
    with pytest.raises(VerificationError) as caught:
        world.prove(snapshot=world.snapshot(market))
    assert caught.value.code == "E_LISTING"
    assert isinstance(instruments[0], Instrument)


# --- the claim ------------------------------------------------------------------------------------------


def test_claims(world: World, envelope: Envelope) -> None:
    initial = world.policy(claim=LeastClaim(kind="initial", num=1, den=1))
    proven = world.prove(policy=initial)
    assert world.verify(proven, policy=initial).claim == INITIAL
    buffered = world.policy(claim=LeastClaim(kind="maintenance", num=5, den=4))
    stronger = world.prove(policy=buffered, claim=Claim(num=3, den=2))
    assert world.verify(stronger, policy=buffered).claim == Claim(num=3, den=2)
    for claim in (Claim(num=6, den=5), Claim(), INITIAL, Claim(num=5, den=4, min_lock=1)):
        with pytest.raises(VerificationError) as caught:
            world.prove(policy=buffered, claim=claim)
        assert caught.value.code == "E_CLAIM"
    tree = envelope.to_json()
    for packed in (
        INITIAL.pack(),
        Claim(num=2, den=1).pack(),
        1 << 24 | 2 << 8 | 2,
        1 << 104 | 1 << 24 | 1 << 8,
    ):
        tree["publicInputs"]["claim"] = str(packed)
        code = "E_PROOF_INVALID" if packed == Claim(num=2, den=1).pack() else "E_CLAIM"
        assert refusal(world, _bytes(tree)) == code


# --- gamma ----------------------------------------------------------------------------------------------


def test_gamma_depends_on_everything_before_it() -> None:
    assert len(GAMMA_TAG) == 32
    message = b"zkmargin.v1.gamma" + bytes(15) + b"\1" * 32 + b"\2" * 32 + b"\3" * 32 + b"\0\0\0\2"
    message += bytes(31) + b"\5" + bytes(31) + b"\6"
    by_hand = int.from_bytes(hashlib.sha256(message).digest(), "big") % FR_MODULUS
    assert compute_gamma(b"\1" * 32, b"\2" * 32, b"\3" * 32, [5, 6]) == by_hand
    base = (b"\1" * 32, b"\2" * 32, b"\3" * 32, [1, 2, 3])
    gammas = {compute_gamma(*base)}
    for change in (
        (b"\0" * 32, *base[1:]),
        (base[0], b"\0" * 32, *base[2:]),
        (*base[:2], b"\0" * 32, base[3]),
        *((*base[:3], values) for values in ([0, 2, 3], [1, 2], [1, 2, 3, 0], [2, 1, 3], [])),
    ):
        gammas.add(compute_gamma(*change))
    assert len(gammas) == 9
    for wrong in ((b"", *base[1:]), (*base[:3], [-1]), (*base[:3], [1 << 255])):
        with pytest.raises(ZkMarginError):
            compute_gamma(*wrong)


# --- python -O ------------------------------------------------------------------------------------------

SCRIPT = """
import json, sys
from pathlib import Path
from parties import World
from tampering import code_of, changed
folder = Path(sys.argv[1])
world = World(folder)
tree = json.loads((folder / "envelope.json").read_bytes())
print(__debug__)
for engine in ("rust", "python"):
    print(code_of(world, tree, engine))
    for path, value in (
        (("publicInputs", "nullifier"), "1"), (("proof", "a", 0), "1"), (("publicInputs", "context"), "1"),
        (("context", "expiresAt"), "1"), (("commitments",), ["1"]), (("market", "signatures"), []),
        (("statements", 0, "statement", "seq"), "8"),
    ):
        print(code_of(world, changed(tree, path, value), engine))
"""


def test_optimised_python_changes_no_verdict(world: World, envelope: Envelope) -> None:
    (world.folder / "envelope.json").write_bytes(envelope.to_bytes())
    here = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(here), str(here.parent)])}
    found = []
    for flags in ([], ["-O"]):
        run = subprocess.run(
            [sys.executable, *flags, "-c", SCRIPT, str(world.folder)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        found.append(run.stdout.split())
    assert [lines[0] for lines in found] == ["True", "False"]
    assert found[0][1:] == found[1][1:]
    per_engine = [
        "holds",
        *("E_PROOF_INVALID", "E_PROOF_POINT", "E_CONTEXT", "E_EXPIRY"),
        *("E_SCHEMA_TYPE", "E_QUORUM", "E_SIG_NOT_ATTESTOR"),
    ]
    assert found[0][1:] == per_engine * 2
