"""``zkmargin policy``: what a verifier accepts, and the domain that all parties share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from zkmargin.cli.files import read_document, read_domain, read_signer, refuse_existing, write_document
from zkmargin.cli.options import (
    FILE,
    FOLDER,
    claim_options,
    domain_option,
    force_option,
    json_option,
    out_option,
    price_rules_option,
)
from zkmargin.cli.output import print_json, print_pairs, print_table, signers_text
from zkmargin.cli.policy_clock import clock_of, clock_options, clock_rows
from zkmargin.cli.prices import oracle_rows, price_rules, show_price_rules

if TYPE_CHECKING:
    from zkmargin.verifier.policy import AcceptedRuleSet, CollateralPolicy, Policy


@click.group()
def command() -> None:
    """A verifier's policy: whom it trusts, which keys it accepts, how old things may be."""


@command.command()
@click.option("--name", required=True, help="What the parties call their domain.")
@click.option(
    "--epoch-length",
    type=click.IntRange(min=60),
    default=86400,
    show_default=True,
    metavar="SECONDS",
    help="One pledge per owner, pocket and epoch.",
)
@out_option("the domain file")
@force_option
@json_option
def domain(name: str, epoch_length: int, out: Path, force: bool, as_json: bool) -> None:
    """Write a domain file: all signatures are made for it, so that none serves elsewhere."""
    from zkmargin.attestations.documents import DomainFile

    made = DomainFile(name=name, epoch_length=epoch_length)
    write_document(out, made, force=force)
    salt = "0x" + made.domain().salt.hex()
    if as_json:
        print_json({"file": str(out), "name": name, "epochLength": str(epoch_length), "salt": salt})
    else:
        print_pairs([("domain", name), ("epoch", f"{epoch_length} s"), ("salt", salt), ("file", str(out))])


@command.command()
@click.option("--name", required=True, help="What the verifier calls the policy.")
@domain_option
@click.option("--verifier", required=True, metavar="SIGNER", help="The verifier: an address or its key file.")
@click.option(
    "--publisher",
    "publishers",
    multiple=True,
    required=True,
    metavar="SIGNER",
    help="A risk publisher that is trusted for market snapshots; repeatable, then all must sign.",
)
@click.option(
    "--venue",
    "venues",
    multiple=True,
    required=True,
    metavar="NAME=SIGNER",
    help="A venue whose position statement each proof must carry; repeatable.",
)
@click.option(
    "--keys",
    "key_folders",
    type=FOLDER,
    multiple=True,
    required=True,
    help="Folder of `zkmargin setup`: its rule set and verifying key are accepted; repeatable.",
)
@click.option("--insecure", is_flag=True, help="Accept keys of a development setup, whose maker can forge proofs.")
@claim_options
@click.option("--price-age", type=int, default=60, show_default=True, help="Oldest prices, seconds.")
@click.option("--statement-age", type=int, default=3600, show_default=True, help="Oldest positions, seconds.")
@click.option("--proof-age", type=int, default=300, show_default=True, help="Oldest proof, seconds.")
@click.option("--clock-skew", type=int, default=60, show_default=True, help="Clocks may differ by, seconds.")
@click.option("--epoch-lead", type=int, default=3600, show_default=True, help="Epochs may begin early by, seconds.")
@click.option(
    "--attestor", "attestors", multiple=True, metavar="SIGNER", help="An attestor of collateral on chains; repeatable."
)
@click.option("--attestor-threshold", type=click.IntRange(min=1), help="How many attestors must sign (default: all).")
@click.option("--attestor-nonce", type=click.IntRange(min=0), default=1, show_default=True, help="Number of their set.")
@click.option(
    "--chain",
    "chains",
    multiple=True,
    metavar="CHAIN=SECONDS[,FINALITY][,observed]",
    help="A chain whose collateral counts: oldest block, least finality (dev, safe, finalized, settled; default "
    "finalized), and whether lines that are only observed count; repeatable.",
)
@click.option("--exclusive/--not-exclusive", default=True, help="Collateral is locked until the proof expires.")
@price_rules_option
@click.option("--challenge/--no-challenge", default=False, help="Ask for a challenge in each proof.")
@clock_options
@out_option("the policy")
@force_option
@json_option
def new(out: Path, force: bool, as_json: bool, **options: Any) -> None:
    """Write a policy.

    A SIGNER is an address (0x and 40 hex digits, as `keys show` prints it) or a signing-key file.
    """
    refuse_existing(out, force)
    policy = _make(**options)
    write_document(out, policy, force=force)
    _show(policy, out, as_json)


@command.command()
@click.argument("policy", type=FILE)
@json_option
def show(policy: Path, as_json: bool) -> None:
    """Show what a policy accepts."""
    from zkmargin.verifier.policy import Policy

    _show(read_document(policy, Policy), policy, as_json)


command.add_command(price_rules)


