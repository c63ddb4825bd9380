"""Markets from several sources, with their own listings, to a verified proof; margins against other computations."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from exotic_options import DESK, read
from parties import DOMAIN, NOW, PUBLISHER
from real_chains import MOMENTS, real_chain
from rule_parties import Parties

from zkmargin.attestations.market import MarketSnapshotDocument, sign_snapshot
from zkmargin.circuits.compile import compile_rules
from zkmargin.circuits.rules import RuleSet, check_tables, evaluate, load_rules, parse_rules
from zkmargin.circuits.rules.load import read_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.errors import ZkMarginError
from zkmargin.margin.build import build_market
from zkmargin.margin.exotics import price_exotics
from zkmargin.margin.histories import history_market
from zkmargin.margin.market import Market
from zkmargin.margin.scenarios import deribit_grid
from zkmargin.margin.tables import Tables
from zkmargin.margin.volatility import Regime

PRICES = Path(__file__).parents[1] / "data" / "prices" / "daily_close_usd.csv"


@dataclass
class MarketParties(Parties):
    """With a market's own listing and sources; its prices are of the tests' time."""

    market: Market

    def snapshot(self, tables: Tables) -> MarketSnapshotDocument:
        """The publisher signs the market with whatever tables."""
        return sign_snapshot(
            replace(self.market, tables=tables, price_time=NOW - 10),
            rule_digest=self.rules.digest,
            issued_at=NOW - 9,
            expires_at=NOW + 900,
            domain=DOMAIN.domain(),
            keys=[PUBLISHER],
        )


@pytest.mark.prove
def test_a_barrier_and_an_asian_position_are_margined_proven_and_verified(tmp_path: Path) -> None:
    """Long a down-and-out call, short an Asian one and a down-and-in put, against an option of the chain, on the
    volatilities of 5 February 2026: with exactly what the worst scenario takes, and not a millionth of a dollar less.
    """
    rules = load_rules("portfolio_scan")
    chain = real_chain("BTC", MOMENTS[1])
    priced = price_exotics(read(*DESK), [chain], deribit_grid())
    market = build_market([chain], table_schema(rules), priced=priced)
    check_tables(rules, market.tables)
    sizes = {"BTC-27MAR26-70000-C-DO60000": 120_000, "BTC-27MAR26-72000-C-ASIAN": -250_000}
    sizes |= {"BTC-27MAR26-70000-P-DI55000": -40_000, "BTC-27MAR26-60000-P": 100_000}
    size = [0] * len(market.listing)
    for name, amount in sizes.items():
        size[market.listing.row(name)] = amount
    slack, common = evaluate(rules, market.tables, {"size": size, "cash": 0}).slack("initial")
    least = -(int(slack) // (common // 10**6))
    bare = [0 if row >= len(size) - len(DESK) else amount for row, amount in enumerate(size)]
    alone, over = evaluate(rules, market.tables, {"size": bare, "cash": 0}).slack("initial")
    assert int(alone) * common != int(slack) * over  # the exotic options are margined
    parties = MarketParties(rules, compile_rules(rules), "initial", tmp_path, market)
    envelope = parties.prove(market.tables, {"size": size, "cash": least})
    assert parties.verify(envelope, market.tables).claim.kind.name == "INITIAL"
    assert envelope.market.snapshot.listing_digest == market.listing.digest
    with pytest.raises(ZkMarginError, match="E_MARGIN_SHORT"):
        parties.prove(market.tables, {"size": size, "cash": least - 1})


def of_ten_assets() -> RuleSet:
    """``historical_es`` with room for sixteen instruments instead of a thousand, which the harness proves."""
    text, _ = read_rules("historical_es")
    return parse_rules(text.replace(b"instrument: {capacity: 1000}", b"instrument: {capacity: 16}"))


SIZES = [1_2500, -18_0000, 55_0000, -120_000_0000, 90_000_0000, 310_000_0000, -4_000_0000, 0, 25_000_0000, 1_500_0000]
"""Of ten assets in ten-thousandths of a coin: from tens of thousands to some hundred thousand dollars, both ways."""


def test_the_tables_of_a_thousand_real_days() -> None:
    """Each of ten thousand entries against exact fractions of the file's own figures: at most a unit of 1e-8 off."""
    rows = list(csv.DictReader(PRICES.read_text().splitlines()))[-1001:]
    names = list(rows[0])[1:]
    found = history_market(PRICES.read_bytes(), PRICES.name, table_schema(load_rules("historical_es"))).tables
    assert found.names["instrument"] == tuple(names)
    assert found.names["scenario"] == tuple(row["date"] for row in rows[1:])
    for asset, name in enumerate(names):
        prices = [Fraction(row[name]) for row in rows]
        for day in range(1000):
            exact = prices[-1] * (prices[day + 1] / prices[day] - 1) * 10**8
            assert abs(int(found.columns["pnl"].values[asset, day]) - exact) <= 1


@pytest.mark.prove
@pytest.mark.parametrize("regime", [Regime(), Regime("garch", ahead=2)], ids=["plain", "garch"])
def test_expected_shortfall_of_a_thousand_real_days(regime: Regime, tmp_path: Path) -> None:
    """The mean of the 25 worst days of ten assets, by numpy in whole numbers, to the last digit; then proven."""
    rules = of_ten_assets()
    market = history_market(PRICES.read_bytes(), PRICES.name, table_schema(rules), regime=regime)
    check_tables(rules, market.tables)
    pnl = market.tables.columns["pnl"].values.astype(np.int64)
    losses = -(np.array(SIZES, dtype=np.int64) @ pnl)
    assert losses.shape == (1000,)
    assert np.abs(losses).max() < 2**62
    worst = int(np.sort(losses)[-25:].sum())  # 25 times the shortfall, in 1e-12 dollars
    found = evaluate(rules, market.tables, {"size": SIZES, "cash": 0})
    shortfall = Fraction(int(found.values["shortfall"]), found.denominators["shortfall"])
    assert shortfall == Fraction(worst, 25 * 10**12) > 1000
    value = int(np.array(SIZES, dtype=np.int64) @ market.tables.columns["mark"].values.astype(np.int64))
    needed = shortfall - Fraction(value, 10**12)
    least = -(-needed.numerator * 10**6 // needed.denominator)  # the smallest cash in 1e-6 that covers it
    assert evaluate(rules, market.tables, {"size": SIZES, "cash": least}).holds() is True
    assert evaluate(rules, market.tables, {"size": SIZES, "cash": least - 1}).holds() is False
    if regime != Regime():
        return
    parties = MarketParties(rules, compile_rules(rules), "maintenance", tmp_path, market)
    envelope = parties.prove(market.tables, {"size": SIZES, "cash": least})
    assert parties.verify(envelope, market.tables).claim.kind.name == "MAINTENANCE"
    with pytest.raises(ZkMarginError, match="E_MARGIN_SHORT"):
        parties.prove(market.tables, {"size": SIZES, "cash": least - 1})
