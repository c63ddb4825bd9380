"""Three days of real prices, 5 to 7 February 2026, through the service: two accounts long the market prove by HTTP.

What tests/clock shows on the plaintext reading, here with proofs. The tables are those of `portfolio_scan`, of whose
rows few are used: eight are enough. Proofs end with their epoch, a day: who is not there in the night is in grace.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from parties import DOMAIN, World
from real_chains import MOMENTS, real_chain
from registry_world import A
from served import TOKENS, Served, serve

from zkmargin.attestations.context import Claim, ClaimKind
from zkmargin.attestations.owner import OwnerKeys
from zkmargin.circuits.rules import evaluate
from zkmargin.circuits.tables import table_schema
from zkmargin.errors import MarginShort
from zkmargin.margin.atm_history import Curve, read_history
from zkmargin.margin.build import build_market
from zkmargin.margin.market import Market
from zkmargin.verifier.clock.policy import Band, Breaker, ClockPolicy
from zkmargin.verifier.policy import MaximumAge

pytestmark = pytest.mark.prove
ROOT = Path(__file__).parents[2]
HISTORY = ROOT / "tests" / "data" / "history" / "deribit_atm_20251230_20260822.csv"
RULES = (ROOT / "specs" / "rules" / "portfolio_scan.yaml").read_bytes().replace(b"capacity: 1024", b"capacity: 8")
HOUR = 3600
POLICY = ClockPolicy(
    prove_every=7 * HOUR,
    grace=5 * HOUR,
    call=4 * HOUR,
    bands=(Band(num=1, den=1), Band(num=5, den=4), Band(num=2, den=1)),
    breaker=Breaker(price_age=8 * HOUR, move=500, cool_down=2 * HOUR, longest_pause=12 * HOUR),
)
AGES = MaximumAge(price=8 * HOUR, statement=8 * HOUR, proof=8 * HOUR)
COINS = {"careful": 3, "bold": 10}
DEPOSIT = {"careful": 100_000, "bold": 160_000}
ENTRY = 71_000
OWNERS = {name: OwnerKeys.of_seed(bytes([number]) * 32) for number, name in enumerate(COINS, 1)}


def _time(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


OUTAGE = {_time("2026-02-07T04:23:30"), _time("2026-02-07T09:24:19")}
"""When the publisher's snapshots did not come."""
RESET = _time("2026-02-05T22:30:00")
"""When an operator ends the pause of the fifth."""


