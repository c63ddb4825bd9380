"""A prover refuses what would not hold, explains it to the trader alone, and lets no secret out."""

from __future__ import annotations

import io
import random
import shutil
import traceback
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from parties import CASH, CHALLENGE, IDS, INITIAL, KEYS, NOW, RULES, SIZES, World, small_market

from zkmargin.attestations.context import Claim
from zkmargin.attestations.owner import OwnerKeys
from zkmargin.circuits.rules import evaluate
from zkmargin.errors import (
    AccountInvalid,
    AmountRange,
    KeyCircuitMismatch,
    MarginShort,
    OpeningMismatch,
    ZkMarginError,
)
from zkmargin.prover.account import private_columns
from zkmargin.prover.prove import Prover, Request, prove
from zkmargin.prover.setup import read_description, read_verifying_key
from zkmargin.prover.shortfall import Shortfall
from zkmargin.prover.witness import PrivateInputs
from zkmargin.verifier.policy import LeastClaim

pytestmark = pytest.mark.prove


def slack(world: World, sizes: Any, cash: int, claim: Claim) -> int:
    """``den * equity - num * requirement`` in cents, times the common denominator over cents."""
    found = evaluate(world.rules, small_market().tables, {"size": list(sizes), "cash": cash})
    values, denominator = found.slack(claim.kind.name.lower(), claim.num, claim.den)
    assert denominator % 100 == 0
    return int(values.item())


def threshold(world: World, sizes: Any, claim: Claim) -> int:
    """The least cash, in cents, with which the claim holds."""
    low, high = -(10**10), 10**10
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if slack(world, sizes, middle, claim) >= 0 else (middle, high)
    return high


def test_two_proofs_of_one_account_share_nothing_but_the_statement(world: World) -> None:
    account = world.statement()
    first, second = world.prove(account=account), world.prove(account=account)
    assert first.context == second.context
    assert first.public_inputs.nullifier == second.public_inputs.nullifier
    assert first.public_inputs.C != second.public_inputs.C
    assert first.proof != second.proof
    for envelope in (first, second):
        assert world.verify(envelope).claim == Claim()


def test_timings_are_kept(world: World) -> None:
    world.prove()
    timings = world.prover.timings
    assert timings is not None
    assert min(timings.checks, timings.witness, timings.proof, timings.verification) > 0


@pytest.mark.parametrize("claim", [Claim(), Claim(num=5, den=4), INITIAL], ids=str)
def test_the_boundary_is_the_same_in_plaintext_and_circuit(world: World, claim: Claim) -> None:
    policy = world.policy(claim=LeastClaim(kind=claim.kind.name.lower(), num=claim.num, den=claim.den))
    chance = random.Random(str(claim))
    for _ in range(4):
        sizes = [chance.randint(-1000, 1000) for _ in IDS]
        least = threshold(world, sizes, claim)
        envelope = world.prove(policy=policy, account=world.statement(sizes, least))
        assert world.verify(envelope, policy=policy).claim == claim
        with pytest.raises(MarginShort) as caught:
            world.prove(policy=policy, account=world.statement(sizes, least - 1))
        explanation = caught.value.explanation
        assert isinstance(explanation, Shortfall)
        assert explanation.deposit == 1


def test_a_shortfall_is_explained(world: World) -> None:
    claim = Claim(num=3, den=2)
    least = threshold(world, SIZES, claim)
    account = world.statement(SIZES, least - 12345)
    with pytest.raises(MarginShort) as caught:
        world.prove(account=account, claim=claim)
    found = caught.value.explanation
    assert isinstance(found, Shortfall)
    assert found.deposit == 12345
    assert found.cash_decimals == 2
    assert found.missing <= Fraction(12345, 100) < found.missing + Fraction(1, 100)
    assert found.equity * 2 == found.requirement * 3 - found.missing * 2
    assert found.worst[0].scenario == "down"
    assert caught.value.exit_code == 1
    message = str(caught.value)
    assert "123" not in message
    assert repr(found) == "<Shortfall (private)>"


