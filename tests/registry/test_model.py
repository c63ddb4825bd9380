"""The registry against a plain model of its rules, over random histories (hypothesis)."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from registry_world import EPOCH, EPOCH_END, NOW, TERMS, A, B, Clock, open_registry, registration, release, sqlite_at

from zkmargin.errors import ZkMarginError
from zkmargin.verifier.registry.documents import Registration, RegistrationDocument, ReleaseDocument
from zkmargin.verifier.registry.replay import require_log

NULLIFIERS = st.integers(1, 3)
VENUES = st.sampled_from([A, B])


@dataclass
class Model:
    """The rules of specs/registry.md, as one would write them on paper."""

    held: dict[int, Registration] = field(default_factory=dict)
    contexts: set[int] = field(default_factory=set)
    releases: set[tuple[int, int]] = field(default_factory=set)
    entries: list[tuple[str, int, bytes]] = field(default_factory=list)

    def register(self, asked: Registration, now: int) -> str:
        if not asked.issued_at < asked.expires_at or asked.issued_at > now + 60 or now >= asked.expires_at:
            return "E_EXPIRY"
        if now >= (asked.epoch + 1) * 86400 or now + 3600 < asked.epoch * 86400:
            return "E_EPOCH"
        if asked.expires_at > (asked.epoch + 1) * 86400:
            return "E_PLEDGE_TOO_LONG"
        if asked.context in self.contexts:
            return "E_REPLAY"
        held = self.held.get(asked.nullifier)
        if held is not None:
            if held.venue_id != asked.venue_id:
                return "E_DOUBLE_PLEDGE"
            if held.epoch != asked.epoch:
                return "E_EPOCH"
            same = (held.vk_hash, held.policy_id) == (asked.vk_hash, asked.policy_id)
            if not same or asked.issued_at <= held.issued_at or asked.expires_at < held.expires_at:
                return "E_PLEDGE_REFRESH"
        self.held[asked.nullifier] = asked
        self.contexts.add(asked.context)
        self.entries.append(("registration" if held is None else "refresh", asked.nullifier, asked.venue_id))
        return ""

    def release(self, nullifier: int, venue: bytes, at: int, epoch: int, now: int) -> str:
        if at > now + 60:
            return "E_EXPIRY"
        if (nullifier, at) in self.releases:
            return "E_REPLAY"
        held = self.held.get(nullifier)
        if held is None:
            return "E_PLEDGE_MISSING"
        if held.venue_id != venue:
            return "E_SIG_NOT_ATTESTOR"
        if held.epoch != epoch:
            return "E_EPOCH"
        if at < held.issued_at:
            return "E_REPLAY"
        del self.held[nullifier]
        self.releases.add((nullifier, at))
        self.entries.append(("release", nullifier, venue))
        return ""


class Histories(RuleBasedStateMachine):
    """What is asked, replayed, held back and asked again, near the end of an epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock(EPOCH_END - 4000)
        self.registry = open_registry(sqlite_at(Path(self.folder.name)), self.clock)
        self.model = Model()
        self.asked: list[RegistrationDocument | ReleaseDocument] = []

    def teardown(self) -> None:
        self.registry.require_whole()
        if self.model.entries:
            require_log([self.registry.page(0)], TERMS)
        self.registry.close()
        self.folder.cleanup()

    @rule(seconds=st.integers(1, 2500))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    @rule(
        nullifier=NULLIFIERS,
        venue=VENUES,
        issued=st.integers(-40, 70),
        valid=st.sampled_from([0, 30, 600, 2000, 5000]),
        epoch=st.sampled_from([EPOCH, EPOCH, EPOCH, EPOCH + 1]),
        key=st.sampled_from([b"\x01" * 32, b"\x01" * 32, b"\x02" * 32]),
    )
    def register(self, nullifier: int, venue: bytes, issued: int, valid: int, epoch: int, key: bytes) -> None:
        start = self.clock.now + issued
        times = {"issued_at": start, "expires_at": start + valid, "epoch": epoch, "vk_hash": key}
        self.ask(registration(nullifier, venue, **times))

    @rule(
        nullifier=NULLIFIERS, venue=VENUES, ago=st.integers(-70, 100), epoch=st.sampled_from([EPOCH, EPOCH, EPOCH + 1])
    )
    def release(self, nullifier: int, venue: bytes, ago: int, epoch: int) -> None:
        self.ask(release(nullifier, venue, self.clock.now - ago, epoch))

    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        if self.asked:
            self.ask(data.draw(st.sampled_from(self.asked)))

    def ask(self, document: RegistrationDocument | ReleaseDocument) -> None:
        """The same of the registry and of the model."""
        self.asked.append(document)
        code = ""
        try:
            if isinstance(document, RegistrationDocument):
                self.registry.register(document)
            else:
                self.registry.release(document)
        except ZkMarginError as error:
            code = error.code
        if isinstance(document, RegistrationDocument):
            expected = self.model.register(document.registration, self.clock.now)
        else:
            said, signer = document.release, document.signatures[0].signer
            venue = next(venue.venue_id for venue in TERMS.venues if signer in venue.signers.members)
            expected = self.model.release(said.nullifier, venue, said.at, said.epoch, self.clock.now)
        assert code == expected

    @invariant()
    def the_registry_holds_what_the_model_holds(self) -> None:
        assert self.registry.size() == len(self.model.entries)
        for nullifier in (1, 2, 3):
            held, expected = self.registry.pledge(nullifier), self.model.held.get(nullifier)
            found = None if held is None else (held.venue_id, held.issued_at, held.expires_at, held.context)
            assert found == (
                None
                if expected is None
                else (expected.venue_id, expected.issued_at, expected.expires_at, expected.context)
            )


def test_histories() -> None:
    assert NOW < EPOCH_END
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Histories,
        settings=settings(
            max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
