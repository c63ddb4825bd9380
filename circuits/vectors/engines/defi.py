"""Margin of lending and perpetual protocols on chains: Drift, Mango, Synthetix."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from zkmargin.circuits.vectors.engines.base import Case, Cases, Unsupported
from zkmargin.circuits.vectors.world import World
from zkmargin.margin import drift, mango, synthetix

UNIT = 10**9
"""Drift's sizes are in billionths of a token."""
MILLION = 10**6
WEIGHT = 10**4
NO_LIMIT = 10**12
"""The maximum of Mango's limits of what spot orders bring back: the venue knows none."""


def _of(world: World, name: str, row: int = 0) -> Fraction:
    """A definition of the evaluation, in its unit: its value in a row, or its only one."""
    found = world.evaluate()
    values = found.values[name]
    flat = [int(value) for value in values.ravel().tolist()] if getattr(values, "shape", ()) else [int(values)]
    return Fraction(flat[row], found.denominators[name])


def _drift(perp: drift.DriftPerp, spot: drift.DriftSpot, cap: Any = 100, **amounts: Any) -> World:
    """An account of one perpetual and one balance."""
    flat = ("base", "bids", "asks", "quote", "orders", "own_ratio", "tokens", "spot_orders")
    private: dict[str, Any] = {name: [amounts.get(name, 0)] for name in flat}
    private |= {"fill": [[0, 0]], "own_spot_ratio": 0}
    public = {**drift.perp_columns([perp]), **drift.spot_columns([spot]), "pnl_cap": cap}
    return World.of("drift_v2", public, private, sizes={"side": 2})


NO_PERP = drift.DriftPerp("none", 0, 0, 0)
NO_SPOT = drift.DriftSpot("none", 0, 0, 0, 0, 1, 1)


def drift_v2(case: Case, _: Cases) -> dict[str, Any]:
    """Weights by size and by all deposits, and requirement and profit of a perpetual, in the program's integers."""
    params, public, private = case["params"], case["public"], case["private"]
    if case["kind"] == "size_scaled_weight":
        return _drift_weights(case["id"], params, Fraction(private["size_reserve_1e9"], UNIT))
    if case["kind"] == "deposit_scaled_weight":
        (deposits,) = (value for key, value in public.items() if key.startswith("total_deposits"))
        weight = Fraction(params["initial_asset_weight"], WEIGHT)
        price, start = public["price"], Fraction(params["scale_start"], MILLION)
        market = drift.DriftSpot("spot", price, price, weight, 1, 1, 1, deposits=deposits, scale_start=start)
        return {"asset_weight": _of(_drift(NO_PERP, market), "asset_initial_weight") * WEIGHT}
    if case["kind"] == "pnl_weight":
        perp = _drift_perp({"margin_ratio_initial": 0, **params}, 0)
        world = _drift(perp, NO_SPOT, quote=Fraction(private["unrealized_pnl_1e6"], MILLION))
        return {"asset_weight": _of(world, "pnl_weight") * WEIGHT}
    if case["kind"] == "perp_requirement":
        perp = _drift_perp(params, Fraction(public["oracle_price_1e6"], MILLION), "max_price_1e6" in public)
        cap = Fraction(params.get("max_positive_upnl_for_initial", 100 * MILLION), MILLION)
        amounts = {"base": Fraction(private["base_1e9"], UNIT), "quote": Fraction(private["quote_1e6"], MILLION)}
        world = _drift(perp, NO_SPOT, cap, **amounts)
        names = {
            "margin_requirement": "perp_initial",
            "initial": "perp_initial",
            "maintenance": "perp_maintenance",
            "unrealized_pnl": "pnl",
            "upnl_capped": "weighted_initial",
            "initial_upnl": "weighted_initial",
            "maint_upnl": "weighted_maintenance",
        }
        return {key: _of(world, name) * MILLION for key, name in names.items()}
    if case["kind"] == "account":
        return _drift_account(params, public, private)
    if case["kind"] == "isolated_positions":
        return _drift_isolated(params, public, private)
    raise Unsupported(f"no adapter for {case['kind']}")


