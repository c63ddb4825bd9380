"""dYdX v4: perpetuals, liquidity tiers and oracle prices, as a genesis or an exported state of the chain has them.

    {"chain_id": "dydx-mainnet-1", "genesis_time": "2023-10-26T17:00:00Z", ...,
     "app_state": {
       "perpetuals": {"perpetuals": [{"params": {"ticker": "BTC-USD", "id": 0, "market_id": 0, "liquidity_tier": 0,
                                                 "atomic_resolution": -10, ...}, "open_interest": "0"}, ...],
                      "liquidity_tiers": [{"id": 0, "initial_margin_ppm": 50000, "maintenance_fraction_ppm": 600000,
                                           "open_interest_lower_cap": 0, "open_interest_upper_cap": 0, ...}, ...],
                      "params": {...}},
       "prices": {"market_params": [...], "market_prices": [{"id": 0, "exponent": -5, "price": 2868819524}, ...]}}}

Other modules of ``app_state``, and other fields beside it, are not read. A price is ``price * 10^exponent`` USD per
coin; a size is in base quantums of ``10^atomic_resolution`` coins, notionals and caps in quote quantums of 10^-6 USD.
Open interest is in base quantums, 0 where a perpetual has none yet. The time of the prices is ``genesis_time``.

=================  ==========  ========================================================================
column             axes        value
=================  ==========  ========================================================================
quote_per_quantum  instrument  USD per base quantum, exactly
base_imf           instrument  initial rate of the liquidity tier
fraction           instrument  maintenance over initial requirement
imf                instrument  initial rate at the open interest (``initial_ppm``)
=================  ==========  ========================================================================
                                                                                        specs/market.md#sources
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from zkmargin.errors import MarketSource
from zkmargin.margin.assemble import Figures, per_instrument
from zkmargin.margin.delimited import parse_time
from zkmargin.margin.market import Source
from zkmargin.margin.tables import Instrument
from zkmargin.margin.venue_json import parse, read_fields, read_items, read_positive, read_text, read_whole

PERPETUAL_FIELDS = ("ticker", "id", "market_id", "atomic_resolution", "liquidity_tier")
PERPETUAL_EXTRA_FIELDS = ("default_funding_ppm", "market_type")
TIER_FIELDS = ("id", "initial_margin_ppm", "maintenance_fraction_ppm")
TIER_EXTRA_FIELDS = (
    *("name", "base_position_notional", "impact_notional", "open_interest_lower_cap", "open_interest_upper_cap"),
)
PRICE_FIELDS = ("id", "exponent", "price")
MILLION = 10**6
MOST_EXPONENT = 30


def initial_ppm(base: int, lower: int, upper: int, interest: Decimal | Fraction | int) -> int:
    """The initial rate at an open interest, in millionths: ``base`` up to ``lower``, 1 from ``upper`` on.

    In between it rises evenly, rounded down: ``base + (1e6 - base) * (interest - lower) / (upper - lower)``. Caps and
    interest are notionals in one unit; an upper cap of 0 means that nothing is scaled. Source: dydxprotocol/v4-chain,
    commit 84d4664, protocol/x/perpetuals/types/liquidity_tier.go.
    """
    if upper == 0 or interest <= lower:
        return base
    if interest >= upper:
        return MILLION
    return base + int((MILLION - base) * (Fraction(interest) - lower) / (upper - lower))


def quote_per_quantum(price: Decimal | int, exponent: int, resolution: int) -> Fraction:
    """USD per base quantum."""
    return Fraction(price) * Fraction(10) ** (exponent + resolution)


def dydx_figures(content: bytes, name: str, only: Sequence[str] = ()) -> Figures:
    """The figures of the perpetuals named in ``only`` (tickers), or of all. Raises MarketSource."""
    top = read_fields(parse(content, name), name, ("genesis_time", "app_state"), None)
    state = read_fields(top["app_state"], f"{name}: app_state", ("perpetuals", "prices"), None)
    held = read_fields(state["perpetuals"], f"{name}: perpetuals", ("perpetuals", "liquidity_tiers"), ("params",))
    priced = read_fields(state["prices"], f"{name}: prices", ("market_prices",), ("market_params",))
    tiers = _by_id(held["liquidity_tiers"], f"{name}: liquidity_tiers", TIER_FIELDS, TIER_EXTRA_FIELDS)
    prices = _by_id(priced["market_prices"], f"{name}: market_prices", PRICE_FIELDS, ())
    rows: dict[str, tuple[Instrument, list[Fraction]]] = {}
    for position, given in enumerate(read_items(held["perpetuals"], f"{name}: perpetuals")):
        where = f"{name}: perpetuals[{position}]"
        entry = read_fields(given, where, ("params",), ("funding_index", "open_interest"))
        market = read_fields(entry["params"], where, PERPETUAL_FIELDS, PERPETUAL_EXTRA_FIELDS)
        ticker = read_text(market["ticker"], f"{where}.ticker")
        if ticker in rows:
            raise MarketSource("a perpetual comes twice", where=f"{name}: {ticker}")
        tier, price = (
            _of(kind, found, market[key], f"{name}: {ticker}")
            for kind, found, key in (("liquidity tier", tiers, "liquidity_tier"), ("price", prices, "market_id"))
        )
        interest = read_whole(entry.get("open_interest", 0), f"{name}: {ticker}.open_interest")
        instrument = Instrument(ticker, "perpetual", ticker.partition("-")[0], "USDC", "1")
        rows[ticker] = instrument, _figures(market, tier, price, interest, f"{name}: {ticker}")
    if missing := [ticker for ticker in only if ticker not in rows]:
        raise MarketSource(f"`{missing[0][:40]}` is not listed", where=name)
    chosen = [rows[ticker] for ticker in only or rows]
    columns = ("quote_per_quantum", "base_imf", "fraction", "imf")
    values = zip(columns, zip(*(figures for _, figures in chosen), strict=True), strict=True)
    return Figures(
        what="dYdX's perpetuals",
        instruments=tuple(instrument for instrument, _ in chosen),
        columns={column: per_instrument(column, list(given), "exact") for column, given in values},
        sources=(Source.of(name, content),),
        time=parse_time(read_text(top["genesis_time"], f"{name}: genesis_time"), "genesis_time", name),
    )


def _figures(
    market: dict[str, Any], tier: dict[str, Any], price: dict[str, Any], interest: int, where: str
) -> list[Fraction]:
    """The columns of one perpetual, in their order."""
    exponents = [read_whole(price["exponent"], where), read_whole(market["atomic_resolution"], where)]
    if max(map(abs, exponents)) > MOST_EXPONENT or interest < 0:
        raise MarketSource("an exponent or the open interest is out of range", where=where)
    unit = quote_per_quantum(read_positive(price["price"], f"{where}.price"), *exponents)
    base, fraction = (_ppm(tier, key, where) for key in ("initial_margin_ppm", "maintenance_fraction_ppm"))
    lower, upper = (
        read_whole(tier.get(key, 0), f"{where}.{key}") for key in ("open_interest_lower_cap", "open_interest_upper_cap")
    )
    if not 0 <= lower <= upper or (lower == upper != 0):
        raise MarketSource("the caps of a liquidity tier do not rise", where=where)
    imf = initial_ppm(base, lower, upper, interest * unit * MILLION)
    return [unit, Fraction(base, MILLION), Fraction(fraction, MILLION), Fraction(imf, MILLION)]


def _ppm(tier: dict[str, Any], key: str, where: str) -> int:
    value = read_whole(tier[key], f"{where}.{key}")
    if not 0 < value <= MILLION:
        raise MarketSource("a rate is above 0 and at most 1,000,000 millionths", where=f"{where}.{key}", got=value)
    return value


def _by_id(value: object, where: str, required: Sequence[str], optional: Sequence[str]) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for position, given in enumerate(read_items(value, where)):
        entry = read_fields(given, f"{where}[{position}]", required, optional)
        number = read_whole(entry["id"], f"{where}[{position}].id")
        if number in found:
            raise MarketSource("a number comes twice", where=f"{where}[{position}]", got=number)
        found[number] = entry
    return found


def _of(kind: str, found: dict[int, dict[str, Any]], number: object, where: str) -> dict[str, Any]:
    at = read_whole(number, f"{where}, its {kind}")
    if at not in found:
        raise MarketSource(f"there is no {kind} {at}", where=where)
    return found[at]