def _make(
    *,
    name: str,
    domain: Path,
    verifier: str,
    publishers: tuple[str, ...],
    venues: tuple[str, ...],
    key_folders: tuple[Path, ...],
    insecure: bool,
    claim: Literal["maintenance", "initial"],
    buffer: tuple[int, int],
    price_age: int,
    statement_age: int,
    proof_age: int,
    clock_skew: int,
    epoch_lead: int,
    attestors: tuple[str, ...],
    attestor_threshold: int | None,
    attestor_nonce: int,
    chains: tuple[str, ...],
    exclusive: bool,
    price_rules: Path | None,
    challenge: bool,
    **clock: Any,
) -> Policy:
    from zkmargin.attestations.context import ZERO32
    from zkmargin.attestations.documents import HomeDomain, Signers
    from zkmargin.attestations.keyfiles import party_of
    from zkmargin.attestations.price_rules import PriceRulesFile
    from zkmargin.verifier.policy import LeastClaim, MaximumAge, Policy, VenuePolicy

    shared = read_domain(domain)
    home = shared.domain()
    trusted = [read_signer(text) for text in publishers]
    listed: list[VenuePolicy] = []
    for text in venues:
        label, separator, signer = text.partition("=")
        if not separator or not label:
            raise click.BadParameter(f"{text!r} is not NAME=SIGNER", param_hint="--venue")
        address = read_signer(signer)
        if any(party_of(address) == venue.venue_id for venue in listed):
            raise click.BadParameter(f"{text!r} is a venue that is listed already", param_hint="--venue")
        listed.append(VenuePolicy(venue_id=party_of(address), name=label, signers=Signers.of(address)))
    accepted = [_accepted(folder, insecure) for folder in key_folders]
    return Policy(
        name=name,
        domain=home,
        verifier_id=party_of(read_signer(verifier)),
        target=home.signing().pledge_domain if isinstance(home, HomeDomain) else ZERO32,
        publishers=Signers.of(*trusted, threshold=len(trusted)),
        venues=tuple(sorted(listed, key=lambda venue: venue.venue_id)),
        rule_sets=tuple(sorted(accepted, key=lambda entry: entry.vk_hash)),
        maximum_age=MaximumAge(price=price_age, statement=statement_age, proof=proof_age),
        clock_skew=clock_skew,
        epoch_length=shared.epoch_length,
        epoch_lead=epoch_lead,
        claim=LeastClaim(kind=claim, num=buffer[0], den=buffer[1]),
        challenge_required=challenge,
        collateral=_collateral(attestors, attestor_threshold, attestor_nonce, chains, exclusive),
        prices=None if price_rules is None else read_document(price_rules, PriceRulesFile).prices,
        clock=clock_of(**clock),
    )


FINALITIES = ("dev", "safe", "finalized", "settled")


def _collateral(
    attestors: tuple[str, ...], threshold: int | None, nonce: int, chains: tuple[str, ...], exclusive: bool
) -> CollateralPolicy | None:
    """Whose roots count over which chains; None where neither is named."""
    from zkmargin.attestations.collateral.documents import Attestors
    from zkmargin.attestations.documents import Signers
    from zkmargin.verifier.policy import ChainPolicy, CollateralPolicy

    if not attestors and not chains:
        return None
    if not attestors or not chains:
        raise click.UsageError("collateral needs --attestor and --chain")
    listed = []
    for text in chains:
        chain, separator, terms = text.partition("=")
        seconds, *rest = terms.split(",")
        finality = [word for word in rest if word != "observed"] or ["finalized"]
        if not separator or not seconds.isdecimal() or len(finality) > 1 or finality[0] not in FINALITIES:
            raise click.BadParameter(f"{text!r} is not CHAIN=SECONDS[,FINALITY][,observed]", param_hint="--chain")
        rank = FINALITIES.index(finality[0])
        listed.append(ChainPolicy(chain=chain, maximum_age=int(seconds), finality=rank, observed="observed" in rest))
    addresses = [read_signer(text) for text in attestors]
    signers = Signers.of(*addresses, threshold=threshold or len(addresses))
    return CollateralPolicy(
        attestors=Attestors(set_nonce=nonce, signers=signers),
        chains=tuple(sorted(listed, key=lambda entry: entry.chain.encode())),
        exclusive=exclusive,
    )


def _accepted(folder: Path, insecure: bool) -> AcceptedRuleSet:
    """The entry for the key in a folder of `setup`."""
    from zkmargin.verifier.keys import KeyDescription

    described = read_document(folder / "key.json", KeyDescription)
    if described.insecure and not insecure:
        raise click.UsageError(
            f"the key in {folder} is from a development setup: its maker can forge proofs; "
            "--insecure accepts it all the same"
        )
    return described.accepted()


def _show(policy: Policy, file: Path, as_json: bool) -> None:
    if as_json:
        print_json({"file": str(file), "policyId": "0x" + policy.policy_id.hex(), "policy": policy.to_json()})
        return
    ages = policy.maximum_age
    print_pairs(
        [
            ("policy", policy.name),
            ("policy id", "0x" + policy.policy_id.hex()),
            ("verifier id", "0x" + policy.verifier_id.hex()),
            ("claim", str(policy.claim.claim())),
            ("oldest", f"prices {ages.price} s, positions {ages.statement} s, proof {ages.proof} s"),
            ("challenge", "required" if policy.challenge_required else "not required"),
            *clock_rows(policy.clock),
            ("file", str(file)),
        ]
    )
    rows = [["market", "", signers_text(policy.publishers)]]
    rows += [["positions", venue.name, signers_text(venue.signers)] for venue in policy.venues]
    if policy.collateral is not None:
        for chain in policy.collateral.chains:
            seen = ", observed lines too" if chain.observed else ""
            terms = f"{chain.chain}, {FINALITIES[chain.finality]}, at most {chain.maximum_age} s old{seen}"
            rows.append(["collateral", terms, signers_text(policy.collateral.attestors.signers)])
    if policy.prices is not None:
        rows += oracle_rows(policy.prices)
    print_table(("trusts for", "name", "signers"), rows)
    if policy.prices is not None:
        show_price_rules(policy.prices)
    accepted = [
        [entry.name, "0x" + entry.vk_hash.hex(), "yes" if entry.insecure else "no"] for entry in policy.rule_sets
    ]
    print_table(("rule set", "verifying key", "insecure"), accepted)
