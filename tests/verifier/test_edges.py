"""Where a check begins to hold and where it ceases: what binds each public input, first and last moments, most and
fewest entries."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest
from parties import IDS, NOW, RULES, STRANGER, VENUE, World, small_market
from tampering import changed
from test_checks import in_context, refusal

from zkmargin.attestations.context import Claim, compute_context_input, compute_statements_hash
from zkmargin.attestations.documents import Signers, sign
from zkmargin.attestations.price_evidence import PriceFinding
from zkmargin.backend import engine_name
from zkmargin.circuits.rules import RuleSet, parse_rules
from zkmargin.encoding import hex_bytes
from zkmargin.errors import ClaimMismatch, FieldRange, MarketMismatch, ProofPoint, StatementTwice, ZkMarginError
from zkmargin.field import FR_MODULUS
from zkmargin.formats import split_verifying_key, vk_hash
from zkmargin.margin.market import Market
from zkmargin.margin.tables import Column, Listing, Tables
from zkmargin.verifier.checked_market import require_listing
from zkmargin.verifier.checks import Case, require_claim, require_statements, require_tables
from zkmargin.verifier.envelope import MAX_VENUES, Envelope, PublicInputs, SignedSnapshot, SignedStatement
from zkmargin.verifier.policy import MaximumAge, Policy, VenuePolicy
from zkmargin.verifier.verify import _require_bound_inputs, _Statement, _verdict

pytestmark = pytest.mark.prove


def case_of(world: World, envelope: Envelope, **changes: Any) -> Case:
    """What ``verify`` would judge."""
    fields: dict[str, Any] = {
        "envelope": envelope,
        "policy": world.policy(),
        "market": world.snapshot().market,
        "rules": world.rules,
        "verifying_key": world.verifying_key,
        "at": NOW,
        "challenge": envelope.context.challenge,
        "engine": "rust",
    }
    return Case(**fields | changes)


# --- public inputs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("context", "E_CONTEXT"),
        ("claim", "E_CLAIM"),
        ("positions", "E_STATEMENT"),
        ("collateral_root", "E_TREE_ROOT"),
        ("nullifier", "E_PROOF_INVALID"),
        ("scope", "E_SCOPE"),
        ("C", "E_PROOF_INVALID"),
    ],
)
def test_what_binds_each_public_input(world: World, envelope: Envelope, name: str, code: str) -> None:
    """A document where there is one, the equation for the rest."""
    assert set(PublicInputs.model_fields) == {
        *("context", "claim", "positions", "collateral_root", "nullifier", "scope", "C")
    }
    value = getattr(envelope.public_inputs, name)
    other = (value[0] + 1,) if isinstance(value, tuple) else value + 1
    publics = envelope.public_inputs.model_copy(update={name: other})
    assert refusal(world, envelope.model_copy(update={"public_inputs": publics})) == code


def test_a_public_input_has_one_spelling(world: World, envelope: Envelope) -> None:
    """``nullifier + r`` is the same element: it would pass for a new one where nullifiers are counted."""
    with pytest.raises(FieldRange):
        PublicInputs(**dict(with_an_alias(envelope).public_inputs))
    assert refusal(world, with_an_alias(envelope)) == "E_FIELD_RANGE"


def with_an_alias(envelope: Envelope) -> Envelope:
    """``nullifier + r``, past the checks of documents."""
    fields = dict(envelope.public_inputs)
    fields["nullifier"] += FR_MODULUS
    return Envelope.model_construct(**dict(envelope) | {"public_inputs": PublicInputs.model_construct(**fields)})


def test_statements_are_in_the_context_by_their_hash(world: World, envelope: Envelope) -> None:
    """Another statement of the same venue over the same commitment: signed, and not the one that the proof names."""
    statement = envelope.statements[0].statement.model_copy(update={"seq": 8})
    signed = envelope.statements[0].model_copy(
        update={"statement": statement, "signatures": sign(statement, world.domain.signing(), [VENUE])}
    )
    exchanged = envelope.model_copy(update={"statements": (signed,)})
    assert refusal(world, exchanged) == "E_STATEMENT"
    told = compute_statements_hash([statement], world.domain.signing())
    assert refusal(world, in_context(world, exchanged, statements_hash=told)) == "E_PROOF_INVALID"


def test_a_key_must_bind_every_public_input(world: World, envelope: Envelope) -> None:
    """Where a key's point for an input is at infinity, one proof would serve all of its values."""
    key = world.verifying_key
    *_, points = split_verifying_key(key)
    head = len(key) - 64 * len(points)
    for index in (1, 2, len(points) - 1):
        at = head + 64 * index
        loose = key[:at] + bytes(64) + key[at + 64 :]
        listed = world.accepted.model_copy(update={"vk_hash": vk_hash(loose)})
        policy = world.policy(rule_sets=(listed,))
        told = in_context(world, envelope, vk_hash=listed.vk_hash, policy_id=policy.policy_id)
        with pytest.raises(ProofPoint, match=rf"binds no value.*IC\[{index}\]"):
            world.verify(told, policy=policy, verifying_key=loose)
    _require_bound_inputs(key[:head] + bytes(64) + key[head + 64 :])  # the constant term binds no input


