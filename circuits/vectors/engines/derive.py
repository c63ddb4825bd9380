"""Derive's risk managers: portfolio margin 1 and the standard margin, and what their adapters share.

Cases of kind ``net_margin`` expect whole USD, cut towards zero, as the venue's tests compare; the others exact values.
"""

from __future__ import annotations

from fractions import Fraction
from math import trunc
from typing import Any

from zkmargin.circuits.vectors.engines.base import Case, Cases, Unsupported
from zkmargin.circuits.vectors.world import World
from zkmargin.margin.derive import BasisCharge, ConfidenceCharge, ExpiryFeed, OptionTerms, PegCharge, Underlying
from zkmargin.margin.derive_pmrm import Pmrm1Parameters, pmrm1_figures
from zkmargin.margin.derive_srm import SrmParameters, srm_figures
from zkmargin.margin.pricing import SECONDS_PER_DAY
from zkmargin.margin.scenarios import VolatilityShock


def pmrm1(case: Case, _: Cases) -> dict[str, Any]:
    """Portfolio margin 1: portfolios by the names of expiries, or in high precision by their feeds."""
    p = case["params"]["PMRM"]
    parameters = Pmrm1Parameters(
        volatility=VolatilityShock(
            up=float(p["vu"]),
            down=float(p["vd"]),
            short_power=float(p["sp"]),
            long_power=float(p["lp"]),
            floor_days=float(p["floor"]) / SECONDS_PER_DAY,
        ),
        basis=BasisCharge(*(float(p[key]) for key in ("up", "dn", "add", "mult"))),
        confidence=ConfidenceCharge(float(p["confT"]), float(p["confM"])),
        peg=PegCharge(float(p["pegT"]), float(p["pegF"])),
        perp_percent=float(p["perp"]),
        base_percent=float(p["base"]),
        option_percent=float(p["opt"]),
        im_factor=float(p["imF"]),
        discount=float(p["disc"]),
        rate_mult=float(p["rm"]),
        rate_add=float(p["ra"]),
    )
    if case["kind"] == "net_margin":
        (name,) = _underlyings(case)
        market, account = _listed(case, name)
        account["perp_pnl"] = _perp_pnl(case, name)
    elif case["kind"] == "net_margin_hi_precision":
        market, account = _feeds(case)
    else:
        raise Unsupported(f"no adapter for {case['kind']}")
    return margins(case, World.built("derive_pmrm1", pmrm1_figures(market, parameters), account))


def srm(case: Case, _: Cases) -> dict[str, Any]:
    """Standard margin: one market for each underlying that the account has something in."""
    if case["kind"] != "net_margin":
        raise Unsupported(f"no adapter for {case['kind']}")
    p = {key: float(value) for key, value in case["params"]["SRM"].items()}
    parameters = SrmParameters(
        perp_mm=p["mm"],
        perp_im=p["im"],
        max_rate=p["max"],
        min_rate=p["min"],
        mm_call=p["mmc"],
        mm_put=p["mmp"],
        mm_put_mark=p["mmpm"],
        mm_offset=p["off"],
        unpaired_mm=p["umm"],
        unpaired_im=p["uim"],
        base_factor=p["bf"],
        base_im_scale=p["bim"],
        perp_confidence=ConfidenceCharge(p["perpT"], p["OC"]),
        option_confidence=ConfidenceCharge(p["optT"], p["OC"]),
        base_confidence=ConfidenceCharge(p["baseT"], p["OC"]),
        depeg=PegCharge(p["depT"], p["depF"]),
    )
    names = _underlyings(case)
    listed = [_listed(case, name) for name in names]
    account = {
        "size": [size for _, held in listed for size in held["size"]],
        "perp": [held["perp"] for _, held in listed],
        "base": [held["base"] for _, held in listed],
        "perp_pnl": [_perp_pnl(case, name) for name in names],
        "cash": case["private"].get("cash", 0),
    }
    return margins(case, World.built("derive_srm", srm_figures([market for market, _ in listed], parameters), account))


def margins(case: Case, world: World) -> dict[str, Any]:
    """Equity less each requirement; whole USD where the case has them."""
    exact = {
        key: world.value("equity") - world.value(claim) for key, claim in (("mm", "maintenance"), ("im", "initial"))
    }
    return {key: trunc(value) for key, value in exact.items()} if case["kind"] == "net_margin" else dict(exact)


