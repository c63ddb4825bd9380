"""The service end to end, over sockets: what it records, what it refuses, and that a refusal is a problem document."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from parties import NOW, STRANGER, World, small_market
from registry_world import A, B, release
from served import CLOCK, Served, write_settings

from zkmargin.attestations.context import Claim, ClaimKind
from zkmargin.attestations.owner import OwnerKeys
from zkmargin.attestations.price_evidence import PriceEvidence
from zkmargin.attestations.price_rules import PriceCell
from zkmargin.encoding import hex_bytes
from zkmargin.errors import SchemaType
from zkmargin.verifier.envelope import Proof
from zkmargin.verifier.registry.documents import LogConsistency, LogHeadDocument, LogProof, PledgeReceiptDocument
from zkmargin.verifier.registry.errors import StoreFailed
from zkmargin.verifier.service.app import _tick
from zkmargin.verifier.service.clocks import VenueClock
from zkmargin.verifier.service.desk import Desk
from zkmargin.verifier.service.settings import ServiceSettings

pytestmark = pytest.mark.prove


def owner(number: int) -> OwnerKeys:
    return OwnerKeys.of_seed(number.to_bytes(32, "big"))


def code(response: object) -> tuple[int, str]:
    """Status and code of a problem document."""
    assert response.headers["content-type"] == "application/problem+json", response.text  # type: ignore[attr-defined]
    body = response.json()  # type: ignore[attr-defined]
    assert body["status"] == response.status_code  # type: ignore[attr-defined]
    assert body["type"] == f"urn:zkmargin:error:{body['code']}"
    return body["status"], body["code"]


def test_a_proof_is_recorded_and_its_receipt_is_given_again(served: Served) -> None:
    envelope = served.prove(owner(1))
    accepted = served.submit(envelope)
    assert accepted.status_code == 201, accepted.text
    receipt = PledgeReceiptDocument.of_json(accepted.json()["receipt"])
    assert receipt.receipt.nullifier == envelope.public_inputs.nullifier
    nullifier = str(envelope.public_inputs.nullifier)
    context = str(envelope.public_inputs.context)
    again = served.client.get(f"/v1/receipts/{nullifier}", params={"context": context}).json()
    assert again == accepted.json()["receipt"]
    state = served.client.get(f"/v1/pledges/{nullifier}").json()
    assert (state["state"], state["logIndex"]) == ("active", str(receipt.receipt.log_index))
    assert "venueId" not in state
    for wrong in ({"context": "1"}, {"context": nullifier}):  # who has no proof does not learn the venue
        assert code(served.client.get(f"/v1/receipts/{nullifier}", params=wrong)) == (404, "E_PLEDGE_MISSING")
        at = f"/v1/log/inclusion/{receipt.receipt.log_index}"
        assert code(served.client.get(at, params=wrong)) == (422, "E_LOG_INCLUSION")
    assert code(served.asked(B, "GET", "/v1/log/entries")) == (401, "E_TOKEN")
    assert code(served.client.get("/v1/log/entries")) == (401, "E_TOKEN")
    assert code(served.submit(envelope)) == (422, "E_CHALLENGE")  # used up


def test_one_owner_at_two_venues(served: Served) -> None:
    assert served.submit(served.prove(owner(2))).status_code == 201
    refused = served.submit(served.prove(owner(2), B))
    assert code(refused) == (409, "E_DOUBLE_PLEDGE")
    assert hex_bytes(A) not in refused.text
    nullifier = served.prove(owner(2)).public_inputs.nullifier
    served.clock.now = NOW + 1
    assert served.post("/v1/releases", release(nullifier, A, NOW).to_bytes()).status_code == 201
    assert served.submit(served.prove(owner(2), B)).status_code == 201
    served.clock.now = NOW


def test_a_proof_that_fails_records_nothing(served: Served) -> None:
    before = served.client.get("/readyz").json()["logEntries"]
    envelope = served.prove(owner(3))
    forged = envelope.model_copy(update={"proof": Proof(a=envelope.proof.a, b=envelope.proof.b, c=envelope.proof.a)})
    assert code(served.submit(forged)) == (422, "E_PROOF_INVALID")
    assert code(served.submit(envelope)) == (422, "E_CHALLENGE")  # the forgery used the challenge up
    assert served.client.get("/readyz").json()["logEntries"] == before
    missing = served.client.get(f"/v1/receipts/{envelope.public_inputs.nullifier}?context=1")
    assert code(missing) == (404, "E_PLEDGE_MISSING")


def test_a_proof_about_a_market_that_is_not_here(served: Served) -> None:
    snapshot = served.world.snapshot(expires_at=NOW + 899)
    envelope = served.prove(owner(4), snapshot=snapshot)
    assert code(served.submit(envelope)) == (404, "E_MARKET_MISSING")
    assert served.send_market(expires_at=NOW + 899).status_code == 201
    assert served.submit(served.prove(owner(4), snapshot=snapshot)).status_code == 201


def test_markets_are_kept_for_publishers_alone(served: Served) -> None:
    refused = served.send_market(keys=[STRANGER], expires_at=NOW + 800)
    assert code(refused) == (422, "E_SIG_NOT_ATTESTOR")


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        ("/v1/submissions", b"", (400, "E_SCHEMA_TYPE")),
        ("/v1/submissions", b"{}", (400, "E_SCHEMA_TYPE")),
        ("/v1/submissions", b"\xff", (400, "E_SCHEMA_TYPE")),
        ("/v1/challenges", b'{"venueId":"0x00","seconds":"1"}', (400, "E_BYTES_LENGTH")),
        ("/v1/challenges", b'{"venueId":"0x' + b"00" * 32 + b'","seconds":"1"}', (422, "E_VENUE")),
        ("/v1/challenges", b'{"venueId":"0x' + b"00" * 32 + b'","seconds":1}', (400, "E_INT_FORMAT")),
        ("/v1/releases", b"[]", (400, "E_SCHEMA_TYPE")),
        ("/v1/nothing", b"", (404, "E_ROUTE")),
        ("/healthz", b"", (405, "E_METHOD")),
        ("/v1/accounts", b"{}", (401, "E_TOKEN")),
    ],
)
def test_refusals_are_problem_documents(path: str, content: bytes, expected: tuple[int, str], served: Served) -> None:
    assert code(served.post(path, content)) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/receipts/01?context=1", (400, "E_INT_FORMAT")),
        ("/v1/receipts/" + str(1 << 255) + "?context=1", (422, "E_FIELD_RANGE")),
        ("/v1/pledges/5", (404, "E_PLEDGE_MISSING")),
        ("/v1/log/consistency", (400, "E_USAGE")),
        ("/v1/receipts/5", (400, "E_USAGE")),
        ("/v1/receipts/5?context=05", (404, "E_PLEDGE_MISSING")),
        ("/v1/log/entries?first=-1", (401, "E_TOKEN")),
        ("/v1/log/inclusion/99999?context=1", (422, "E_LOG_INCLUSION")),
        (f"/v1/log/inclusion/{2**63 - 1}?context=1", (422, "E_LOG_INCLUSION")),  # the last number of a database
        (f"/v1/log/consistency?first={2**63 - 1}", (422, "E_LOG_INCLUSION")),
        ("/v1/venues/0x12/policy", (400, "E_BYTES_LENGTH")),
        ("/v1/queue", (401, "E_TOKEN")),
    ],
)
def test_what_cannot_be_given(path: str, expected: tuple[int, str], served: Served) -> None:
    assert code(served.client.get(path)) == expected


def test_entries_beyond_all_numbers(served: Served) -> None:
    found = served.audited(f"/v1/log/entries?first={2**63 - 1}")
    assert (found.status_code, found.json()["entries"]) == (200, [])


def test_bodies_beyond_the_limit(served: Served) -> None:
    assert code(served.post("/v1/submissions", b"x" * (1 << 16) + b"x")) == (413, "E_BODY_SIZE")

    def parts() -> object:
        for _ in range(65):
            yield b"x" * 1024

    refused = served.client.post("/v1/submissions", content=parts())  # type: ignore[arg-type]
    assert code(refused) == (413, "E_BODY_SIZE")  # without a stated length


def test_the_log_proves_what_it_says(served: Served) -> None:
    first = LogHeadDocument.of_json(served.client.get("/v1/log/head").json())
    envelope = served.prove(owner(5))
    served.submit(envelope)
    second = LogHeadDocument.of_json(served.client.get("/v1/log/head").json())
    assert second.head.size == first.head.size + 1
    context = envelope.public_inputs.context
    proof = LogProof.of_json(served.client.get(f"/v1/log/inclusion/{first.head.size}?context={context}").json())
    assert proof.log.head == second.head
    shown = served.client.get(f"/v1/log/consistency?first={first.head.size}&second={second.head.size}").json()
    assert LogConsistency.of_json(shown).second.head == second.head
    entries = served.audited("/v1/log/entries?first=0").json()["entries"]
    assert len(entries) == second.head.size


def test_evidence_that_a_snapshot_does_not_commit_to_takes_no_place(served: Served) -> None:
    """Whoever sends evidence needs no signature, and could put other evidence in the place of the publishers'."""
    cell = PriceCell(column="mark", row="BTC-PERP", decimals=0, rounding="down", pyth=b"\x01" * 32)
    true, false = (PriceEvidence(pyth=word, cells=(cell,)) for word in (b"one", b"another"))
    market = true.in_sources(small_market(price_time=NOW - 9))
    document = served.world.snapshot(market)
    assert served.post("/v1/markets", document.to_bytes()).status_code == 201
    address = f"/v1/markets/{hex_bytes(document.snapshot.digest(document.domain.signing()))}/prices"
    assert code(served.post(address, false.to_bytes())) == (422, "E_PRICE_EVIDENCE")
    assert served.post(address, true.to_bytes()).status_code == 201
    assert code(served.post(address, false.to_bytes())) == (422, "E_PRICE_EVIDENCE")


