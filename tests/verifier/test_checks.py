"""Checks that only a dishonest venue, publisher or policy can reach, and the independence of the engines."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest
from parties import CHALLENGE, KEYS, NOW, PUBLISHER, RULES, STRANGER, VENUE, World, small_market

from zkmargin import backend
from zkmargin.attestations.context import Claim, compute_context_input
from zkmargin.attestations.documents import Signers, sign
from zkmargin.attestations.positions import PositionStatementDocument
from zkmargin.circuits.rules import parse_rules
from zkmargin.errors import ListingMismatch, StatementMismatch, VerificationError, ZkMarginError
from zkmargin.margin.market import Market
from zkmargin.margin.tables import Column, Listing, Tables
from zkmargin.prover.prove import Request
from zkmargin.verifier.checked_market import _Same, checked_market, require_listing
from zkmargin.verifier.checks import arithmetic_of
from zkmargin.verifier.envelope import Envelope, Proof
from zkmargin.verifier.policy import LeastClaim, MaximumAge, VenuePolicy
from zkmargin.verifier.verify import compute_public_inputs

pytestmark = pytest.mark.prove


def refusal(world: World, envelope: Envelope | bytes, **arguments: Any) -> str:
    try:
        world.verify(envelope, **arguments)
    except ZkMarginError as error:
        return error.code
    return "holds"


def in_context(world: World, envelope: Envelope, **changes: Any) -> Envelope:
    """With other fields of the context, and the public input that fits them."""
    context = envelope.context.model_copy(update=changes)
    stated = {"context": compute_context_input(context, world.domain.signing())}
    publics = envelope.public_inputs.model_copy(update=stated)
    return envelope.model_copy(update={"context": context, "public_inputs": publics})


def test_a_pledge_does_not_outlive_its_epoch(world: World, envelope: Envelope) -> None:
    end = (NOW // 86400 + 1) * 86400
    assert refusal(world, in_context(world, envelope, expires_at=end)) == "E_PROOF_INVALID"
    assert refusal(world, in_context(world, envelope, expires_at=end + 1)) == "E_PLEDGE_TOO_LONG"
    backwards = in_context(world, envelope, expires_at=envelope.context.issued_at)
    for at in (NOW - 1, NOW):
        assert refusal(world, backwards, at=at) == "E_EXPIRY"


def test_a_long_expiry_does_not_make_a_proof_last(world: World) -> None:
    policy = world.policy(maximum_age=MaximumAge(price=10**6, statement=10**6, proof=300))
    snapshot = world.snapshot(expires_at=NOW + 10**6)
    long = in_context(world, world.prove(policy=policy, snapshot=snapshot), expires_at=NOW + 1000)
    arguments: dict[str, Any] = {"policy": policy, "market": snapshot}
    assert refusal(world, long, at=NOW + 300, **arguments) == "E_PROOF_INVALID"
    assert refusal(world, long, at=NOW + 301, **arguments) == "E_EXPIRY"


def test_nothing_holds_at_the_first_moment_of_the_next_epoch(world: World) -> None:
    policy = world.policy(maximum_age=MaximumAge(price=10**6, statement=10**6, proof=10**6))
    snapshot, end = world.snapshot(expires_at=NOW + 10**6), (NOW // 86400 + 1) * 86400
    long = in_context(world, world.prove(policy=policy, snapshot=snapshot), expires_at=end + 1)
    assert refusal(world, long, policy=policy, market=snapshot, at=end) == "E_EPOCH"
    assert refusal(world, long, policy=policy, market=snapshot, at=end - 1) == "E_PLEDGE_TOO_LONG"


def test_a_challenge_that_was_not_given_is_not_zero(world: World, envelope: Envelope) -> None:
    """A caller who forgets the challenge does not accept proofs that answer none."""
    unasked = in_context(world, envelope, challenge=bytes(32))
    assert refusal(world, unasked, challenge=None) == "E_CHALLENGE"


@pytest.mark.parametrize(
    "ages",
    [
        {"price": 50, "statement": 999, "proof": 999},
        {"price": 999, "statement": 70, "proof": 999},
        {"price": 999, "statement": 999, "proof": 40},
    ],
    ids=["price", "statement", "proof"],
)
def test_valid_until_follows_the_shortest_age(world: World, ages: dict[str, int]) -> None:
    policy = world.policy(maximum_age=MaximumAge(**ages))
    envelope = world.prove(policy=policy)
    until = world.verify(envelope, policy=policy).valid_until
    assert until == NOW + 41
    assert refusal(world, envelope, policy=policy, at=until - 1) == "holds"
    assert refusal(world, envelope, policy=policy, at=until) in ("E_EXPIRY", "E_PRICE_STALE", "E_STATEMENT_STALE")


def test_the_commitment_to_functionals_is_there_where_the_rules_have_some(world: World, envelope: Envelope) -> None:
    publics = envelope.public_inputs.model_copy(update={"C": None})
    assert refusal(world, envelope.model_copy(update={"public_inputs": publics})) == "E_SCHEMA_TYPE"


def test_circuits_of_one_venue_do_not_take_two(world: World) -> None:
    """The policy asks for two venues, both signed: a rule set of one venue does not prove that."""
    other = b"\x7e" * 32
    venues = (*world.policy().venues, VenuePolicy(venue_id=other, name="b", signers=Signers.of(STRANGER.address)))
    policy = world.policy(venues=venues)
    documents = (world.statement()[0], world.statement(venue_id=other, keys=[STRANGER])[0])
    request = Request(policy, world.snapshot(), documents, NOW, None, CHALLENGE)
    draft = world.prover._draft(request, KEYS, 0)
    proof = world.prove().proof
    publics = draft.public_inputs.model_copy(update={"C": 1})
    forged = draft.model_copy(update={"public_inputs": publics, "proof": proof})
    assert refusal(world, forged, policy=policy) == "E_VENUE_COUNT"
    with pytest.raises(StatementMismatch, match="another number of position statements"):
        compute_public_inputs(forged, world.rules, small_market(), backend.engine())


@pytest.mark.parametrize("length", [0, 255, 257])
def test_a_proof_has_256_bytes(length: int) -> None:
    with pytest.raises(ZkMarginError):
        Proof.of_bytes(bytes(length))


def test_a_table_commitment_is_of_another_binding(world: World) -> None:
    honest = world.snapshot()
    snapshot = honest.snapshot.model_copy(update={"table_commitment": 1})
    forged = honest.model_copy(update={"snapshot": snapshot, "signatures": ()})
    with pytest.raises(VerificationError) as caught:
        world.prove(snapshot=forged.with_signatures([PUBLISHER]))
    assert caught.value.code == "E_MARKET"


@pytest.mark.parametrize("changes", [{"scheme": 2}, {"scheme": 0}, {"size_commitment": b"\0"}])
def test_other_commitment_schemes_are_not_understood(world: World, changes: dict[str, Any]) -> None:
    document, opening = world.statement()
    statement = document.statement.model_copy(update=changes)
    signed = PositionStatementDocument(
        domain=world.domain, statement=statement, signatures=sign(statement, world.domain.signing(), [VENUE])
    )
    request = Request(world.policy(), world.snapshot(), (signed,), NOW, None, CHALLENGE)
    with pytest.raises(VerificationError) as caught:
        world.prover.prove(request, opening, KEYS)
    assert caught.value.code == "E_STATEMENT"


def test_a_requirement_that_the_rules_lack_cannot_be_claimed(tmp_path: Path) -> None:
    text = RULES.replace(b"  initial: (scan + short) * im_factor\n", b"").replace(
        b"maintenance: scan + short", b"maintenance: (scan + short) * im_factor"
    )
    world = World(tmp_path, text=text)
    envelope = world.prove()
    assert refusal(world, envelope) == "holds"
    initial = world.policy(claim=LeastClaim(kind="initial", num=1, den=1))
    with pytest.raises(VerificationError) as caught:
        world.prove(policy=initial)
    assert caught.value.code == "E_CLAIM"


def test_a_listed_key_of_another_circuit_is_refused(world: World, envelope: Envelope, tmp_path: Path) -> None:
    """The policy's author paired the wrong key with the rules: the number of inputs gives it away."""
    larger = World(tmp_path, text=RULES.replace(b"capacity: 8", b"capacity: 9"))
    mixed = world.accepted.model_copy(update={"vk_hash": larger.accepted.vk_hash})
    policy = world.policy(rule_sets=(mixed,))
    forged = in_context(world, envelope, vk_hash=mixed.vk_hash, policy_id=policy.policy_id)
    assert refusal(world, forged, policy=policy, verifying_key=larger.verifying_key) == "E_VK"