def market_of(name: str, expiries: list[ExpiryFeed], options: list[OptionTerms], **prices: Any) -> Underlying:
    """An underlying; one option of which nobody has any stands in for none."""
    floats = {key: float(value) for key, value in prices.items()}
    if not options:
        expiries = [ExpiryFeed("none", 0, floats["spot"])]
        options = [OptionTerms(0, floats["spot"], True, 0.0)]
    return Underlying(name, expiries=tuple(expiries), options=tuple(options), **floats)


def _underlyings(case: Case) -> tuple[str, ...]:
    """Those that the account has something in, in order; the first that is listed for an account of cash alone."""
    private = case["private"]
    rows = [row for key in ("options", "perps", "base") for row in private.get(key, [])]
    names = tuple(dict.fromkeys(row["underlying"] for row in rows))
    if case["engine"] == "derive_pmrm1" and len(names) > 1:
        raise Unsupported("a portfolio of this manager has one underlying")
    return names or tuple(case["public"]["spot"])[:1]


def _listed(case: Case, name: str) -> tuple[Underlying, dict[str, Any]]:
    """One underlying's market, and what the account has in it; expiries go by name."""
    public, private = case["public"], case["private"]
    options = [row for row in private.get("options", []) if row["underlying"] == name]
    expiries = list(dict.fromkeys(row["expiry"] for row in options))
    premiums = public.get("forward_minus_spot", {})
    premiums = premiums.get(name, premiums)
    spot, confidence = public["spot"][name], float(public.get("confidence", 1))
    market = market_of(
        name,
        spot=spot,
        stable=public.get("stable", 1),
        perp=public.get("perp", {}).get(name, 0),
        spot_confidence=confidence,
        perp_confidence=confidence,
        expiries=[
            ExpiryFeed(
                expiry,
                int(public["seconds_to_expiry"][expiry]),
                float(spot + premiums[expiry]),
                rate=float(public.get("rate", 0)),
                confidence=confidence,
            )
            for expiry in expiries
        ],
        options=[
            OptionTerms(
                expiries.index(row["expiry"]), float(row["strike"]), row["type"] == "call", float(public["vol"])
            )
            for row in options
        ],
    )
    held = {
        key: sum(Fraction(row["qty"]) for row in private.get(kind, []) if row["underlying"] == name)
        for key, kind in (("perp", "perps"), ("base", "base"))
    }
    return market, {"size": [row["qty"] for row in options] or [0], "cash": private.get("cash", 0), **held}


def _perp_pnl(case: Case, name: str) -> Fraction:
    """Unsettled P&L of the perpetual, from its entry price."""
    rows = [row for row in case["private"].get("perps", []) if row["underlying"] == name]
    return sum(
        (Fraction(row["qty"]) * (Fraction(case["public"]["perp"][name]) - Fraction(row["entry"])) for row in rows),
        Fraction(0),
    )


def _feeds(case: Case) -> tuple[Underlying, dict[str, Any]]:
    """The market of a case in high precision: one feed and one volatility by option."""
    public, private = case["public"], case["private"]
    options, given = private.get("options", []), public.get("feed_expiries_s", [])
    seconds = list(dict.fromkeys(option["t"] for option in options))
    expiries = []
    for expiry in seconds:
        rows = [row for row, each in enumerate(given) if each == expiry]
        sure = [public[key][row] for key in ("forward_conf", "rate_conf", "option_vol_conf") for row in rows]
        variable, fixed, rate = (float(public[key][rows[0]]) for key in ("forward_var", "forward_fix", "rates"))
        expiries.append(ExpiryFeed(str(expiry), expiry, variable, fixed, rate, float(min(sure))))
    market = market_of(
        "option",
        spot=public["spot"],
        stable=public.get("stable", 1),
        perp=public.get("perp_price", 0),
        spot_confidence=public.get("spot_conf", 1),
        perp_confidence=public.get("perp_conf", 1),
        expiries=expiries,
        options=[
            OptionTerms(seconds.index(option["t"]), float(option["k"]), bool(option["call"]), float(volatility))
            for option, volatility in zip(options, public.get("option_vols", []), strict=True)
        ],
    )
    return market, {
        "size": [option["qty"] for option in options] or [0],
        "base": private.get("base", 0),
        "perp": private.get("perps", 0),
        "perp_pnl": private.get("perp_pnl", 0),
        "cash": private.get("cash", 0),
    }
