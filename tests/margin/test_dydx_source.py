"""dYdX's genesis: real parameters to tables, open interest, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from venue_files import as_bytes, genesis

from zkmargin.circuits.rules import check_tables, load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.errors import MarketSource
from zkmargin.margin.assemble import assemble_market
from zkmargin.margin.dydx import dydx_figures, initial_ppm
from zkmargin.margin.market import Market

RULES = load_rules("dydx_v4")


def market(document: dict[str, Any], only: tuple[str, ...] = ()) -> Market:
    built = assemble_market(dydx_figures(as_bytes(document), "genesis.json", only), table_schema(RULES))
    check_tables(RULES, built.tables)
    return built


def row(built: Market, ticker: str) -> dict[str, Fraction]:
    at = built.listing.row(ticker)
    columns = built.tables.columns.values()
    return {column.name: Fraction(int(column.values[at]), 10**column.decimals) for column in columns}


@pytest.mark.parametrize(("name", "count"), [("mainnet_20231026", 33), ("sample_202510", 35)])
def test_a_genesis_lists_all_perpetuals(name: str, count: int) -> None:
    built = market(genesis(name))
    assert built.tables.sizes == {"instrument": count}
    assert built.listing.lot_decimals == 0
    assert len({instrument.id for instrument in built.listing.instruments}) == count


def test_bitcoin_on_mainnet() -> None:
    """28,688.19524 USD, 10^-10 coins a quantum: 2.868819524e-6 USD; 5% initial, 60% of it maintenance."""
    built = market(genesis())
    assert built.price_time == 1698339600
    assert row(built, "BTC-USD") == {
        "quote_per_quantum": Fraction("2.868819524e-6"),
        "base_imf": Fraction("0.05"),
        "fraction": Fraction("0.6"),
        "imf": Fraction("0.05"),
    }


def test_open_interest_raises_the_initial_rate() -> None:
    """LINK of the sample chain: 10% below 20 million USD of open interest, 100% from 50 million, even in between."""
    unit = row(market(genesis("sample_202510")), "LINK-USD")["quote_per_quantum"]
    for millions, expected in ((0, "0.1"), (20, "0.1"), (35, "0.55"), (49.99, "0.9997"), (50, "1"), (80, "1")):
        interest = round(Fraction(millions) * 10**6 / unit)
        held = row(market(genesis("sample_202510", {"LINK-USD": interest})), "LINK-USD")
        assert abs(held["imf"] - Fraction(expected)) <= Fraction(2, 10**6)
        assert held["base_imf"] == Fraction("0.1")


def test_initial_rate_is_rounded_down_and_bounded() -> None:
    assert initial_ppm(100_000, 20, 50, Fraction(35)) == 550_000
    assert initial_ppm(100_000, 0, 7, 1) == 228_571  # 228,571.43
    assert initial_ppm(100_000, 0, 0, 10**30) == 100_000
    rates = [initial_ppm(20_000, 10, 1_010, interest) for interest in range(0, 1_100, 7)]
    assert rates == sorted(rates)
    assert (rates[0], rates[-1]) == (20_000, 1_000_000)


def test_only_lists_what_is_asked_for() -> None:
    built = market(genesis(), ("SOL-USD", "BTC-USD"))
    assert [instrument.id for instrument in built.listing.instruments] == ["SOL-USD", "BTC-USD"]
    with pytest.raises(MarketSource, match="`DOG` is not listed"):
        market(genesis(), ("BTC-USD", "DOG"))


def state(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Set what the path below app_state leads to, or (``...``) delete it."""

    def change(document: Any) -> None:
        document = document["app_state"]
        *steps, last = [int(step) if step.isdigit() else step for step in path.split("/")]
        for step in steps:
            document = document[step]
        if value is ...:
            del document[last]
        else:
            document[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda document: document.pop("genesis_time"), "has no field `genesis_time`"),
        (lambda document: document.update(genesis_time="today"), "`genesis_time` is not a time"),
        (state("prices", ...), "has no field `prices`"),
        (state("perpetuals/vaults", []), "the field `vaults` is not known"),
        (state("perpetuals/perpetuals", []), "must be an array that is not empty"),
        (state("perpetuals/perpetuals/0/vault", 1), "the field `vault` is not known"),
        (state("perpetuals/perpetuals/0/params/cap", 1), "the field `cap` is not known"),
        (state("perpetuals/perpetuals/0/params/ticker", "ETH-USD"), "a perpetual comes twice"),
        (state("perpetuals/perpetuals/0/params/liquidity_tier", 9), "there is no liquidity tier 9"),
        (state("perpetuals/perpetuals/0/params/market_id", 999), "there is no price 999"),
        (state("perpetuals/perpetuals/0/params/atomic_resolution", 10**6), "an exponent or the open interest"),
        (state("perpetuals/perpetuals/0/params/atomic_resolution", 1.5), "must be a whole number"),
        (state("perpetuals/perpetuals/0/params/atomic_resolution", -20), "does not fit 18 decimals"),
        (state("perpetuals/perpetuals/0/open_interest", "-1"), "an exponent or the open interest"),
        (state("perpetuals/liquidity_tiers/0/initial_margin_ppm", 0), "a rate is above 0"),
        (state("perpetuals/liquidity_tiers/0/initial_margin_ppm", 10**6 + 1), "a rate is above 0"),
        (
            state("perpetuals/liquidity_tiers/0/maintenance_fraction_ppm", ...),
            "has no field `maintenance_fraction_ppm`",
        ),
        (state("perpetuals/liquidity_tiers/0/open_interest_lower_cap", 5), "the caps of a liquidity tier do not rise"),
        (state("perpetuals/liquidity_tiers/1/id", 0), "a number comes twice"),
        (state("prices/market_prices/1/id", 0), "a number comes twice"),
        (state("prices/market_prices/0/price", "0"), "must be above zero"),
        (state("prices/market_prices/0/confidence", 1), "the field `confidence` is not known"),
    ],
)
def test_states_that_are_refused(change: Callable[[dict[str, Any]], object], words: str) -> None:
    document = genesis()
    change(document)
    with pytest.raises(MarketSource) as caught:
        market(document)
    assert words in str(caught.value)