def test_no_deposit_restores_what_is_beyond_the_column(world: World) -> None:
    """Cash is bounded by its column: where even that does not reach, there is no deposit to name."""
    with pytest.raises(MarginShort) as caught:
        world.prove(account=world.statement([0, -(10**6), 0, 0, 0, 0], -(10**11)), claim=Claim(num=65535, den=1))
    found = caught.value.explanation
    assert isinstance(found, Shortfall)
    assert found.deposit is None


def test_the_opening_must_be_the_statements(world: World) -> None:
    document, opening = world.statement()
    _, other = world.statement()
    for wrong in (
        other,
        opening.model_copy(update={"cash": CASH + 1}),
        opening.model_copy(update={"salt": 1}),
        opening.model_copy(update={"pocket": 1}),
    ):
        with pytest.raises(OpeningMismatch):
            world.prove(account=(document, wrong))


def test_only_the_bound_owner_can_prove(world: World) -> None:
    thief = OwnerKeys.of_seed(b"\x66" * 32)
    with pytest.raises(OpeningMismatch, match="owner key"):
        world.prove(keys=thief)
    envelope = world.prove(account=world.statement(owner=thief), keys=thief)
    assert envelope.public_inputs.nullifier != world.prove().public_inputs.nullifier


def test_pockets_and_epochs_have_their_own_nullifiers(world: World) -> None:
    first = world.prove()
    pocket = world.prove(account=world.statement(pocket=1))
    later = NOW + 86400
    policy = world.policy()
    snapshot = world.snapshot(small_market(price_time=later - 10))
    account = world.statement(as_of=later - 30, issued_at=later - 20, expires_at=later + 60, epoch=later // 86400)
    tomorrow = world.prove(policy=policy, snapshot=snapshot, account=account, at=later)
    nullifiers = {envelope.public_inputs.nullifier for envelope in (first, pocket, tomorrow)}
    assert len(nullifiers) == 3


def test_a_padded_row_cannot_hold_anything(world: World) -> None:
    """Eight rows, six instruments: a venue that commits to a size in row seven proves nothing with it."""
    account = world.statement([*SIZES, 0, 100])
    with pytest.raises(AmountRange):
        world.prove(account=account)


def test_each_statement_has_one_opening(world: World) -> None:
    document, opening = world.statement()
    for statements, openings, code in (
        ((document, document), [opening, opening], "E_STATEMENT_TWICE"),
        ((document, document), [opening], "E_OPENING"),
        ((document,), [opening, opening], "E_OPENING"),
        ((document,), [], "E_OPENING"),
        ((), [], "E_OPENING"),
    ):
        request = Request(world.policy(), world.snapshot(), statements, NOW, None, CHALLENGE)
        with pytest.raises(ZkMarginError) as caught:
            world.prover.prove(request, openings, KEYS)
        assert caught.value.code == code
    assert world.verify(world.prover.prove(_request(world, document), [opening], KEYS)).claim == Claim()


def test_nobody_chooses_what_a_venue_signs(world: World) -> None:
    document, opening = world.statement()
    for own in ({"size": SIZES}, {"cash": CASH}, {"leverage": 5}):
        with pytest.raises(AccountInvalid, match="not yours to choose"):
            world.prover.prove(_request(world, document), opening, KEYS, own=own)


def _request(world: World, document: Any) -> Request:
    return Request(world.policy(), world.snapshot(), (document,), NOW, None, CHALLENGE)


def test_prove_in_one_call(world: World) -> None:
    document, opening = world.statement()
    request = Request(world.policy(), world.snapshot(), (document,), NOW, None, CHALLENGE)
    envelope = prove(request, opening, KEYS, rules=world.rules, key_folder=world.folder)
    assert world.verify(envelope).claim == Claim()


# --- keys -----------------------------------------------------------------------------------------------


def test_a_setup_says_that_it_is_insecure(world: World) -> None:
    assert world.accepted.insecure
    description = read_description(world.folder)
    assert description.insecure
    assert description.transcript_digest == bytes(32)
    assert (world.folder / "verification_key.json").stat().st_size > 1000
    assert world.prover.verifying_key == read_verifying_key(world.folder)


def test_a_key_of_another_circuit_is_refused(world: World, tmp_path: Path) -> None:
    larger = World(tmp_path / "larger", text=RULES.replace(b"capacity: 8", b"capacity: 9"))
    assert larger.accepted.insecure
    with pytest.raises(KeyCircuitMismatch):
        Prover(world.rules, larger.folder)
    same_size = World(tmp_path / "same", text=RULES.replace(b"im_factor <= 2", b"im_factor <= 3"))
    assert same_size.accepted.r1cs_digest == world.accepted.r1cs_digest  # conditions are not in the circuit
    changed = World(tmp_path / "changed", text=RULES.replace(b"scan + short) * im", b"scan - -short) * im"))
    assert changed.accepted.rule_digest != world.accepted.rule_digest


def test_a_mixed_up_key_folder_is_refused(world: World, tmp_path: Path) -> None:
    twin = World(tmp_path, text=RULES)
    assert twin.accepted.insecure
    shutil.copy(world.folder / "key.json", tmp_path / "key.json")
    with pytest.raises(KeyCircuitMismatch):
        read_verifying_key(tmp_path)


@pytest.mark.parametrize("damage", ["cut short", "empty", "header", "middle", "points"])
def test_a_damaged_key_makes_no_proof(world: World, tmp_path: Path, damage: str) -> None:
    """A flipped byte, or bytes missing: the key is refused, or its proof fails its check and is not released."""
    assert world.accepted.insecure  # the keys are made
    raw = bytearray((world.folder / "proving_key.zkey").read_bytes())
    if damage in ("cut short", "empty"):
        del raw[{"cut short": len(raw) - 1, "empty": 0}[damage] :]
    else:
        raw[{"header": 20, "middle": len(raw) // 2, "points": len(raw) * 3 // 4}[damage]] ^= 1
    for name in ("key.json", "verification_key.json"):
        shutil.copy(world.folder / name, tmp_path / name)
    (tmp_path / "proving_key.zkey").write_bytes(raw)
    document, opening = world.statement()
    request = Request(world.policy(), world.snapshot(), (document,), NOW, None, CHALLENGE)
    with pytest.raises(ZkMarginError) as refused:
        prove(request, opening, KEYS, rules=world.rules, key_folder=tmp_path)
    assert refused.value.code not in ("E_INTERNAL", "E_FILE")
    if damage in ("cut short", "empty"):
        assert refused.value.code == {"cut short": "E_FILE_TRUNCATED", "empty": "E_FILE_MAGIC"}[damage]


# --- secrets --------------------------------------------------------------------------------------------


def test_nothing_private_leaves(world: World) -> None:
    sizes, cash = [123457, -234571, 345679, 0, 0, 0], 98_765_432_109
    document, opening = world.statement(sizes, cash)
    envelope = world.prove(account=(document, opening))
    marks = [*(str(abs(size)) for size in sizes if size), str(cash), str(opening.salt), str(KEYS.ask)]
    marks += [str(KEYS.nk), str(KEYS.owner), str(opening.subject) + '"']
    public = envelope.to_text() + repr(envelope) + document.to_text() + repr(world.verify(envelope))
    for mark in marks[:-1]:
        assert mark not in public
    private = PrivateInputs((opening,), private_columns(world.rules, (opening,)), KEYS)
    assert repr(private) == "<PrivateInputs (private)>"
    request = Request(world.policy(), world.snapshot(), (document,), NOW, None, CHALLENGE)
    errors: list[BaseException] = []
    for wrong_opening, keys, claim in (
        (opening, OwnerKeys.of_seed(b"\x66" * 32), None),
        (opening.model_copy(update={"cash": cash - 1}), KEYS, None),
        (opening, KEYS, Claim(num=65535, den=1)),
    ):
        asked = Request(request.policy, request.market, request.statements, NOW, claim, CHALLENGE)
        with pytest.raises(ZkMarginError) as caught:
            world.prover.prove(asked, wrong_opening, keys)
        errors.append(caught.value)
    assert [error.code for error in errors if isinstance(error, ZkMarginError)] == [
        *("E_OPENING", "E_OPENING", "E_MARGIN_SHORT")
    ]
    for error in errors:
        shown = io.StringIO()
        traceback.print_exception(error, file=shown)
        for mark in marks[:-1]:
            assert mark not in shown.getvalue()
