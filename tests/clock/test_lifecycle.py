"""Three days of real prices, 5 to 7 February 2026: two accounts long the market, one of them too much, on the clock.

Whether an account could prove a claim is the rules' word on the chain as it stood at each moment (the morning of the
5th, moved along the at-the-money history). What the clock makes of it is compared with what a risk desk would expect.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from real_chains import MOMENTS, real_chain

from zkmargin.attestations.context import Claim, ClaimKind
from zkmargin.circuits.rules import RuleSet, evaluate, load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.margin.atm_history import Curve, read_history
from zkmargin.margin.build import build_market
from zkmargin.margin.market import Market
from zkmargin.verifier.clock.clock import MarginClock, ProofTerms
from zkmargin.verifier.clock.policy import Band, Breaker, ClockPolicy
from zkmargin.verifier.clock.standing import Change, Prices, State

HISTORY = Path(__file__).parents[1] / "data" / "history" / "deribit_atm_20251230_20260822.csv"
HOUR = 3600
POLICY = ClockPolicy(
    prove_every=7 * HOUR,
    grace=HOUR,
    call=6 * HOUR,
    bands=(Band(num=1, den=1), Band(num=5, den=4), Band(num=2, den=1)),
    breaker=Breaker(price_age=8 * HOUR, move=500, cool_down=2 * HOUR, longest_pause=12 * HOUR),
)


def _time(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


COINS = {"careful": 3, "bold": 10}
"""Long perpetual, bought at 71,000 USD a coin."""
DEPOSIT = {"careful": 100_000, "bold": 160_000}
ENTRY = 71_000
OUTAGE = {_time("2026-02-07T04:23:30"), _time("2026-02-07T09:24:19")}
"""When the publisher's snapshots did not come."""


def _curves() -> dict[str, list[Curve]]:
    """By coin, the moments of the three days."""
    found: dict[str, list[Curve]] = {"BTC": [], "ETH": []}
    for curve in read_history(HISTORY).curves:
        if _time("2026-02-05") <= curve.time < _time("2026-02-08"):
            found[curve.underlying].append(curve)
    return found


@cache
def _rules() -> RuleSet:
    return load_rules("portfolio_scan")


def _market(curve: Curve) -> Market:
    return build_market([curve.chain_at(real_chain("BTC", MOMENTS[1]), ["BTC-PERPETUAL"])], table_schema(_rules()))


def _best_claim(name: str, market: Market) -> Claim | None:
    """The strongest band that the account could prove."""
    rules, listed = _rules(), [instrument.id for instrument in market.listing.instruments]
    size = [0] * len(listed)
    size[listed.index("BTC-PERPETUAL")] = COINS[name] * 10 ** rules.columns["size"].decimals
    cash = (DEPOSIT[name] - COINS[name] * ENTRY) * 10 ** rules.columns["cash"].decimals
    reading = evaluate(rules, market.tables, {"size": size, "cash": cash})
    for band in reversed(POLICY.bands):
        if reading.holds("maintenance", band.num, band.den):
            return Claim(ClaimKind.MAINTENANCE, band.num, band.den)
    return None


def _shown(change: Change) -> str:
    at = datetime.fromtimestamp(change.at, UTC).strftime("%d %H:%M")
    return f"{at} {change.account or 'breaker'}: {change.before or '-'} -> {change.after} ({change.reason})"


def _run() -> tuple[MarginClock, list[str]]:
    """Snapshots as they came, a minute later whatever proofs can be made, and a look at the clock every ten minutes."""
    clock, curves = MarginClock(POLICY), _curves()
    moments = [(btc, eth) for btc, eth in zip(curves["BTC"], curves["ETH"], strict=True) if btc.time not in OUTAGE]
    told: list[Change] = []
    start, end = moments[0][0].time, _time("2026-02-07T22:00")
    next_look = start
    for name in COINS:
        told += clock.enrol(name, start)
    for at, following in zip(moments, [*moments[1:], None], strict=True):
        bitcoin, ether = at
        now, market = bitcoin.time, _market(bitcoin)
        index = (("BTC", int(bitcoin.index * 100)), ("ETH", int(ether.index * 100)))
        told += clock.snapshot(Prices(now, index), now)
        for name in COINS:
            claim = _best_claim(name, market)
            if claim is not None:
                told += clock.prove(name, ProofTerms(now + 30, now + 12 * HOUR, now, claim), now + 60)
        until = end if following is None else following[0].time
        next_look = max(next_look, now + 60)
        while next_look < until:
            told += clock.tick(next_look)
            next_look += 600
    return clock, [_shown(change) for change in told]


STORY = """\
05 04:29 careful: - -> grace (enrolled; no proof yet)
05 04:29 bold: - -> grace (enrolled; no proof yet)
05 04:30 careful: grace -> healthy (proved at least 2/1 times the maintenance requirement)
05 04:30 bold: grace -> healthy (proved at least 5/4 times the maintenance requirement)
05 15:51 breaker: running -> paused (ETH moved by 758 basis points)
05 15:52 bold: healthy -> healthy (proved at least 1/1 times the maintenance requirement)
05 18:00 breaker: paused -> running (the market has calmed)
05 21:29 breaker: running -> paused (BTC moved by 611 basis points)
05 23:30 breaker: paused -> running (the market has calmed)
05 23:30 bold: healthy -> grace (its proof no longer counts)
06 00:30 bold: grace -> margin-call (no proof within the time of grace)
06 06:31 bold: margin-call -> liquidation-queue (the margin call was not answered)
06 09:36 bold: liquidation-queue -> healthy (proved at least 1/1 times the maintenance requirement)
06 21:31 bold: healthy -> healthy (proved at least 5/4 times the maintenance requirement)
07 04:31 bold: healthy -> grace (its proof no longer counts)
07 04:31 careful: healthy -> grace (its proof no longer counts)
07 05:31 breaker: running -> paused (market snapshots are late: the last is of 1770413457)
07 15:34 breaker: paused -> running (snapshots are fresh)
07 15:35 careful: grace -> healthy (proved at least 2/1 times the maintenance requirement)
07 15:35 bold: grace -> healthy (proved at least 5/4 times the maintenance requirement)
"""
"""With 10 coins on 160,000 USD `bold` is short of margin from the evening of the 5th to the morning of the 6th, and
`careful` never is. Whoever proved on prices from after a jump keeps the proof. On the 7th the publisher fails."""


def test_three_days_in_february() -> None:
    clock, told = _run()
    assert told == STORY.splitlines()
    assert clock.counts()[State.HEALTHY] == 2
    assert clock.queue() == []