def test_private_columns_run_over_the_listing() -> None:
    market = small_market()
    require_listing(parse_rules(RULES), market)
    honest = parse_rules(RULES)
    size = honest.columns["size"]
    moved = replace(honest, columns={**honest.columns, "size": replace(size, axes=("scenario",))})
    with pytest.raises(ListingMismatch, match="listing"):
        require_listing(moved, market)


def test_a_market_is_checked_once_and_no_other_in_its_place() -> None:
    rules, market = parse_rules(RULES), small_market()
    checked = checked_market(rules, market)
    assert checked_market(rules, market) is checked
    assert checked_market(rules, small_market()) is not checked
    equal = ["a"], ["a"]
    assert _Same(equal[0]) != _Same(equal[1])
    assert _Same(equal[0]) != equal[0]
    with pytest.raises(TypeError):
        checked_market(market, rules)  # type: ignore[arg-type]


SCRIPT = """
import sys
sys.modules["zkmargin._core"] = None  # importing it fails from here on
from pathlib import Path
from parties import World
from tampering import code_of
world = World(Path(sys.argv[1]))
raw = (world.folder / "envelope.json").read_bytes()
print(code_of(world, raw, "python"), code_of(world, raw, "reference"), code_of(world, raw, "rust"))
print(code_of(world, raw.replace(b'"C":"', b'"C":"1'), "python"))
"""


