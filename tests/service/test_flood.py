"""What attackers do to the service: bodies without end, connections without requests, proofs without number."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
import simulated
from load import Answer, post, send
from parties import NOW, World
from registry_world import A, Clock, sqlite_at
from served import LIMITS, Served, listening, serve
from simulated import Traders
from test_service import code, owner

from zkmargin.encoding import hex_bytes
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.registry.documents import PledgeReceiptDocument
from zkmargin.verifier.registry.registry import Registry
from zkmargin.verifier.service.gate import client_of
from zkmargin.verifier.service.service import Service
from zkmargin.verifier.verdict import Verdict

pytestmark = pytest.mark.prove

ATTACKER = "127.0.0.2"


def connect(served: Served, source: str = ATTACKER) -> socket.socket:
    """A raw connection from another address."""
    host, port = served.address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30, source_address=(source, 0))


def answer(connection: socket.socket) -> tuple[int, dict[str, object]]:
    """Status and body of the one answer, after which the server closes."""
    raw = b""
    while part := connection.recv(1 << 16):
        raw += part
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    return int(head.split(b" ")[1]), json.loads(body)


def request(length: int | None, path: str = "/v1/submissions") -> bytes:
    """Headers; ``length`` None: chunks."""
    framing = b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length
    return b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%s\r\n\r\n" % (path.encode(), framing)


def accepted(served: Served, number: int) -> None:
    """A good trader is served."""
    given = served.submit(served.prove(owner(number)))
    assert given.status_code == 201, given.text


# --- bodies -----------------------------------------------------------------------------------------------------------


def test_bodies_that_never_end(served: Served) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(served)) for _ in range(100)]
        for number, connection in enumerate(slow):
            connection.sendall(request(1000 if number % 2 else None) + (b"{" if number % 2 else b"1\r\n{\r\n"))
        for _ in range(6):  # one drips on: the time is for the whole body
            slow[0].sendall(b"1\r\n \r\n")
            time.sleep(0.1)
        accepted(served, 101)
        for connection in slow:
            status, body = answer(connection)
            assert (status, body["code"]) == (408, "E_SLOW")


def test_whoever_leaves_in_the_middle_is_forgotten(served: Served) -> None:
    for _ in range(50):
        with connect(served) as connection:
            connection.sendall(request(1000) + b"{")
    accepted(served, 102)


def test_connections_that_ask_nothing(served: Served) -> None:
    with ExitStack() as stack:
        for number in range(400):
            connection = stack.enter_context(connect(served))
            if number % 2:
                connection.sendall(b"POST /v1/submissions HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        accepted(served, 103)


@pytest.mark.parametrize("size", [LIMITS.body_bytes + 1, 170_000, 900_000])
def test_who_sends_too_much_reads_why(size: int, served: Served) -> None:
    """Also where the answer comes before the client has sent all."""
    with connect(served) as connection:
        connection.sendall(request(size))
        connection.sendall(b" " * size)
        assert answer(connection)[1]["code"] == "E_BODY_SIZE"
    with connect(served) as connection:
        connection.sendall(request(None))
        for _ in range(size // 1000 + 1):
            connection.sendall(b"3e8\r\n" + b" " * 1000 + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        status, body = answer(connection)
        assert (status, body["code"]) == (413, "E_BODY_SIZE")


def test_large_bodies_are_bounded(served: Served) -> None:
    """Market snapshots are large, and anybody may begin to send some: one at a time of each client."""
    part = b" " * (LIMITS.body_bytes + 1)
    with connect(served) as first, connect(served) as second:
        first.sendall(request(1 << 26, "/v1/markets") + part)
        time.sleep(0.5)
        second.sendall(request(1 << 26, "/v1/markets") + part)
        assert answer(second)[1]["code"] == "E_RATE_LIMIT"
        accepted(served, 104)
    assert served.send_market().status_code == 201


# --- limits of a client -----------------------------------------------------------------------------------------------


def test_requests_of_a_minute(world: World, tmp_path: Path) -> None:
    with serve(world, tmp_path, LIMITS.model_copy(update={"per_minute": 3})) as served:
        body = {"venueId": hex_bytes(A), "seconds": "300"}
        given = [served.client.post("/v1/challenges", json=body) for _ in range(4)]
        assert [answer.status_code for answer in given] == [201, 201, 201, 429]
        assert (code(given[-1])[1], given[-1].headers["retry-after"]) == ("E_RATE_LIMIT", "5")
        assert served.client.get("/v1/terms").status_code == 200  # whoever only asks is not counted
        with httpx.Client(base_url=served.address, transport=httpx.HTTPTransport(local_address=ATTACKER)) as other:
            assert other.post("/v1/challenges", json=body).status_code == 201


def test_an_address_of_ipv6_is_its_network() -> None:
    def client(address: str) -> str:
        return client_of({"type": "http", "client": (address, 1)})

    assert client("2001:db8:1:2:3::4") == client("2001:db8:1:2::9") != client("2001:db8:1:3::9")
    assert client("::ffff:192.0.2.1") == client("192.0.2.1") != client("192.0.2.2")


# --- processes --------------------------------------------------------------------------------------------------------


def test_a_verifier_that_is_killed(served: Served) -> None:
    accepted(served, 105)  # the processes are there
    for round_ in range(2):
        envelope = served.prove(owner(106 + round_))
        processes = multiprocessing.active_children()
        assert 1 <= len(processes) <= LIMITS.workers
        for process in processes:
            os.kill(process.pid or 0, signal.SIGSTOP)
        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(served.submit, envelope)
            while not served.service.turns.busy:
                time.sleep(0.01)
            time.sleep(0.2)
            for process in processes:
                os.kill(process.pid or 0, signal.SIGKILL)
            assert code(waiting.result()) == (503, "E_BUSY")
        assert code(served.client.get(f"/v1/receipts/{envelope.public_inputs.nullifier}?context=1")) == (
            404,
            "E_PLEDGE_MISSING",
        )
        accepted(served, 106 + round_)


def test_what_was_answered_before_the_end_is_on_disk(tmp_path: Path) -> None:
    traders = Traders(now=NOW)
    url, settings = sqlite_at(tmp_path), traders.write(tmp_path)
    Registry.create(url, traders.terms)
    service = Service(settings, url, simulated.OPERATOR, clock=Clock())
    service.desk.keep_market(traders.market)
    requests = [post("/v1/submissions", body) for body in made(traders, service, 150)]
    answered: list[Answer] = []

    async def attack(address: tuple[str, int]) -> None:
        await send(address, requests, 8, answered=answered)

    with ThreadPoolExecutor(1) as thread:
        with listening(service) as address:
            running = thread.submit(asyncio.run, attack(_host(address)))
            while len(answered) < 40:
                assert not running.done()
                time.sleep(0.01)
        assert running.exception() is not None  # connections ended in the middle
    assert 40 <= len(answered) < 150
    assert {answer.status for answer in answered} == {201}
    with Registry(url, traders.terms, simulated.OPERATOR, clock=Clock()) as again:
        again.require_whole()
        for answer in answered:
            receipt = PledgeReceiptDocument.of_json(answer.json()["receipt"])
            assert again.receipt(receipt.receipt.nullifier) == receipt


# --- proofs -----------------------------------------------------------------------------------------------------------


def made(traders: Traders, service: Service, count: int) -> list[bytes]:
    """Proofs, each with a challenge of its own."""
    challenges = [service.registry.issue_challenge(traders.venue_id, 3600)[0] for _ in range(count)]
    return [traders.submission(challenge).to_bytes() for challenge in challenges]


def _host(address: str) -> tuple[str, int]:
    host, port = address.removeprefix("http://").split(":")
    return host, int(port)


def test_ten_thousand_bad_proofs_leave_good_ones_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one client 10,000, of which 500 pass all but the equation and the others answer a challenge again; another
    client's have their turn after a few of these, however many there are.
    """
    traders, connections, good_ones = Traders(now=NOW), 32, 20
    url = sqlite_at(tmp_path)
    Registry.create(url, traders.terms)
    limits = LIMITS.model_copy(update={"per_minute": 1 << 30})
    service = Service(traders.write(tmp_path, limits), url, simulated.OPERATOR, clock=Clock())
    service.desk.keep_market(traders.market)
    good, bad = made(traders, service, good_ones), []
    for body in made(traders, service, 500):
        envelope = Envelope.parse(body)
        bad.append(envelope.model_copy(update={"proof": traders.key.proof([0] * 7)}).to_bytes())
    bad += [bad[number % 500] for number in range(9500)]
    turns: list[str] = []
    waited: list[int] = []
    judged: list[bytes] = []
    turn, judge = service.turns.turn, service.pool.judge

    @asynccontextmanager
    async def noted_turn(client: str) -> AsyncIterator[None]:
        came = len(turns)
        async with turn(client):
            if client != ATTACKER:
                waited.append(len(turns) - came)
            turns.append(client)
            yield

    async def noted_judge(content: bytes, challenge: bytes | None, at: int) -> Verdict:
        judged.append(content)
        return await judge(content, challenge, at)

    monkeypatch.setattr(service.turns, "turn", noted_turn)
    monkeypatch.setattr(service.pool, "judge", noted_judge)

    async def attack(address: tuple[str, int]) -> tuple[list[Answer], list[Answer]]:
        flood = asyncio.create_task(
            send(address, [post("/v1/submissions", body) for body in bad], connections, source=ATTACKER)
        )
        while len(turns) < 2 * connections:
            await asyncio.sleep(0.01)
        served = await send(address, [post("/v1/submissions", body) for body in good], 1)
        assert not flood.done()
        return served, await flood

    with ThreadPoolExecutor(1) as thread, listening(service) as address:
        served, refused = thread.submit(asyncio.run, attack(_host(address))).result()
        assert service.turns.waiting == 0
        assert service.registry.size() == good_ones
    assert [answer.status for answer in served] == [201] * good_ones
    assert len(waited) == good_ones
    assert max(waited) <= 2 * limits.workers  # as many as are under way at once
    codes = Counter(answer.json()["code"] for answer in refused)
    assert codes == {"E_PROOF_INVALID": 500, "E_CHALLENGE": 9500}
    assert len(judged) == 500 + good_ones  # a challenge that was used costs no verification
