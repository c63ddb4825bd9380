"""What ``check`` asks for beyond one set of prices: an account through time, and the page of it all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zkmargin.attestations.context import Claim
from zkmargin.cli.explanation import Explanation
from zkmargin.cli.report.figures import Moment
from zkmargin.cli.report.reprice import Repricer
from zkmargin.cli.report.sweep import Prices, compute_sweep
from zkmargin.encoding import write_atomic
from zkmargin.errors import MarketSource
from zkmargin.margin.chain import Chain
from zkmargin.prover.distances import ChainBook
from zkmargin.prover.holdings import Holdings
from zkmargin.prover.risk import Risk


@dataclass(frozen=True)
class Study:
    """``repricer``: where the chains of the snapshot are known; ``moments``: of a sweep."""

    repricer: Repricer | None
    moments: Sequence[Moment]

    @classmethod
    def of(cls, holdings: Holdings, claim: Claim, base: Sequence[Chain], prices: Prices) -> Study:
        """``base``: the chains that the snapshot was built from. Raises MarketSource where a sweep has none of them."""
        if base:
            repricer = Repricer(ChainBook.of(holdings, base), claim)
            return cls(repricer, compute_sweep(repricer, prices))
        if prices:
            raise MarketSource(
                "a sweep begins at the chains that the snapshot was built from, and they are not here",
                hint="give them with --chain",
            )
        return cls(None, ())

    def write(self, path: Path, holdings: Holdings, kind: str, found: Explanation, risk: Risk) -> None:
        """The page, readable by its owner alone. Raises PackageMissing, FileUnreadable."""
        from zkmargin.cli.report.gather import gather
        from zkmargin.cli.report.page import render

        page = render(gather(holdings, kind, found, risk, self.repricer, self.moments))
        write_atomic(path, page, private=True)
