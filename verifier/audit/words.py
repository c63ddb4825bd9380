"""Coverage in words, for terminal and page."""

from __future__ import annotations

from zkmargin.encoding import format_decimal
from zkmargin.verifier.audit.report import Coverage, ValueCoverage

CENTS = 2


def share_words(hundredths: int) -> str:
    """``33.33%`` of hundredths of a percent."""
    return f"{format_decimal(hundredths, 2)}%"


def money_words(value: int, decimals: int) -> str:
    """A value with two decimals, rounded down."""
    kept = value // 10 ** (decimals - CENTS) if decimals > CENTS else value * 10 ** (CENTS - decimals)
    return format_decimal(kept, CENTS, group=True)


def coverage_pairs(coverage: Coverage) -> list[tuple[str, str]]:
    """What is proven, observed, not shown: by value where there are prices, else by amounts of each asset."""
    counts = f"{coverage.proven_lines} proven, {coverage.observed_lines} observed, {coverage.unshown_lines} not shown"
    pairs = [("lines", f"{coverage.lines}: {counts}")]
    if coverage.value is not None:
        pairs += value_pairs(coverage.value)
    for asset in coverage.assets:
        if asset.unit_value is None:
            amounts = f"{asset.proven} proven, {asset.observed} observed, {asset.unshown} not shown"
            pairs.append(("not priced", f"{asset.asset}: {amounts} (atomic units)"))
    return pairs


def value_pairs(value: ValueCoverage) -> list[tuple[str, str]]:
    """Values and shares; shares are rounded down."""
    return [
        (name, f"{money_words(worth, value.decimals)} {value.unit}, {share_words(share)}")
        for name, worth, share in (
            ("proven", value.proven, value.proven_share),
            ("observed", value.observed, value.observed_share),
            ("not shown", value.unshown, value.unshown_share),
        )
    ]
