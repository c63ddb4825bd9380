"""Liquidation distances with every option valued again, on the demo's chains."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from zkmargin.attestations.context import Claim
from zkmargin.circuits.rules import RuleSet, evaluate, load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.errors import MarketSource
from zkmargin.margin.account import Account
from zkmargin.margin.build import Board, build_market
from zkmargin.margin.chain import Chain
from zkmargin.margin.compact import read_source
from zkmargin.margin.revalue import cut_chain, moved_chain
from zkmargin.margin.scenarios import deribit_grid
from zkmargin.prover.distances import ChainBook
from zkmargin.prover.holdings import Holdings
from zkmargin.prover.risk import measure_risk

DEMO = Path(__file__).resolve().parents[2] / "demo"


@pytest.fixture(scope="module")
def chain() -> Chain:
    return read_source(DEMO / "chain_btc_20260205T093647Z.csv")


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load_rules("deribit_pm")


def _holds(rules: RuleSet, chain: Chain) -> bool:
    market = build_market([chain], table_schema(rules))
    account = Account.read(DEMO / "account.csv", market.listing)
    private = {"size": account.vector(market.listing), "cash": account.cash}
    return evaluate(rules, market.tables, private).holds()


def _holdings(rules: RuleSet, chain: Chain) -> Holdings:
    market = build_market([chain], table_schema(rules))
    account = Account.read(DEMO / "account.csv", market.listing)
    return Holdings.of(rules, market, {"size": account.vector(market.listing), "cash": account.cash})


def test_marks_move_by_what_scenarios_are_made_of(chain: Chain) -> None:
    board = Board((chain,), deribit_grid())
    at = board.grid.names.index("+8% vol same")
    moved = Board((moved_chain(chain, Fraction(108, 100)),), deribit_grid())
    expected = np.maximum(board.mark + board.gain[:, at], 0)
    assert np.allclose(moved.mark, expected, rtol=1e-12, atol=1e-9)
    assert moved_chain(chain, Fraction(1)) is chain
    with pytest.raises(MarketSource, match="above zero"):
        moved_chain(chain, Fraction(0))


def test_an_option_always_stays(chain: Chain) -> None:
    assert [len(cut_chain(chain, kept).options) for kept in ((), {chain.options[5].id})] == [1, 1]
    assert cut_chain(chain, {chain.options[5].id}).options[0] is chain.options[5]


def test_maintenance_holds_at_the_distance_and_fails_beyond(rules: RuleSet, chain: Chain) -> None:
    holdings = _holdings(rules, chain)
    risk = measure_risk(rules, holdings.market, holdings.private, Claim(), [chain])
    (distance,) = risk.distances
    assert distance.underlying == "BTC"
    assert distance.down is not None
    assert distance.up is not None
    for move, step in ((distance.down, -1), (distance.up, 1)):
        assert _holds(rules, moved_chain(chain, Fraction(10_000 + move, 10_000)))
        assert not _holds(rules, moved_chain(chain, Fraction(10_000 + move + step, 10_000)))
    delta = risk.greeks[0].values["cash_delta"]
    board = Board((chain,), deribit_grid())
    sizes = holdings.private["size"].astype(float) / 1e4
    assert abs(float(delta) - float(sizes @ np.where(board.is_option, board.delta * board.index, board.mark))) < 1e-3


def test_parameters_that_follow_from_prices_move_with_them(rules: RuleSet, chain: Chain) -> None:
    schema = table_schema(rules)
    book = ChainBook.of(_holdings(rules, chain), [chain])
    moved = book.at("BTC", Fraction(11, 10))
    assert float(moved.market.tables.parameters["index"].values) == pytest.approx(chain.index * 1.1 * 1e4)
    fixed = build_market([chain], schema, {"index": "70000"})
    account = Account.read(DEMO / "account.csv", fixed.listing)
    stated = Holdings.of(rules, fixed, {"size": account.vector(fixed.listing), "cash": account.cash})
    kept = ChainBook.of(stated, [chain]).at("BTC", Fraction(11, 10))
    assert kept.market.tables.parameters["index"].values == 700_000_000


def test_other_chains_are_refused(rules: RuleSet, chain: Chain) -> None:
    evening = read_source(DEMO / "chain_btc_20260205T212937Z.csv")
    with pytest.raises(MarketSource, match="not made from these chains"):
        ChainBook.of(_holdings(rules, chain), [evening])
