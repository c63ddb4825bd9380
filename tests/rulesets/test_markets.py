"""Markets from several sources, with their own listings, to a verified proof."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from exotic_options import DESK, read
from parties import DOMAIN, NOW, PUBLISHER
from real_chains import MOMENTS, real_chain
from rule_parties import Parties

from zkmargin.attestations.market import MarketSnapshotDocument, sign_snapshot
from zkmargin.circuits.compile import compile_rules
from zkmargin.circuits.rules import check_tables, evaluate, load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.errors import ZkMarginError
from zkmargin.margin.build import build_market
from zkmargin.margin.exotics import price_exotics
from zkmargin.margin.market import Market
from zkmargin.margin.scenarios import deribit_grid
from zkmargin.margin.tables import Tables


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
