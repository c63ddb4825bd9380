"""A service of two venues on a real socket, in a thread, on the tests' clock; and traders who prove to them."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from parties import NOW, World
from registry_world import OPERATOR, TERMS, A, B, Clock, sqlite_at

from zkmargin.attestations.owner import OwnerKeys
from zkmargin.encoding import hex_bytes, sha256
from zkmargin.prover.setup import VERIFYING_KEY_FILE
from zkmargin.verifier.clock.policy import Band, Breaker, ClockPolicy
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.policy import Policy
from zkmargin.verifier.registry.registry import Registry
from zkmargin.verifier.service.app import create_app
from zkmargin.verifier.service.server import configure
from zkmargin.verifier.service.service import Service
from zkmargin.verifier.service.settings import Limits, ServedRuleSet, ServedVenue, ServiceSettings

AUDITOR = "token of the auditor"
TOKENS = {A: "token of alpha", B: "token of beta"}
CLOCK = ClockPolicy(
    prove_every=600,
    grace=100,
    call=200,
    bands=(Band(num=1, den=1), Band(num=5, den=4)),
    breaker=Breaker(price_age=1000, move=500, cool_down=60, longest_pause=600),
)
LIMITS = Limits(
    body_bytes=1 << 16, body_seconds=2, per_minute=60_000, waiting_each=64, waiting=1024, workers=2, tick_seconds=3600
)


def policy_of(world: World, venue_id: bytes, **changes: Any) -> Policy:
    """A venue's policy, with a margin clock."""
    name = "alpha" if venue_id == A else "beta"
    fields: dict[str, Any] = {"verifier_id": venue_id, "name": name, "clock": CLOCK}
    return world.policy(**fields | changes)


def write_settings(folder: Path, world: World, limits: Limits = LIMITS, **policies: Any) -> Path:
    """Everything that a service reads. ``policies``: what they say else than usual."""
    _ = world.verifying_key
    shutil.copy(world.folder / VERIFYING_KEY_FILE, folder / "key.json")
    (folder / "rules.yaml").write_bytes(world.text)
    (folder / "registry.json").write_text(TERMS.to_text())
    venues = []
    for venue_id in sorted(TOKENS):
        policy = policy_of(world, venue_id, **policies)
        (folder / f"{policy.name}.policy.json").write_text(policy.to_text())
        rules = ServedRuleSet(rules="rules.yaml", key="key.json")
        tokens = (sha256(TOKENS[venue_id].encode()),)
        venues.append(ServedVenue(policy=f"{policy.name}.policy.json", rule_sets=(rules,), tokens=tokens))
    settings = ServiceSettings(
        name="tests",
        terms="registry.json",
        venues=tuple(venues),
        auditors=(sha256(AUDITOR.encode()),),
        documents="documents",
        limits=limits,
    )
    path = folder / "tests.service.json"
    path.write_text(settings.to_text())
    return path


class Served:
    """A running service and what a client does with it."""

    def __init__(self, world: World, service: Service, clock: Clock, address: str, client: httpx.Client) -> None:
        self.world, self.service, self.clock, self.address, self.client = world, service, clock, address, client

    def post(self, path: str, content: bytes, **more: Any) -> httpx.Response:
        return self.client.post(path, content=content, headers={"Content-Type": "application/json"}, **more)

    def asked(self, venue_id: bytes, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """As a venue, with its token."""
        return self.client.request(method, path, json=body, headers={"Authorization": f"Bearer {TOKENS[venue_id]}"})

    def audited(self, path: str) -> httpx.Response:
        """As an auditor."""
        return self.client.get(path, headers={"Authorization": f"Bearer {AUDITOR}"})

    def challenge(self, venue_id: bytes = A) -> bytes:
        given = self.client.post("/v1/challenges", json={"venueId": hex_bytes(venue_id), "seconds": "300"})
        assert given.status_code == 201, given.text
        return bytes.fromhex(given.json()["challenge"][2:])

    def send_market(self, **changes: Any) -> httpx.Response:
        return self.post("/v1/markets", self.world.snapshot(**changes).to_bytes())

    def prove(self, owner: OwnerKeys, venue_id: bytes = A, challenge: bytes | None = None, **changes: Any) -> Envelope:
        """A proof that answers a challenge (a fresh one by default)."""
        account = changes.pop("account", None) or self.world.statement(owner=owner, audience=venue_id)
        return self.world.prove(
            policy=self.service.desk.venue(venue_id).policy,
            account=account,
            keys=owner,
            challenge=self.challenge(venue_id) if challenge is None else challenge,
            **changes,
        )

    def submit(self, envelope: Envelope) -> httpx.Response:
        return self.post("/v1/submissions", envelope.to_bytes())


@contextmanager
def serve(world: World, folder: Path, limits: Limits = LIMITS, now: int = NOW, **policies: Any) -> Iterator[Served]:
    """Tests' service."""
    settings, clock, url = write_settings(folder, world, limits, **policies), Clock(now), sqlite_at(folder)
    Registry.create(url, TERMS)
    service = Service(settings, url, OPERATOR, clock=clock)
    with listening(service) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield Served(world, service, clock, address, client)


@contextmanager
def listening(service: Service) -> Iterator[str]:
    """The address of a service that runs in a thread, and is stopped as by SIGTERM."""
    socket_ = socket.create_server(("127.0.0.1", 0), backlog=1024)
    socket_.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = uvicorn.Server(configure(create_app(service)))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket_]})
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the service did not start")
            time.sleep(0.02)
        yield f"http://127.0.0.1:{socket_.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(60)
        socket_.close()
