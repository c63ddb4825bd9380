"""Derive's portfolio margin 2, in the words of the venue's own case files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from zkmargin.circuits.vectors.engines.base import Case, Cases
from zkmargin.circuits.vectors.engines.derive import margins, market_of
from zkmargin.circuits.vectors.world import World
from zkmargin.margin.derive import ExpiryFeed, OptionTerms
from zkmargin.margin.derive_pmrm2 import (
    Collateral,
    Pmrm2Parameters,
    SkewMove,
    SkewScenario,
    pmrm2_figures,
)
from zkmargin.margin.scenarios import Scenario, VolatilityMove

AVERAGED = 1800
"""Seconds before expiry over which the settlement price is averaged: the part that has passed is fixed."""

MOVES = {"Up": VolatilityMove.UP, "None": VolatilityMove.SAME, "Down": VolatilityMove.DOWN}
SKEWS = {"LINEAR": SkewMove.LINEAR, "ABS": SkewMove.ABSOLUTE}

PMRM2_FIELDS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    (
        "VolShock",
        "volatility",
        {
            "VOLRANGEUP": "up",
            "VOLRANGEDOWN": "down",
            "SHORTTERMPOWER": "short_power",
            "LONGTERMPOWER": "long_power",
            "DTE_FLOOR": "floor_days",
        },
    ),
    ("VolShock", "", {"MIN_VOL_EVAL_SHOCKED": "least_volatility"}),
    (
        "SkewShock",
        "skew",
        {
            "LINEAR_SCALE_CAP": "linear_cap",
            "LINEAR_CBASE": "linear_slope",
            "ABS_SCALE_CAP": "absolute_cap",
            "ABS_CBASE": "absolute_slope",
            "MIN_K_STAR": "least_k_star",
            "MIN_WIDTH_SCALE": "width",
            "VOL_PARAM_STATIC": "volatility",
            "VOL_PARAM_SCALE": "volatility_slope",
        },
    ),
    (
        "BasisContingency",
        "basis",
        {
            "SCENARIO_SPOT_UP": "up",
            "SCENARIO_SPOT_DOWN": "down",
            "BASIS_CONT_ADD_FACTOR": "add",
            "BASIS_CONT_MULT_FACTOR": "mult",
        },
    ),
    ("OtherContingency", "confidence", {"CONF_THRESHOLD": "threshold", "CONF_MARGIN": "margin"}),
    ("OtherContingency", "peg", {"PEG_LOSS_THRESHOLD": "threshold", "PEG_LOSS_FACTOR": "factor"}),
    (
        "OtherContingency",
        "",
        {
            "MM_PERP_PERCENT": "mm_perp_percent",
            "IM_PERP_PERCENT": "im_perp_percent",
            "MM_OPTION_PERCENT": "mm_option_percent",
            "IM_OPTION_PERCENT": "im_option_percent",
        },
    ),
    (
        "Margin",
        "",
        {
            "MM_LOSS_FACTOR": "mm_factor",
            "IM_LOSS_FACTOR": "im_factor",
            "BASE_STATIC_DISCOUNT": "long_discount",
            "LONG_RATE_MULTSCALE": "long_rate_mult",
            "LONG_RATE_ADDSCALE": "long_rate_add",
            "BASE_STATIC_DISCOUNT_NEG": "short_discount",
            "SHORT_RATE_MULTSCALE": "short_rate_mult",
            "SHORT_RATE_ADDSCALE": "short_rate_add",
        },
    ),
)
"""Names of the venue's case files: section, part of the parameters (or none), fields."""


def pmrm2(case: Case, _: Cases) -> dict[str, Any]:
    """Margins of a case.

    Parameters that are a text are the venue's default set, which the table builder has too.
    """
    public, private, given = case["public"], case["private"], case["params"]
    parameters = Pmrm2Parameters() if isinstance(given, str) else _pmrm2_parameters(given)
    feeds = {feed["FeedExpiry"]: feed for feed in public.get("OptionFeeds", [])}
    options = private.get("Options", [])
    seconds = list(dict.fromkeys(option["Expiry"] for option in options))
    market = market_of(
        "option",
        spot=public["SpotPrice"],
        stable=public.get("StablePrice", 1),
        perp=public.get("PerpPrice", 0),
        spot_confidence=public.get("SpotConfidence", 1),
        perp_confidence=public.get("PerpConfidence", 1),
        expiries=[_expiry_feed(feeds[expiry]) for expiry in seconds],
        options=[
            OptionTerms(
                seconds.index(option["Expiry"]),
                float(option["Strike"]),
                bool(option["IsCall"]),
                float(option["MarkVol"]),
            )
            for option in options
        ],
    )
    assets = private.get("Collaterals", [])
    collateral = [
        Collateral(
            asset["Name"],
            float(asset["Price"]),
            float(asset["MMHaircut"]),
            float(asset["IMHaircut"]),
            bool(asset["IsRiskCancelling"]),
            float(asset.get("Confidence", 1)),
        )
        for asset in assets
    ]
    none = Collateral("none", 0.0, 0.0, 0.0)
    figures = pmrm2_figures(market, tuple(collateral) or (none,), parameters)
    account = {
        "size": [option["Amount"] for option in options] or [0],
        "held": [asset["Amount"] for asset in assets] or [0],
        "perp": private.get("NumPerps", 0),
        "perp_pnl": private.get("UnrealisedPerpPNL", 0) + private.get("UnrealisedFunding", 0),
        "cash": private.get("Cash", 0),
    }
    return margins(case, World.built("derive_pmrm2", figures, account))


def _expiry_feed(feed: Mapping[str, Any]) -> ExpiryFeed:
    """A feed of portfolio margin 2. In the last half hour what has passed of it is fixed."""
    seconds, forward = int(feed["FeedExpiry"]), float(feed["Forward"])
    open_part = min(1.0, seconds / AVERAGED)
    return ExpiryFeed(
        str(seconds),
        seconds,
        forward * open_part,
        forward * (1.0 - open_part),
        float(feed["Rate"]),
        float(min(feed[key] for key in ("ForwardConfidence", "RateConfidence", "OptionVolConfidences"))),
    )


def _pmrm2_parameters(params: Mapping[str, Any]) -> Pmrm2Parameters:
    """The default set with what the case says."""
    p = Pmrm2Parameters()
    rows = params.get("Scenarios")
    if rows is not None:
        bent = [row for row in rows if row["VolShockDirection"] in SKEWS]
        p = replace(
            p,
            scenarios=tuple(
                Scenario(move, MOVES[row["VolShockDirection"]], weight)
                for row in rows
                if row not in bent
                for move, weight in [_move(row)]
            ),
            skews=tuple(SkewScenario(SKEWS[row["VolShockDirection"]], *_move(row)) for row in bent),
        )
    changed: dict[str, Any] = {}
    for section, part, fields in PMRM2_FIELDS:
        said = params.get(section, {})
        given = {name: float(said[key]) for key, name in fields.items() if key in said}
        changed |= {part: replace(getattr(p, part), **given)} if part else given
    return replace(p, **changed)


def _move(row: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
    """Price move and dampening of a scenario."""
    return Decimal(row["SpotShock"]) - 1, Decimal(row["DampeningFactor"])