def test_a_token_is_one_venues(world: World, tmp_path: Path) -> None:
    settings = ServiceSettings.read(write_settings(tmp_path, world))
    first, second = settings.venues
    shared = second.model_copy(update={"tokens": (*second.tokens, *first.tokens)})
    with pytest.raises(SchemaType, match="listed twice"):
        Desk(settings.model_copy(update={"venues": (first, shared)}), tmp_path)


def test_a_proof_about_earlier_positions_than_were_shown(served: Served) -> None:
    """Within the policy's age both statements hold; who has proved about the later one does not go back."""
    earlier, later = (served.world.statement(owner=owner(9), audience=A, seq=seq) for seq in (3, 4))
    commitments = [str(document.statement.commitment) for document, _ in (earlier, later)]
    body = {"account": "erin", "commitments": commitments}
    assert served.asked(A, "POST", "/v1/accounts", body).status_code == 200
    assert served.submit(served.prove(owner(9), account=later)).json()["account"] == "erin"
    served.clock.now = NOW + 10
    refused = served.submit(served.prove(owner(9), account=earlier, at=NOW + 10))
    assert code(refused) == (422, "E_STATEMENT_STALE")
    assert served.asked(A, "POST", "/v1/accounts/erin/removal", {"reason": "closed"}).json()["accounts"] == []
    served.clock.now = NOW