def test_the_python_engine_needs_nothing_of_the_core(world: World, envelope: Envelope) -> None:
    (world.folder / "envelope.json").write_bytes(envelope.to_bytes())
    here = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(here), str(here.parent)])}
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(world.folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split()[:3] == ["holds", "holds", "E_ENGINE"]
    assert run.stdout.split()[3] in ("E_PROOF_INVALID", "E_FIELD_RANGE")


def test_claims_of_another_strength_do_not_verify(world: World, envelope: Envelope) -> None:
    """A proof of 1/1 does not pass for 2/1, whatever the policy asks."""
    stronger = world.policy(claim=LeastClaim(kind="maintenance", num=2, den=1))
    publics = envelope.public_inputs.model_copy(update={"claim": Claim(num=2, den=1).pack()})
    forged = in_context(world, envelope.model_copy(update={"public_inputs": publics}), policy_id=stronger.policy_id)
    assert refusal(world, forged, policy=stronger) == "E_PROOF_INVALID"


def test_py_ecc_does_not_raise_the_recursion_limit() -> None:
    """At the limit that it sets, nested JSON would end the process instead of raising."""
    script = "import sys; before = sys.getrecursionlimit(); import zkmargin.verifier.groth16_python; "
    script += "raise SystemExit(sys.getrecursionlimit() != before)"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_venue_and_a_context_that_agree_on_another_listing(world: World, envelope: Envelope) -> None:
    other = b"\x77" * 32
    document = world.statement(listing_digest=other)[0]
    signed = envelope.statements[0].model_copy(
        update={"statement": document.statement, "signatures": document.signatures}
    )
    forged = in_context(world, envelope.model_copy(update={"statements": (signed,)}), listing_digest=other)
    with pytest.raises(ListingMismatch, match="the proof is over another listing"):
        world.verify(forged)


@pytest.mark.parametrize("engine", ["python", "reference"])
def test_the_engine_that_was_asked_for_judges(engine: str, world: World, envelope: Envelope) -> None:
    assert world.verify(envelope, engine=engine).engine == engine


def test_what_was_found_is_not_altered(world: World, envelope: Envelope) -> None:
    verdict = world.verify(envelope)
    for found, field in ((verdict, "insecure_key"), (verdict.venues[0], "age")):
        with pytest.raises(FrozenInstanceError):
            setattr(found, field, 0)


def test_tables_are_folded_by_the_core_only_where_it_was_asked_for() -> None:
    for name in ("python", "reference"):
        assert arithmetic_of(name) is backend.engine("reference")


BASKET = b"""\
rules: 1
name: basket
binding: public
axes:
  asset: {capacity: 4}
  twin: {like: asset}
public:
  price: {axes: [asset], unit: usd/coin, decimals: 2, min: 0, max: 1e6}
private:
  held: {axes: [asset], unit: coin, decimals: 4, min: 0, max: 1e6, from: venue}
  owed: {axes: [twin], unit: coin, decimals: 4, min: 0, max: 1e6, from: venue}
  cash: {unit: usd, decimals: 2, min: -1e9, max: 1e9, from: venue}
equity: cash + sum(held * price, over=asset)
requirements:
  maintenance: sum(owed * at(price, by=twin), over=twin)
"""


def test_the_listing_says_what_every_row_is() -> None:
    """A venue signs four amounts; what each is an amount of is the listing's word, not the publisher's alone."""
    rules, names = parse_rules(BASKET, "basket.yaml"), ("ETH", "USDC")
    tables = Tables({"asset": 2}, {"asset": names}, {"price": Column.of("price", ["asset"], 2, [200_000, 100])}, {}, {})
    require_listing(rules, Market(Listing((), 4, "usd", 2, {"asset": names}), tables, 1, ()))
    with pytest.raises(ListingMismatch, match="what the rows of private column `held` are"):
        require_listing(rules, Market(Listing((), 4, "usd", 2), tables, 1, ()))
    with pytest.raises(ListingMismatch, match="along `asset`"):
        Market(Listing((), 4, "usd", 2, {"asset": names[::-1]}), tables, 1, ())
    owed = parse_rules(BASKET.replace(b"held: {axes: [asset]", b"held: {axes: [twin]").replace(
        b"held * price, over=asset", b"held * at(price, by=twin), over=twin"), "basket.yaml")  # fmt: skip
    with pytest.raises(ListingMismatch, match="what the rows of private column `held` are"):
        require_listing(owed, Market(Listing((), 4, "usd", 2), tables, 1, ()))
