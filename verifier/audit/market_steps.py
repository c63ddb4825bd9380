"""A16: the market snapshot by which coverage is valued, and the evidence of its prices."""

from __future__ import annotations

from zkmargin.attestations.documents import require_domain, require_signed
from zkmargin.attestations.faults import reporting
from zkmargin.circuits.rules import RuleSet, check_tables
from zkmargin.encoding import hex_bytes
from zkmargin.errors import KeyNotListed
from zkmargin.margin.market import Market
from zkmargin.verifier.audit.work import Sheet, Work
from zkmargin.verifier.checks import require_price_policy, require_snapshot_times, require_table_commitment


def judge_market(work: Work, sheet: Sheet) -> None:
    """A16: the policy's publishers signed the snapshot, it is fresh, for one of the policy's rule sets, its tables,
    listing and sources are the signed ones, and its prices have the evidence that the policy asks for.
    """
    given = work.given
    if given.market is None:
        sheet.not_done = "no market snapshot was given (--market)"
        return
    snapshot, policy = given.market.snapshot, given.policy
    with reporting(sheet.report):
        require_domain(given.market.domain, policy.domain, "market.domain")
    publishers = policy.publishers.signer_set()
    require_signed(snapshot, policy.domain.signing(), given.market.signatures, publishers, "market", sheet.report)
    require_snapshot_times(snapshot, policy, work.at, sheet.report)
    if snapshot.rule_digest not in {entry.rule_digest for entry in policy.rule_sets}:
        sheet.report(KeyNotListed("the policy lists no such rule set", where="market.snapshot.ruleDigest",
                                  got=hex_bytes(snapshot.rule_digest)))  # fmt: skip
    market = None
    with reporting(sheet.report):
        market = given.market.market
    if market is None:
        return
    _judge_tables(work, sheet, given.rules, market)
    with reporting(sheet.report):
        found = require_price_policy(given.prices, policy, snapshot, market, work.at)
        if found is None:
            sheet.remark("the policy asks for no evidence of prices: they are the publishers' word")
        else:
            sheet.remark(f"{len(found.prices)} prices have evidence of oracles")
    if not sheet.findings:
        work.market = market


def _judge_tables(work: Work, sheet: Sheet, rules: RuleSet | None, market: Market) -> None:
    """Tables meet the rule set, and its commitment is theirs: for this the rule set itself is needed."""
    if work.given.market is None:
        return
    snapshot = work.given.market.snapshot
    if rules is None:
        if snapshot.table_commitment:
            sheet.leave("without the rule set (--rules) the table commitment is not compared")
        else:
            sheet.remark("without the rule set (--rules) its bounds and conditions were not held against the tables")
        return
    if rules.digest != snapshot.rule_digest:
        sheet.report(KeyNotListed("the snapshot is for another rule set", where="market.snapshot.ruleDigest",
                                  expected=hex_bytes(rules.digest), got=hex_bytes(snapshot.rule_digest)))  # fmt: skip
        return
    with reporting(sheet.report):
        check_tables(rules, market.tables)
        require_table_commitment(rules, market.tables, snapshot)