# --- customers and the clock ------------------------------------------------------------------------------------------


def test_a_customer_is_enrolled_proves_lapses_and_comes_back(served: Served) -> None:
    account = served.world.statement(owner=owner(6), audience=A)
    commitment = str(account[0].statement.commitment)
    body = {"account": "alice", "commitments": [commitment]}
    assert served.asked(A, "POST", "/v1/accounts", body).json()["state"] == "grace"
    assert code(served.asked(B, "GET", "/v1/accounts/alice")) == (404, "E_ACCOUNT_UNKNOWN")  # another venue's
    strong = Claim(ClaimKind.MAINTENANCE, 5, 4)
    accepted = served.submit(served.prove(owner(6), account=account, claim=strong))
    assert accepted.json()["account"] == "alice"
    found = served.asked(A, "GET", "/v1/accounts/alice").json()
    assert (found["state"], found["band"]) == ("healthy", "5/4")

    other = {"account": "bob", "commitments": [commitment]}
    assert code(served.asked(A, "POST", "/v1/accounts", other)) == (422, "E_CUSTOMER")

    for at in (CLOCK.prove_every, CLOCK.prove_every + CLOCK.grace, CLOCK.prove_every + CLOCK.grace + CLOCK.call):
        served.clock.now = NOW + at
        served.service.tick()
    assert [entry["account"] for entry in served.asked(A, "GET", "/v1/queue").json()["accounts"]] == ["alice"]
    changes = served.asked(A, "GET", "/v1/changes").json()["changes"]
    told = [change["after"] for change in changes if change["account"] == "alice"]
    assert told == ["grace", "healthy", "grace", "margin-call", "liquidation-queue"]
    gone = served.asked(A, "POST", "/v1/accounts/alice/removal", {"reason": "liquidated"}).json()
    assert gone["accounts"] == []
    served.clock.now = NOW


