"""``zkmargin registry``: the pledge registry's terms, its database, its log for auditors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zkmargin.cli.files import read_document, read_keys, read_signer, write_document
from zkmargin.cli.options import FILE, FOLDER, database_option, domain_option, force_option, json_option, out_option
from zkmargin.cli.output import format_time, print_json, print_pairs, progress
from zkmargin.errors import ZkMarginError

if TYPE_CHECKING:
    from zkmargin.verifier.registry.documents import RegisteredVenue, RegistryTerms
    from zkmargin.verifier.registry.replay import LogFinding


@click.group()
def command() -> None:
    """The pledge registry: one venue for each nullifier, and a log that shows it."""


@command.command()
@domain_option
@click.option("--operator", required=True, metavar="SIGNER", help="Who signs receipts and heads: address or key file.")
@click.option(
    "--venue", "venues", multiple=True, required=True, metavar="NAME=SIGNER",
    help="A venue, which signs its releases; repeatable.",
)  # fmt: skip
@click.option(
    "--attests", multiple=True, metavar="NAME",
    help="Take this venue's signed registrations without seeing the proofs; repeatable.",
)  # fmt: skip
@click.option("--epoch-lead", type=click.IntRange(min=0), default=3600, show_default=True, metavar="SECONDS",
              help="Pledges may come before their epoch by.")  # fmt: skip
@click.option("--clock-skew", type=click.IntRange(min=0), default=60, show_default=True, metavar="SECONDS",
              help="Clocks may differ by.")  # fmt: skip
@out_option("the terms")
@force_option
@json_option
def terms(out: Path, force: bool, as_json: bool, **options: Any) -> None:
    """Write the terms that a registry's operator publishes: domain, operator, venues, times."""
    made = _terms(**options)
    write_document(out, made, force=force)
    if as_json:
        print_json({"file": str(out), **made.to_json()})
        return
    print_pairs([("operator", "0x" + made.operator.hex()), ("epoch", f"{made.epoch_length} s")])
    print_pairs([(venue.name, "0x" + venue.venue_id.hex() + " (attests)" * venue.attests) for venue in made.venues])


def _terms(
    *, domain: Path, operator: str, venues: tuple[str, ...], attests: tuple[str, ...], epoch_lead: int, clock_skew: int
) -> RegistryTerms:
    from zkmargin.attestations.documents import DomainFile
    from zkmargin.verifier.registry.documents import RegistryTerms

    listed = [_venue(text, attests) for text in venues]
    if unknown := set(attests) - {venue.name for venue in listed}:
        raise click.BadParameter(f"{sorted(unknown)[0]!r} is no --venue", param_hint="--attests")
    if len({venue.venue_id for venue in listed}) != len(listed):
        raise click.BadParameter("a venue is listed twice", param_hint="--venue")
    shared = read_document(domain, DomainFile)
    return RegistryTerms(
        domain=shared.domain(),
        operator=read_signer(operator),
        epoch_length=shared.epoch_length,
        epoch_lead=epoch_lead,
        clock_skew=clock_skew,
        venues=tuple(sorted(listed, key=lambda venue: venue.venue_id)),
    )


def _venue(text: str, attests: tuple[str, ...]) -> RegisteredVenue:
    from zkmargin.attestations.documents import Signers
    from zkmargin.attestations.keyfiles import party_of
    from zkmargin.verifier.registry.documents import RegisteredVenue

    name, separator, signer = text.partition("=")
    if not separator or not name:
        raise click.BadParameter(f"{text!r} is not NAME=SIGNER", param_hint="--venue")
    address = read_signer(signer)
    return RegisteredVenue(venue_id=party_of(address), name=name, signers=Signers.of(address), attests=name in attests)


@command.command()
@click.argument("terms", type=FILE)
@database_option
@json_option
def init(terms: Path, database: str, as_json: bool) -> None:
    """Make the tables of the registry of TERMS, or bring them to this version."""
    from zkmargin.verifier.registry.documents import RegistryTerms
    from zkmargin.verifier.registry.registry import Registry

    Registry.create(database, read_document(terms, RegistryTerms))
    if as_json:
        print_json({"ready": True})
    else:
        click.echo("the database is ready")