def _drift_account(params: Any, public: Any, private: Any) -> dict[str, Any]:
    """Collateral less requirement of an account, in millionths of a USD; the first balance is of the quote token."""
    perps = [_drift_perp(*pair) for pair in zip(params["perps"], public["perp_prices"], strict=True)] or [NO_PERP]
    prices = public["spot_prices"]
    averages = public.get("averages", prices)
    spots = [_drift_spot(*row, at == 0) for at, row in enumerate(zip(params["spots"], prices, averages, strict=True))]
    quote_low, quote_high = drift.strict_prices(prices[0], averages[0], params["strict"])
    world = World.of(
        "drift_v2",
        {
            **drift.perp_columns(perps),
            **drift.spot_columns(spots, params["strict"]),
            "quote_price": prices[0],
            "quote_low": quote_low,
            "quote_high": quote_high,
        },
        {
            **_perp_amounts(private["perps"] or [{}]),
            "tokens": [row.get("tokens", 0) for row in private["spots"]],
            "fill": [[-row.get("asks", 0), row.get("bids", 0)] for row in private["spots"]],
            "spot_orders": [row.get("orders", 0) for row in private["spots"]],
            "own_spot_ratio": Fraction(private.get("max_margin_ratio", 0), WEIGHT),
        },
        sizes={"side": 2},
    )
    return {
        "initial_excess": world.value("free_initial") * MILLION,
        "maintenance_excess": world.value("free_maintenance") * MILLION,
        "net_value": world.value("equity") * MILLION,
    }


def _drift_isolated(params: Any, public: Any, private: Any) -> dict[str, Any]:
    """Collateral and requirement of every isolated position, in millionths of a USD."""
    perps = [_drift_perp(*pair) for pair in zip(params["perps"], public["perp_prices"], strict=True)]
    deposits = [row["deposit"] for row in private["perps"]]
    world = World.of(
        "drift_isolated", drift.perp_columns(perps), {**_perp_amounts(private["perps"]), "deposit": deposits}
    )
    rows = range(len(perps))
    required = [_of(world, "perp_initial", row) * MILLION for row in rows]
    return {
        "requirement": required,
        "collateral": [_of(world, "free_initial", row) * MILLION + required[row] for row in rows],
        "meets_requirement": world.evaluate().holds("initial"),
    }


def _perp_amounts(rows: list[Any]) -> dict[str, list[Any]]:
    names = ("base", "bids", "asks", "quote", "orders")
    ratios = [Fraction(row.get("max_margin_ratio", 0), WEIGHT) for row in rows]
    return {**{name: [row.get(name, 0) for row in rows] for name in names}, "own_ratio": ratios}


def _drift_weights(name: str, params: Mapping[str, Any], size: Fraction) -> dict[str, Any]:
    """The case's name says of which requirement, if not of the initial one; orders are filled at the mean of both."""

    def stated(side: str) -> tuple[Fraction, Fraction]:
        given = [params.get(f"{key}_{side}_weight") for key in ("initial", "maintenance")]
        if side == "asset" and given == [None, None]:
            given = [params.get("initial"), params.get("maintenance")]
        known = [Fraction(value, WEIGHT) for value in given if value is not None] or [Fraction(1)]
        return known[0], known[-1]  # where the case gives one, that one is asked for

    maintenance, fill = "maint" in name, "fill" in name
    asset, debt = (
        drift.fill_weight(*both) if fill else both[maintenance] for both in (stated("asset"), stated("liability"))
    )
    imf = Fraction(params["imf_factor"], params.get("imf_precision", MILLION))
    world = _drift(NO_PERP, drift.DriftSpot("spot", 1, 1, asset, asset, debt, debt, imf), tokens=size)
    kind = "maintenance" if maintenance else "initial"
    return {f"{side}_weight": _of(world, f"{side}_{kind}_weight") * WEIGHT for side in ("asset", "liability")}


def _drift_spot(weights: Mapping[str, Any], price: Any, average: Any, quote: bool) -> drift.DriftSpot:
    return drift.DriftSpot(
        "spot",
        price,
        average,
        Fraction(weights["initial_asset_weight"], WEIGHT),
        Fraction(weights["maintenance_asset_weight"], WEIGHT),
        Fraction(weights["initial_liability_weight"], WEIGHT),
        Fraction(weights["maintenance_liability_weight"], WEIGHT),
        quote=quote,
    )


def _drift_perp(params: Mapping[str, Any], price: Any, prediction: bool = False) -> drift.DriftPerp:
    """A market whose profits count in full for maintenance, and for initial where the case does not say otherwise."""
    ratio = params["margin_ratio_initial"]
    return drift.DriftPerp(
        "perp",
        price,
        Fraction(ratio, WEIGHT),
        Fraction(params.get("margin_ratio_maintenance", ratio), WEIGHT),
        imf=Fraction(params.get("imf_factor", 0), MILLION),
        pnl_initial=Fraction(params.get("unrealized_pnl_initial_asset_weight", WEIGHT), WEIGHT),
        pnl_maintenance=Fraction(params.get("unrealized_pnl_maintenance_asset_weight", WEIGHT), WEIGHT),
        pnl_imf=Fraction(params.get("unrealized_pnl_imf_factor", 0), MILLION),
        prediction=prediction or "prediction" in params.get("contract", ""),
    )


