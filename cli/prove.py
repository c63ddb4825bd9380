"""``zkmargin prove``: prove that a private account meets its requirement."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zkmargin.cli.options import (
    FILE,
    FOLDER,
    at_option,
    challenge_option,
    collateral_option,
    force_option,
    json_option,
    market_option,
    now,
    openings_options,
    optional_claim_options,
    out_option,
    own_option,
    policy_option,
    prices_option,
    revocations_option,
    rules_option,
)

if TYPE_CHECKING:
    from zkmargin.attestations.context import Claim
    from zkmargin.attestations.market import MarketSnapshotDocument
    from zkmargin.circuits.rules import RuleSet
    from zkmargin.circuits.rules.operations import IntArray
    from zkmargin.errors import MarginShort
    from zkmargin.verifier.policy import Policy

PROVING_KEY_FILE = "proving_key.zkey"  # as zkmargin.prover.setup has it, whose import takes longer than this line


@click.command()
@rules_option
@market_option
@policy_option
@click.option("--keys", type=FOLDER, required=True, help="Folder of `zkmargin setup` with the proving key.")
@click.option("--owner-key", type=FILE, required=True, help="The trader's owner key.")
@openings_options(required=True)
@own_option
@collateral_option
@revocations_option
@prices_option
@optional_claim_options
@challenge_option
@at_option("When the proof is issued")
@out_option("the proof (*.margin-proof.json)")
@force_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    rules: str,
    market: Path,
    policy: Path,
    keys: Path,
    owner_key: Path,
    positions: tuple[Path, ...],
    openings: tuple[Path, ...],
    own: Path | None,
    collateral: Path | None,
    revocations: tuple[Path, ...],
    prices: Path | None,
    claim: str | None,
    buffer: tuple[int, int] | None,
    challenge: bytes | None,
    at: int | None,
    out: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Prove to the verifier of a policy that the account behind position statements meets its requirement.

    With several venues give --positions and --opening once for each. With --collateral the lines of a receipt count
    too; where the policy relies on exclusivity the proof claims that they are locked until it expires. Where it asks
    for evidence of prices give --prices: it is checked as the verifier will, and is not part of the proof.

    The proof shows neither instruments nor sizes, cash or requirement. An account that falls short is not
    proven: it is explained, to you alone, and the exit code is 1.
    """
    from zkmargin.cli.early import Early, open_early

    early_key = open_early(keys / PROVING_KEY_FILE)
    from zkmargin.attestations.keyfiles import OwnerKeyFile
    from zkmargin.cli.files import read_document, refuse_existing, write_document
    from zkmargin.cli.passphrase import passphrase

    refuse_existing(out, force)
    sealed, words = read_document(owner_key, OwnerKeyFile), passphrase()
    early_owner = Early(lambda: sealed.unlock(words))
    from zkmargin.attestations.market import MarketSnapshotDocument
    from zkmargin.attestations.positions import PositionOpening, PositionStatementDocument
    from zkmargin.attestations.price_evidence import PriceEvidence
    from zkmargin.circuits.rules import load_rules
    from zkmargin.cli.inputs import read_collateral, read_own
    from zkmargin.cli.output import Clock
    from zkmargin.errors import MarginShort
    from zkmargin.prover.account import in_venue_order, private_columns
    from zkmargin.prover.collateral import collateral_columns
    from zkmargin.prover.prove import Prover, Request
    from zkmargin.verifier.policy import Policy

    clock = Clock()
    with clock.step("read", "reading"):
        rule_set = load_rules(rules)
        snapshot = read_document(market, MarketSnapshotDocument)
        accepted = read_document(policy, Policy)
        wanted = _claim(accepted, claim, buffer)
        statements, secret = in_venue_order(
            rule_set,
            [read_document(path, PositionStatementDocument) for path in positions],
            [read_document(path, PositionOpening) for path in openings],
        )
        chosen = read_own(own, rule_set, snapshot.market)
        request = Request(
            policy=accepted,
            market=snapshot,
            statements=statements,
            at=now(at),
            claim=wanted,
            challenge=challenge,
            collateral=read_collateral(collateral, revocations, accepted),
            prices=None if prices is None else read_document(prices, PriceEvidence),
        )
    with clock.step("open", "opening circuit and key"):
        prover = Prover(rule_set, keys, key=early_key.result())
        owner = early_owner.result()
    try:
        with clock.step("prove", "proving"):
            envelope = prover.prove(request, secret, owner, own=chosen)
    except MarginShort as error:
        columns = private_columns(rule_set, secret, chosen) | collateral_columns(
            rule_set, snapshot.market, request.collateral
        )
        _refuse(error, rule_set, snapshot, columns, wanted, as_json)
        context.exit(error.exit_code)
    write_document(out, envelope, force=force)
    parts = {} if prover.timings is None else vars(prover.timings)
    _report(out, str(wanted), clock.seconds, parts, as_json)


def _claim(policy: Policy, claim: str | None, buffer: tuple[int, int] | None) -> Claim:
    """The claim that was asked for; what is left open is the policy's."""
    from zkmargin.attestations.context import Claim, ClaimKind

    least = policy.claim.claim()
    kind = least.kind if claim is None else ClaimKind[claim.upper()]
    num, den = (least.num, least.den) if buffer is None else buffer
    return Claim(kind, num, den)


def _refuse(
    error: MarginShort,
    rules: RuleSet,
    snapshot: MarketSnapshotDocument,
    private: Mapping[str, IntArray],
    claim: Claim,
    as_json: bool,
) -> None:
    """Explain to the trader alone; the error itself says no amount."""
    from zkmargin.cli import explanation
    from zkmargin.cli.output import print_error, print_json

    found = explanation.explain(rules, snapshot.market, private, claim)
    if as_json:
        print_json({"error": error.as_json(), "explanation": explanation.as_json(found)})
        return
    print_error(f"{error.code}: {error.message}")
    explanation.show(found, positions=False)


def _report(out: Path, claim: str, seconds: dict[str, float], parts: dict[str, float], as_json: bool) -> None:
    from zkmargin.cli.output import format_seconds, print_json, print_pairs

    if as_json:
        rounded = {name: round(value, 4) for name, value in {**seconds, **parts}.items()}
        print_json({"file": str(out), "claim": claim, "seconds": rounded})
        return
    split = ", ".join(f"{name} {format_seconds(value)}" for name, value in parts.items())
    print_pairs(
        [
            ("proof", f"{out}, {out.stat().st_size:,} bytes"),
            ("shows", claim),
            ("took", f"{format_seconds(sum(seconds.values()))} ({split})"),
        ]
    )