class Story:
    """The two traders, their venue and a publisher, on one clock."""

    def __init__(self, served: Served) -> None:
        self.served, self.world, self.seq, self.short = served, served.world, 0, 0

    def market(self, curve: Curve) -> Market:
        chain = curve.chain_at(real_chain("BTC", MOMENTS[1]), ["BTC-PERPETUAL"])
        return build_market([chain], table_schema(self.world.rules))

    def publish(self, curve: Curve) -> Market:
        market = self.market(curve)
        self.served.clock.now = curve.time + 30
        sent = self.served.send_market(market=market, **self.until_midnight(curve.time))
        assert sent.status_code == 201, sent.text
        return market

    @staticmethod
    def until_midnight(at: int) -> dict[str, int]:
        return {"issued_at": at + 1, "expires_at": (at // DOMAIN.epoch_length + 1) * DOMAIN.epoch_length}

    def account(self, name: str, market: Market) -> tuple[Any, list[int], int]:
        """What the venue signs now; the sizes and the cash that it is about."""
        columns, listed = self.world.rules.columns, [instrument.id for instrument in market.listing.instruments]
        sizes = [0] * len(listed)
        sizes[listed.index("BTC-PERPETUAL")] = COINS[name] * 10 ** columns["size"].decimals
        cash = (DEPOSIT[name] - COINS[name] * ENTRY) * 10 ** columns["cash"].decimals
        self.seq += 1
        now = self.served.clock.now
        times = {"as_of": now - 5, "epoch": now // DOMAIN.epoch_length, "seq": self.seq}
        signed = self.world.statement(
            sizes, cash, owner=OWNERS[name], audience=A, listing_digest=market.listing.digest,
            **times, **self.until_midnight(now - 5),
        )  # fmt: skip
        return signed, sizes, cash

    def prove(self, name: str, market: Market) -> None:
        """The strongest band that the account meets is proven and submitted; below all, the prover refuses."""
        self.served.clock.now = market.price_time + 60
        signed, sizes, cash = self.account(name, market)
        body = {"account": name, "commitments": [str(signed[0].statement.commitment)]}
        assert self.served.asked(A, "POST", "/v1/accounts", body).status_code == 200
        reading = evaluate(self.world.rules, market.tables, {"size": sizes, "cash": cash})
        met = [band for band in POLICY.bands if reading.holds("maintenance", band.num, band.den)]
        band = met[-1] if met else POLICY.bands[0]
        asked = {
            "account": signed,
            "at": self.served.clock.now,
            "claim": Claim(ClaimKind.MAINTENANCE, band.num, band.den),
            "snapshot": self.world.snapshot(market, **self.until_midnight(market.price_time)),
        }
        if not met:
            self.short += 1
            with pytest.raises(MarginShort):
                self.served.prove(OWNERS[name], **asked)
            return
        answer = self.served.submit(self.served.prove(OWNERS[name], **asked))
        assert (answer.status_code, answer.json().get("account")) == (201, name), answer.text

    def look(self, until: int) -> None:
        """The service looks at its clocks every half hour; at RESET an operator ends the pause."""
        clock = self.served.clock
        while clock.now + HOUR // 2 < until:
            clock.now += HOUR // 2
            self.served.service.tick()
            if clock.now - HOUR // 2 < RESET <= clock.now:
                answer = self.served.asked(A, "POST", "/v1/breaker/reset", {"reason": "prices were checked"})
                assert answer.json()["paused"] is None

    def told(self) -> list[str]:
        found = self.served.asked(A, "GET", "/v1/changes").json()["changes"]
        return [
            f"{datetime.fromtimestamp(int(change['at']), UTC):%d %H:%M} {change['account'] or 'breaker'}: "
            f"{change['before'] or '-'} -> {change['after']} ({change['reason']})"
            for change in found
        ]


STORY = """\
05 04:29 breaker: running -> paused (market snapshots are late: none has come)
05 04:30 breaker: paused -> running (snapshots are fresh)
05 04:30 careful: - -> grace (enrolled; no proof yet)
05 04:30 careful: grace -> healthy (proved at least 2/1 times the maintenance requirement)
05 04:30 bold: - -> grace (enrolled; no proof yet)
05 04:30 bold: grace -> healthy (proved at least 5/4 times the maintenance requirement)
05 15:52 bold: healthy -> healthy (proved at least 1/1 times the maintenance requirement)
05 21:30 breaker: running -> paused (BTC moved by 611 basis points)
05 22:30 breaker: paused -> running (reset: prices were checked)
05 23:00 bold: healthy -> grace (its proof no longer counts)
06 00:00 careful: healthy -> grace (its proof no longer counts)
06 04:00 bold: grace -> margin-call (no proof within the time of grace)
06 04:31 careful: grace -> healthy (proved at least 2/1 times the maintenance requirement)
06 08:01 bold: margin-call -> liquidation-queue (the margin call was not answered)
06 09:36 bold: liquidation-queue -> healthy (proved at least 1/1 times the maintenance requirement)
06 21:31 bold: healthy -> healthy (proved at least 5/4 times the maintenance requirement)
07 00:01 bold: healthy -> grace (its proof no longer counts)
07 00:01 careful: healthy -> grace (its proof no longer counts)
07 05:01 bold: grace -> margin-call (no proof within the time of grace)
07 05:01 careful: grace -> margin-call (no proof within the time of grace)
07 05:31 breaker: running -> paused (market snapshots are late: the last is of 1770413457)
07 15:34 breaker: paused -> running (snapshots are fresh)
07 15:35 careful: margin-call -> healthy (proved at least 2/1 times the maintenance requirement)
07 15:35 bold: margin-call -> healthy (proved at least 5/4 times the maintenance requirement)
"""
"""`bold` is short of margin from the evening of the 5th to the morning of the 6th; `careful` never is, and
is in grace while it sleeps. On the 7th the publisher fails until the afternoon."""


def test_three_days_in_february(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    (tmp_path / "service").mkdir()
    curves = [
        curve
        for curve in read_history(HISTORY).curves
        if curve.underlying == "BTC" and _time("2026-02-05") <= curve.time < _time("2026-02-07T20:00")
    ]
    shown = [curve for curve in curves if curve.time not in OUTAGE]
    world = World(tmp_path / "key", RULES)
    with serve(world, tmp_path / "service", now=curves[0].time, clock=POLICY, maximum_age=AGES) as served:
        story = Story(served)
        served.service.tick()  # before any snapshot came
        for curve, following in zip(shown, [*shown[1:], None], strict=True):
            market = story.publish(curve)
            for name in COINS:
                story.prove(name, market)
            story.look(_time("2026-02-07T20:00") if following is None else following.time)
            if curve.time == _time("2026-02-06T04:30:12"):  # the morning of the sixth
                queue = served.asked(A, "GET", "/v1/queue").json()["accounts"]
                assert [(entry["account"], entry["band"]) for entry in queue] == [("bold", "1/1")]
                desk = served.client.post("/venue/login", data={"token": TOKENS[A]}, follow_redirects=True).text
                assert "In its order" in desk
        assert story.told() == STORY.splitlines()
        assert story.short == 2
        healthy = served.asked(A, "GET", "/v1/accounts").json()["accounts"]
        assert [(entry["account"], entry["state"]) for entry in healthy] == [
            ("bold", "healthy"),
            ("careful", "healthy"),
        ]
        served.service.registry.require_whole()