def test_one_nullifier_is_one_customers(served: Served) -> None:
    first = served.world.statement(owner=owner(7), audience=A)
    second = served.world.statement(owner=owner(7), audience=A, seq=8)
    for name, (document, _) in (("carol", first), ("dave", second)):
        body = {"account": name, "commitments": [str(document.statement.commitment)]}
        assert served.asked(A, "POST", "/v1/accounts", body).status_code == 200
    assert served.submit(served.prove(owner(7), account=first)).json()["account"] == "carol"
    served.clock.now = NOW + 10
    refused = served.submit(served.prove(owner(7), account=second, at=NOW + 10))
    assert code(refused) == (422, "E_CUSTOMER")
    served.clock.now = NOW


def test_metrics_count(served: Served) -> None:
    text = served.client.get("/metrics").text
    assert "zkmargin_pledges_total" in text
    assert 'zkmargin_refusals_total{code="E_DOUBLE_PLEDGE"}' in text
    assert 'zkmargin_accounts{state="healthy",venue="alpha"}' in text


def test_the_policy_is_there_to_prove_under(served: Served) -> None:
    listed = served.client.get("/v1/venues").json()["venues"]
    assert {entry["name"] for entry in listed} == {"alpha", "beta"}
    policy = served.client.get(f"/v1/venues/{listed[0]['venueId']}/policy").json()
    assert policy["verifierId"] == listed[0]["venueId"]
    assert served.client.get("/v1/terms").json()["type"] == "zkmargin/registry-terms"


@pytest.mark.parametrize("error", [StoreFailed("the disk is away"), OverflowError("unforeseen")])
def test_a_clock_that_fails_stops_no_other_and_is_looked_at_again(
    error: Exception, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[bytes] = []

    def tick(clock: VenueClock, _: int) -> None:
        looked.append(clock.venue_id)
        if clock.venue_id == A:
            raise error

    monkeypatch.setattr(VenueClock, "tick", tick)
    with pytest.raises(type(error)):
        served.service.tick()
    assert sorted(looked) == sorted((A, B))

    async def run() -> None:
        looking = asyncio.create_task(_tick(served.service))
        while len(looked) < 6:
            await asyncio.sleep(0.01)
            assert not looking.done()
        looking.cancel()

    hurried = served.service.settings.limits.model_copy(update={"tick_seconds": 1})
    monkeypatch.setattr(served.service, "settings", served.service.settings.model_copy(update={"limits": hurried}))
    asyncio.run(asyncio.wait_for(run(), 10))