FLAT = b"""\
rules: 1
name: flat
binding: public
axes: {}
parameters:
  least: {unit: usd, decimals: 2, min: 0, max: 1e6, default: 5}
private:
  cash: {unit: usd, decimals: 2, min: -1e9, max: 1e9, from: venue}
equity: cash
requirements:
  maintenance: max(least, -cash)
"""


def test_rules_without_functionals_have_no_commitment_to_them(tmp_path: Path) -> None:
    flat = World(tmp_path, text=FLAT)
    tables = Tables({}, {}, {}, {}, {"least": Column.of("least", [], 2, 500)})
    market = Market(Listing((), 2, "usd", 2), tables, NOW - 10, small_market().sources)
    snapshot = flat.snapshot(market)
    envelope = flat.prove(snapshot=snapshot, account=flat.statement({}, listing_digest=market.listing.digest))
    assert envelope.public_inputs.C is None
    assert refusal(flat, envelope, market=snapshot) == "holds"
    for value in (0, 1):
        publics = envelope.public_inputs.model_copy(update={"C": value})
        forged = envelope.model_copy(update={"public_inputs": publics})
        assert refusal(flat, forged, market=snapshot) == "E_SCHEMA_TYPE"
    assert refusal(flat, with_an_alias(envelope), market=snapshot) == "E_FIELD_RANGE"


# --- several venues ---------------------------------------------------------------------------------------

OTHER = b"\x7e" * 32
BY_VENUE = b"""\
rules: 1
name: by_venue
binding: public
venues: 2
axes:
  instrument: {capacity: 2}
public:
  mark: {axes: [instrument], unit: usd/contract, decimals: 2, min: 0, max: 1e6}
  haircut: {axes: [venue], decimals: 2, min: 0, max: 1}
private:
  size: {axes: [venue, instrument], unit: contract, decimals: 2, min: 0, max: 1e4, from: venue}
  cash: {axes: [venue], unit: usd, decimals: 2, min: -1e9, max: 1e9, from: venue}
equity: sum(cash, over=venue) + sum(size * mark, over=[venue, instrument])
requirements:
  maintenance: sum(cash * haircut, over=venue)
"""


def two_venues(world: World) -> Policy:
    return world.policy(
        venues=(
            *world.policy().venues,
            VenuePolicy(venue_id=OTHER, name="other", signers=Signers.of(STRANGER.address)),
        )
    )


def test_rows_of_venues_are_the_policys_venues_in_order(world: World, envelope: Envelope) -> None:
    rules, policy = parse_rules(BY_VENUE, "by_venue.yaml"), two_venues(world)
    names = tuple(hex_bytes(venue.venue_id) for venue in policy.venues)

    def check(rows: tuple[str, ...], axis: str = "venue", rules: RuleSet = rules) -> None:
        columns = {"mark": Column.of("mark", ["instrument"], 2, [500] * 2)}
        columns["haircut"] = Column.of("haircut", [axis], 2, [50] * len(rows))
        tables = Tables({"instrument": 2, axis: len(rows)}, {"instrument": IDS[:2], axis: rows}, columns, {}, {})
        market = Market(Listing(small_market().listing.instruments[:2], 2, "usd", 2), tables, NOW - 10, ())
        document = world.snapshot(market, rule_digest=rules.digest)
        signed = SignedSnapshot(snapshot=document.snapshot, signatures=document.signatures)
        given = envelope.model_copy(update={"market": signed})
        require_tables(case_of(world, given, rules=rules, policy=policy, market=market))

    check(names)
    for wrong in (names[::-1], ("a", "b")):
        with pytest.raises(MarketMismatch, match="venues of the policy"):
            check(wrong)


