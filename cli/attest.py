"""``zkmargin attest``: a venue signs what it knows about an account, attestors what lies on chains."""

from __future__ import annotations

from pathlib import Path

import click

from zkmargin.cli import attest_collateral, attest_revoke
from zkmargin.cli.files import read_document, read_keys, refuse_existing, write_document
from zkmargin.cli.options import (
    FILE,
    FOLDER,
    account_option,
    at_option,
    force_option,
    json_option,
    market_option,
    now,
    out_option,
    policy_option,
    rules_option,
    signers_option,
    time_option,
    valid_option,
)
from zkmargin.cli.output import format_time, print_json, print_pairs


@click.group()
def command() -> None:
    """Attestations: positions at a venue, for one verifier each; collateral on chains, by a quorum of attestors."""


for _part in (attest_collateral.collateral, attest_collateral.sign, attest_collateral.publish, attest_revoke.revoke):
    command.add_command(_part)


@command.command()
@rules_option
@market_option
@account_option
@policy_option
@click.option("--owner", required=True, metavar="NUMBER", help="The customer's public owner, as `keys show` prints it.")
@click.option("--pocket", type=click.IntRange(0, 255), default=0, show_default=True, help="Pocket of the epoch.")
@click.option("--subject", default="0", show_default=True, metavar="NUMBER", help="The identity authority's name.")
@signers_option("venue")
@click.option("--book", type=FOLDER, help="The venue's book: numbers its statements, keeps owners bound.")
@click.option("--customer", metavar="NAME", help="What the venue's book calls the customer; needed with --book.")
@click.option("--seq", type=click.IntRange(min=0), default=1, show_default=True, help="Number, without --book.")
@time_option("--as-of", "When the account was as it is (default: when the statement is issued)")
@at_option("When the statement is issued")
@valid_option(86400)
@out_option("the signed statement")
@click.option("--opening", type=FILE, required=True, help="Write the customer's private opening here.")
@force_option
@json_option
def positions(
    rules: str,
    market: Path,
    account: Path,
    policy: Path,
    owner: str,
    pocket: int,
    subject: str,
    keys: tuple[Path, ...],
    book: Path | None,
    customer: str | None,
    seq: int,
    as_of: int | None,
    at: int | None,
    valid: int,
    out: Path,
    opening: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Sign a position statement: a hiding commitment to a customer's positions, for the verifier of a policy.

    The account is what this one venue knows; where the rule set margins several venues, each signs its own.
    The statement is safe to publish. The opening holds the positions: send it to the customer alone.
    """
    from zkmargin.attestations.book import Book
    from zkmargin.attestations.context import epoch_of
    from zkmargin.attestations.keyfiles import party_of
    from zkmargin.attestations.positions import Customer, PositionLayout, StatementTerms, issue_statement
    from zkmargin.circuits.rules import load_rules
    from zkmargin.cli.inputs import load_market, read_slice
    from zkmargin.encoding import parse_uint
    from zkmargin.field import require_canonical
    from zkmargin.verifier.policy import Policy

    for path in (out, opening):
        refuse_existing(path, force)
    if book is not None and customer is None:
        raise click.UsageError("--book needs --customer")
    issued = now(at)
    rule_set = load_rules(rules)
    content = load_market(market, rule_set)
    columns = read_slice(account, rule_set, content)
    (cash,) = columns.pop("cash", [0])
    terms_of = read_document(policy, Policy)
    signers = read_keys(keys)
    who = Customer(
        owner=require_canonical(parse_uint(owner, "--owner"), "--owner"),
        pocket=pocket,
        subject=require_canonical(parse_uint(subject, "--subject"), "--subject"),
    )
    epoch = epoch_of(issued, terms_of.epoch_length)
    number = seq if book is None or customer is None else Book(book).next_number(customer, who, epoch)
    statement, secret = issue_statement(
        PositionLayout.of(rule_set),
        columns,
        cash,
        who,
        StatementTerms(
            venue_id=party_of(signers[0].address),
            audience=terms_of.verifier_id,
            listing_digest=content.listing.digest,
            as_of=issued if as_of is None else as_of,
            issued_at=issued,
            expires_at=issued + valid,
            epoch=epoch,
            seq=number,
            domain=terms_of.domain,
            keys=signers,
        ),
    )
    write_document(opening, secret, force=force)
    write_document(out, statement, force=force)
    if as_json:
        print_json({"file": str(out), "opening": str(opening), "statement": statement.statement.to_json()})
        return
    signed = statement.statement
    print_pairs(
        [
            ("statement", f"{out}, number {signed.seq} of epoch {signed.epoch}"),
            ("positions of", format_time(signed.as_of)),
            ("valid", f"{format_time(signed.issued_at)} to {format_time(signed.expires_at)}"),
            ("commitment", str(signed.commitment)),
            ("opening", f"{opening} (private)"),
        ]
    )
