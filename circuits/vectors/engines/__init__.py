"""One adapter per engine: a case's numbers into the columns of a rule set, its results out of the reading.

Requirements and equity always come from the rule set. What an adapter computes itself is what a table builder
does (deductions of brackets, rates from open interest) and prices, which no rule yields.
"""

from __future__ import annotations

from collections.abc import Mapping

from zkmargin.circuits.vectors.engines import (
    brackets,
    defi,
    derive,
    derive_pmrm2,
    hkex,
    perpetuals,
    portfolio,
    quantiles,
    simm,
)
from zkmargin.circuits.vectors.engines.base import Adapter, Unsupported

__all__ = ["ENGINES", "Unsupported"]

ENGINES: Mapping[str, Adapter] = {
    "binance_usdm": brackets.binance,
    "hyperliquid": brackets.hyperliquid,
    "bybit_isolated": brackets.bybit,
    "gate_okx_isolated": brackets.gate_okx,
    "gmx_v2": perpetuals.gmx,
    "starkex_perp": perpetuals.starkex,
    "dydx_v4": perpetuals.dydx,
    "paradex_cross": perpetuals.paradex_cross,
    "derive_pmrm1": derive.pmrm1,
    "derive_pmrm2": derive_pmrm2.pmrm2,
    "derive_srm": derive.srm,
    "drift_v2": defi.drift_v2,
    "mango_v4": defi.mango_v4,
    "synthetix_v3": defi.synthetix_v3,
    "span": portfolio.span,
    "okx_pm": portfolio.okx,
    "paradex_pm": portfolio.paradex,
    "deribit_pm": portfolio.deribit,
    "deribit_like_pm": portfolio.dederi,
    "hkex_es": hkex.hkex,
    "simm_2_5": simm.simm,
    "var_quantile": quantiles.quantile,
    "es_quantile": quantiles.shortfall,
}