def test_rows_that_tables_say_nothing_of_mean_what_the_venue_says() -> None:
    """Sub-accounts, say: the listing need not name them."""
    text = RULES.replace(b"  scenario:", b"  sub: {size: 2}\n  scenario:").replace(
        b"size: {axes: [instrument],", b"size: {axes: [instrument, sub],"
    )
    text = text.replace(b"over=instrument", b"over=[instrument, sub]")
    require_listing(parse_rules(text, "subs.yaml"), small_market())


def test_two_venues_do_not_sign_one_commitment(world: World, envelope: Envelope) -> None:
    """A trader who hands one venue's commitment to another would count one account twice."""
    policy, domain = two_venues(world), world.domain.signing()
    own = world.statement()[0]
    honest = world.statement(venue_id=OTHER, keys=[STRANGER])[0].statement
    same = honest.model_copy(update={"commitment": own.statement.commitment})
    for second, passes in ((honest, True), (same, False)):
        signed = [
            SignedStatement(statement=own.statement, signatures=own.signatures),
            SignedStatement(statement=second, signatures=sign(second, domain, [STRANGER])),
        ]
        publics = envelope.public_inputs.model_copy(update={"positions": (own.statement.commitment, second.commitment)})
        context = envelope.context.model_copy(update={"policy_id": policy.policy_id})
        both = envelope.model_copy(update={"statements": tuple(signed), "public_inputs": publics, "context": context})
        case = case_of(world, both, policy=policy)
        if passes:
            require_statements(case)
            continue
        with pytest.raises(StatementTwice, match="one commitment"):
            require_statements(case)


# --- moments ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at", "code"), [(0, "E_EXPIRY"), ((1 << 64) - 1, "E_EXPIRY"), (1 << 64, "E_SCHEMA_TYPE")])
def test_the_first_and_the_last_moment_of_the_clock(world: World, envelope: Envelope, at: int, code: str) -> None:
    assert refusal(world, envelope, at=at) == code


def test_a_statement_in_force_is_not_pending(world: World, envelope: Envelope) -> None:
    """It is in force from the moment at which it was issued; before that, a clock that lags sees it pending."""
    now = world.verify(envelope)
    assert (now.effective_from, now.clock) == (NOW, NOW)
    assert now.warnings == (
        "insecure key: it comes from a development setup whose maker could forge proofs",
        "not exclusive: no collateral is locked for the life of this statement",
        "no evidence of prices: they rest on the publisher's word alone",
        "the clock was given by the caller",
        "completeness is not claimed: the owner may hold other accounts under other keys",
    )
    assert any("pending" in warning for warning in world.verify(envelope, at=NOW - 1).warnings)