@command.command()
@click.argument("terms", type=FILE)
@database_option
@click.option("--key", type=FILE, required=True, help="The operator's signing key: the export has a fresh head.")
@click.option("--out", type=FOLDER, required=True, help="Write the log here; an earlier export is replaced.")
@json_option
def export(terms: Path, database: str, key: Path, out: Path, as_json: bool) -> None:
    """Write the whole log for auditors. Its entries name venues."""
    from zkmargin.verifier.registry.bundle import export_log
    from zkmargin.verifier.registry.documents import RegistryTerms
    from zkmargin.verifier.registry.registry import Registry

    (operator,) = read_keys([key])
    with Registry(database, read_document(terms, RegistryTerms), operator) as registry, progress("writing the log"):
        head = export_log(registry, out).head
    if as_json:
        print_json({"folder": str(out), "size": str(head.size), "root": "0x" + head.root.hex(), "time": str(head.time)})
    else:
        pairs = [("entries", f"{head.size:,}"), ("root", "0x" + head.root.hex()), ("signed", format_time(head.time))]
        print_pairs([*pairs, ("folder", str(out))])


@command.command()
@click.argument("log", type=click.Path(path_type=Path))
@click.option("--terms", type=FILE, required=True, help="The terms that the operator published.")
@click.option("--head", "heads", type=FILE, multiple=True, help="A head that somebody kept; repeatable.")
@click.option("--receipt", "receipts", type=FILE, multiple=True, help="A receipt that somebody kept; repeatable.")
@click.option("--evidence", type=FOLDER, help="Write evidence against the operator here.")
@json_option
def check(
    log: Path, terms: Path, heads: tuple[Path, ...], receipts: tuple[Path, ...], evidence: Path | None, as_json: bool
) -> None:
    """Replay LOG, an exported log: every head, every entry by the rules, every receipt.

    Exit code 1 where something does not hold; what convicts the operator is written to --evidence. LOG may also be
    a file of such evidence: 0 if it convicts.
    """
    from zkmargin.verifier.registry.bundle import evidence_of, judge_log, read_head, read_receipt, write_evidence
    from zkmargin.verifier.registry.documents import RegistryTerms

    published = read_document(terms, RegistryTerms)
    if log.is_file():
        _show_evidence(log, published, as_json)
        return
    try:
        with progress("replaying the log"):
            found = judge_log(log, published, list(map(read_head, heads)), list(map(read_receipt, receipts)))
    except ZkMarginError as error:
        shown = evidence_of(error)
        if shown is not None and evidence is not None:
            error.hint = f"the evidence is in {write_evidence(shown, evidence)}"
        raise
    _show(found, published, as_json)


def _show_evidence(path: Path, terms: RegistryTerms, as_json: bool) -> None:
    """Judge evidence by the operator's address. Raises where it shows nothing."""
    from zkmargin.verifier.registry.documents import LogEvidence
    from zkmargin.verifier.registry.log import require_evidence

    document = read_document(path, LogEvidence)
    require_evidence(document, terms)
    if as_json:
        print_json({"convicts": True, "kind": document.kind, "operator": "0x" + terms.operator.hex()})
    else:
        print_pairs([("evidence", document.kind), ("convicts", "0x" + terms.operator.hex())])


def _show(found: LogFinding, terms: RegistryTerms, as_json: bool) -> None:
    names = {venue.venue_id: venue.name for venue in terms.venues}
    if as_json:
        print_json(
            {
                "holds": True,
                "size": str(found.size),
                "nullifiers": str(found.nullifiers),
                "kinds": {kind: str(count) for kind, count in sorted(found.kinds.items())},
                "venues": {names[venue]: str(count) for venue, count in sorted(found.venues.items())},
                "onVenuesWord": str(found.unproven),
                "onRegistrysWord": str(found.unsigned),
                "heads": str(found.heads),
                "receipts": str(found.receipts),
            }
        )
        return
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(found.kinds.items()))
    print_pairs(
        [
            ("log", "holds"),
            ("entries", f"{found.size:,}" + f" ({kinds})" * bool(kinds)),
            ("nullifiers", f"{found.nullifiers:,}, none at two venues"),
            ("on venues' word", f"{found.unproven:,}"),
            ("on the registry's word", f"{found.unsigned:,}"),
            ("heads, receipts", f"{found.heads:,}, {found.receipts:,}"),
        ]
    )