def mango_v4(case: Case, _: Cases) -> dict[str, Any]:
    """Health of an account with tokens, spot orders on several markets and one perpetual."""
    if case["kind"] not in ("init_health", "maint_health"):
        raise Unsupported(f"no adapter for {case['kind']}")
    params, private = case["params"], case["private"]
    settings = case["public"].get("bank_settings", [{}] * len(params["tokens"]))
    tokens = [_mango_token(*pair) for pair in zip(params["tokens"], settings, strict=True)]
    perp = params["perp"]
    initial, maintenance = perp["init_base"], perp.get("maint_base", perp["init_base"])
    market = mango.MangoPerp(
        "perp",
        perp["base_lot_size"],
        perp["price"],
        perp.get("stable", perp["price"]),
        initial[0],
        maintenance[0],
        initial[1],
        maintenance[1],
        perp["init_pnl"],
        perp.get("maint_pnl", perp["init_pnl"]),
    )
    orders = {key: value for key, value in private.items() if key.startswith("serum_oo_")}
    pairs = [[int(token) - 1 for token in key.split("_")[-2:]] for key in orders]
    world = World.of(
        "mango_v4",
        {**mango.token_columns(tokens), **mango.perp_columns([market])},
        {
            "balance": private["tokens"],
            "quote_reserve": [quote for quote, _ in orders.values()],
            "base_reserve": [base for _, base in orders.values()],
            "bid_base": [NO_LIMIT] * len(orders),
            "ask_quote": [NO_LIMIT] * len(orders),
            "lots": [private["perp_base_lots"]],
            "perp_quote": [private["perp_quote"]],
            "bids": [private["perp_bids_lots"]],
            "asks": [private["perp_asks_lots"]],
        },
        {"quote": [pair[0] for pair in pairs], "base": [pair[1] for pair in pairs], "settle": [perp["settle_token"]]},
        {"market": len(orders)},
    )
    return {"init_health": world.value("initial_health"), "maint_health": world.value("maintenance_health")}


def _mango_token(token: Mapping[str, Any], settings: Mapping[str, Any]) -> mango.MangoToken:
    """Weights 1 - x for assets, 1 + x for debts; a scale that starts at 0 is none."""
    initial, maintenance = token["init"], token["maint"]
    return mango.MangoToken(
        "token",
        token["price"],
        token.get("stable", token["price"]),
        1 - initial,
        1 - maintenance,
        1 + initial,
        1 + maintenance,
        deposits=settings.get("deposits", 0) + settings.get("potential_serum_tokens", 0),
        deposit_start=_start(settings, "deposit"),
        borrows=settings.get("borrows", 0),
        borrow_start=_start(settings, "borrow"),
    )


def _start(settings: Mapping[str, Any], what: str) -> Any:
    return next((value for key, value in settings.items() if key.startswith(what) and "start" in key), 0) or None


def synthetix_v3(case: Case, _: Cases) -> dict[str, Any]:
    """Required and available margin of positions that were opened one by one on markets without skew."""
    if case["kind"] not in ("quadratic_requirement", "available_margin"):
        raise Unsupported(f"no adapter for {case['kind']}")
    params, public, private = case["params"], case["public"], case["private"]
    flag: Decimal | int = params.get("liquidation_reward_ratio", 0)
    rows, sizes, prices = params["markets"], private["sizes"], public["prices"]
    markets = [
        synthetix.SynthetixMarket(
            "market", price, row["skew"], row["imf"], row["min"], row["scalar"], row["minpos"], row.get("flag", flag)
        )
        for row, price in zip(rows, prices, strict=True)
    ]
    opened = zip(rows, sizes, public.get("entry_reference_prices", prices), strict=True)
    entry = [size * synthetix.fill_price(price, size, 0, row["skew"]) for row, size, price in opened]
    held = [private.get("collateral", public.get("available_start", 0)), *private.get("collaterals", [])]
    others = zip(params.get("collaterals", []), public.get("collateral_prices", []), strict=True)
    collateral = [
        synthetix.SynthetixCollateral("snxUSD", 1),
        *(
            synthetix.SynthetixCollateral("synth", price, row["skew"], row["scalar"], row["lower"], row["upper"])
            for row, price in others
        ),
    ]
    world = World.of(
        "synthetix_v3",
        {**synthetix.market_columns(markets), **synthetix.collateral_columns(collateral)},
        {"size": sizes, "entry": entry, "held": held, "debt": private.get("debt", 0)},
    )
    reading = world.evaluate()
    equity, initial = world.value("equity"), world.value("initial")
    return {
        "initial": world.value("initial_margin"),
        "maintenance": world.value("maintenance_margin"),
        "reward": world.value("reward"),
        "available": equity,
        "withdrawable": equity - initial if any(sizes) else sum(_of(world, "worth", row) for row in range(len(held))),
        "pnl": [_of(world, "pnl", row) for row in range(len(sizes))],
        "liquidatable": not reading.holds("maintenance"),
    }