def test_a_statement_is_in_force_from_its_epoch_on(world: World, envelope: Envelope) -> None:
    """Whoever issues it before that does not bring the epoch forward."""
    for epochs in (0, 1, 2):
        context = envelope.context.model_copy(update={"epoch": envelope.context.epoch + epochs})
        case = case_of(world, envelope.model_copy(update={"context": context}))
        begin = (NOW // 86400 + epochs) * 86400
        verdict = _verdict(case, _Statement(world.accepted, Claim(), None, b""))
        assert verdict.effective_from == max(NOW, begin)
        assert any("pending" in warning for warning in verdict.warnings) is (epochs > 0)


def test_a_verdict_ends_with_the_age_of_the_proof_whatever_it_says_itself(world: World, envelope: Envelope) -> None:
    context = envelope.context.model_copy(update={"expires_at": NOW + 10_000})
    policy = world.policy(maximum_age=MaximumAge(price=999, statement=3600, proof=300))
    case = case_of(world, envelope.model_copy(update={"context": context}), policy=policy)
    assert _verdict(case, _Statement(world.accepted, Claim(), None, b"")).valid_until == NOW + 301


def test_a_verdict_ends_with_the_age_of_the_oldest_message(world: World, envelope: Envelope) -> None:
    case = case_of(world, envelope)
    for oldest, end in ((NOW - 100, NOW + 21), (NOW - 10, NOW + 111), (NOW, NOW + 111)):  # prices are of NOW - 10
        verdict = _verdict(case, _Statement(world.accepted, Claim(), PriceFinding((), None, oldest), b""))
        assert verdict.valid_until == end
        assert not any("evidence of prices" in warning for warning in verdict.warnings)


def test_a_key_from_a_ceremony_is_not_called_insecure(world: World) -> None:
    listed = world.accepted.model_copy(update={"transcript_digest": b"\x55" * 32, "insecure": False})
    policy = world.policy(rule_sets=(listed,))
    verdict = world.verify(world.prove(policy=policy), policy=policy)
    assert not verdict.insecure_key
    assert not any("insecure" in warning for warning in verdict.warnings)
    assert verdict.to_json()["verifyingKey"]["insecure"] is False


# --- what a verdict says ----------------------------------------------------------------------------------


def test_exclusive_is_a_root_and_a_lock_to_the_end(world: World, envelope: Envelope) -> None:
    """No rule set of this version has a root; what a verdict will say of one is fixed all the same."""
    end, entry = envelope.context.expires_at, world.accepted
    rooted = envelope.model_copy(update={"context": envelope.context.model_copy(update={"root_digest": b"\1" * 32})})
    for given, lock, exclusive in (
        (rooted, end, True),
        (rooted, end + 1, True),
        (rooted, end - 1, False),
        (rooted, 0, False),
        (envelope, end, False),
        (envelope, 0, False),
    ):
        verdict = _verdict(case_of(world, given), _Statement(entry, Claim(min_lock=lock), None, b""))
        assert verdict.exclusive is exclusive
        assert any("not exclusive" in warning for warning in verdict.warnings) is not exclusive


def test_a_verdict_names_the_engine_that_judged(world: World, envelope: Envelope) -> None:
    """The fastest one here, where none was asked for."""
    assert world.verify(envelope).engine == engine_name()


def test_a_case_is_not_altered_while_it_is_judged(world: World, envelope: Envelope) -> None:
    with pytest.raises(FrozenInstanceError):
        case_of(world, envelope).at = 0  # type: ignore[misc]


def test_a_claim_on_collateral_needs_collateral(world: World, envelope: Envelope) -> None:
    """Also where it is stronger than what the policy asks for."""
    publics = envelope.public_inputs.model_copy(update={"claim": Claim(min_lock=1).pack()})
    with pytest.raises(ClaimMismatch, match="no collateral"):
        require_claim(case_of(world, envelope.model_copy(update={"public_inputs": publics})))


def test_a_claim_names_a_requirement_of_the_rules(world: World, envelope: Envelope) -> None:
    lacking = replace(world.rules, requirements={})
    with pytest.raises(ClaimMismatch, match="no such requirement"):
        require_claim(case_of(world, envelope, rules=lacking))


# --- arrays -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [("proof", "a"), ("proof", "b"), ("proof", "b", 0), ("proof", "b", 1), ("proof", "c")])
def test_points_have_their_coordinates_and_no_more(world: World, envelope: Envelope, path: tuple[Any, ...]) -> None:
    tree = envelope.to_json()
    node: Any = tree
    for step in path:
        node = node[step]
    for other in ([], node[:1], [*node, node[0]]):
        assert refusal(world, _bytes(changed(tree, path, other))) == "E_SCHEMA_TYPE", other


def test_as_many_statements_as_positions_and_neither_none_nor_too_many(world: World, envelope: Envelope) -> None:
    tree = envelope.to_json()
    publics, statements = tree["publicInputs"], tree["statements"]
    for positions, signed, code in (
        ([], [], "E_SCHEMA_TYPE"),
        (publics["positions"] * 2, statements, "E_SCHEMA_TYPE"),
        (publics["positions"] * MAX_VENUES, statements * MAX_VENUES, "E_STATEMENT_TWICE"),
        (publics["positions"] * (MAX_VENUES + 1), statements * (MAX_VENUES + 1), "E_SCHEMA_TYPE"),
    ):
        altered = {**tree, "publicInputs": {**publics, "positions": positions}, "statements": signed}
        assert refusal(world, _bytes(altered)) == code, len(positions)
    assert MAX_VENUES == 64  # specs/documents.md


def _bytes(tree: Any) -> bytes:
    import json

    return json.dumps(tree).encode()


def test_the_context_input_is_that_of_the_stated_context(world: World, envelope: Envelope) -> None:
    """The two must agree even where each alone would pass."""
    other = envelope.context.model_copy(update={"issued_at": NOW - 1})
    publics = envelope.public_inputs.model_copy(
        update={"context": compute_context_input(other, world.domain.signing())}
    )
    with pytest.raises(ZkMarginError) as caught:
        world.verify(envelope.model_copy(update={"public_inputs": publics}))
    assert caught.value.code == "E_CONTEXT"
