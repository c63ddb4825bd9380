"""``zkmargin contracts``: verification on chain."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zkmargin.cli.files import (
    make_folder,
    read_document,
    read_envelope,
    read_keys,
    read_signer,
    refuse_existing,
    write_document,
)
from zkmargin.cli.options import FILE, FOLDER, domain_option, force_option, json_option, out_option, policy_option
from zkmargin.cli.output import format_time, print_json, print_pairs, progress

if TYPE_CHECKING:
    from zkmargin.attestations.documents import HomeDomain
    from zkmargin.attestations.signatures import SigningKey
    from zkmargin.verifier.contracts.client import ChainNode
    from zkmargin.verifier.contracts.registry import Registry
    from zkmargin.verifier.policy import Policy

_node_option = click.option("--node", required=True, metavar="URL", help="The chain's JSON-RPC node.")
_key_option = click.option("--key", type=FILE, required=True, help="Signing key that sends and pays.")
_verifying_keys_option = click.option(
    "--verifying-key", "verifying_keys", type=FILE, multiple=True, help="A verification_key.json; repeatable."
)
_signer_option = click.option(
    "--verifier", metavar="SIGNER", help="The policy's verifier: an address or its key file. Its key releases pledges."
)


@click.group()
def command() -> None:
    """Verification on an EVM chain: deploy, submit, look.

    Needs the extra `contracts`. Transactions are checked by a call before they are sent; what a contract refuses is
    told under the same codes as off chain.
    """


@command.command()
@click.argument("verifying_key", type=FILE)
@click.option("--out", type=FOLDER, required=True, help="Write sources, interfaces and code here.")
@force_option
@json_option
def export(verifying_key: Path, out: Path, force: bool, as_json: bool) -> None:
    """Write the contracts for VERIFYING_KEY (verification_key.json): Solidity, interfaces (ABI), the verifier's code.

    The verifier's address follows from its key, and is the same on every chain that has the deployment proxy.
    """
    from zkmargin.encoding import hex_bytes, write_atomic
    from zkmargin.formats import count_public, dump_json, vk_hash
    from zkmargin.verifier.contracts.artifacts import ARTIFACTS, sources, standard_input
    from zkmargin.verifier.contracts.deployment import verifier_address
    from zkmargin.verifier.contracts.encoding import key_words, verifier_creation, verifier_runtime

    key = _verifying_key(verifying_key)
    written = {
        **sources(),
        "artifacts.json": ARTIFACTS.read_text(encoding="utf-8"),
        "standard-input.json": dump_json(standard_input()),
        "verifier-key.json": dump_json([str(word) for word in key_words(key)]),
        "verifier-creation.hex": hex_bytes(verifier_creation(key)) + "\n",
        "verifier-runtime.hex": hex_bytes(verifier_runtime(key)) + "\n",
    }
    for name in written:
        refuse_existing(out / name, force)
    make_folder(out)
    for name, content in written.items():
        write_atomic(out / name, content)
    shown = {
        "folder": str(out),
        "vkHash": hex_bytes(vk_hash(key)),
        "publicInputs": str(count_public(key)),
        "address": hex_bytes(verifier_address(key)),
    }
    _tell(shown, as_json)


@command.command()
@_node_option
@_key_option
@click.option("--administrator", metavar="SIGNER", help="Who adds policies (default: the key that pays).")
@click.option(
    "--epoch-length", type=click.IntRange(min=60), default=86400, show_default=True, metavar="SECONDS",
    help="One pledge per owner, pocket and epoch; fixed for all policies.",
)  # fmt: skip
@_verifying_keys_option
@out_option("the registry's domain, for which documents are signed")
@force_option
@json_option
def deploy(
    node: str,
    key: Path,
    administrator: str | None,
    epoch_length: int,
    verifying_keys: tuple[Path, ...],
    out: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Deploy a registry, and a verifier for each --verifying-key. What stands already is left as it is.

    Addresses follow from code, administrator, length of an epoch and key: on every chain they are the same.
    """
    from zkmargin.attestations.documents import RegistryDomainFile
    from zkmargin.encoding import hex_bytes
    from zkmargin.verifier.contracts.deployment import deploy_registry, deploy_verifier

    refuse_existing(out, force)
    sender, chain = _signer(key), _chain(node)
    owner = sender.address if administrator is None else read_signer(administrator)
    gas = 0
    with progress("deploying"):
        registry, receipt = deploy_registry(chain, sender, owner, epoch_length)
        gas += 0 if receipt is None else receipt["gasUsed"]
        verifiers = []
        for path in verifying_keys:
            contract, receipt = deploy_verifier(chain, sender, _verifying_key(path))
            gas += 0 if receipt is None else receipt["gasUsed"]
            verifiers.append(hex_bytes(contract.address))
    made = RegistryDomainFile(
        chain_id=chain.chain_id, verifying_contract=registry.address, epoch_length=epoch_length
    )  # fmt: skip
    write_document(out, made, force=force)
    shown: dict[str, Any] = {
        "chain": f"eip155:{chain.chain_id}",
        "registry": hex_bytes(registry.address),
        "administrator": hex_bytes(owner),
        "verifiers": verifiers,
        "gas": str(gas),
        "domain": str(out),
    }
    _tell(shown, as_json)


@command.command("add-policy")
@policy_option
@_node_option
@_key_option
@_signer_option
@_verifying_keys_option
@json_option
def add_policy(
    policy: Path, node: str, key: Path, verifier: str | None, verifying_keys: tuple[Path, ...], as_json: bool
) -> None:
    """Add a policy to its registry, as the administrator. It can be ended, and never changed."""
    listed = _policy(policy)
    registry = _registry(node, listed)
    sender = _signer(key)
    with progress("adding the policy"):
        signer = _verifier(verifier)
        receipt = registry.add_policy(sender, listed, signer, [_verifying_key(path) for path in verifying_keys])
    _tell({"policyId": "0x" + listed.policy_id.hex(), "gas": str(receipt["gasUsed"])}, as_json)


@command.command()
@policy_option
@_node_option
@_key_option
@click.option("--alone", is_flag=True, help="Print the challenge alone, for other commands.")
@json_option
def challenge(policy: Path, node: str, key: Path, alone: bool, as_json: bool) -> None:
    """Ask the registry for a challenge: the pledge that answers it is this key's account's."""
    listed = _policy(policy)
    given, expires = _registry(node, listed).request_challenge(_signer(key), listed)
    if as_json:
        print_json({"challenge": "0x" + given.hex(), "expiresAt": str(expires)})
    elif alone:
        click.echo("0x" + given.hex())
    else:
        print_pairs([("challenge", "0x" + given.hex()), ("expires", format_time(expires))])


@command.command()
@click.argument("proof", type=FILE)
@policy_option
@_node_option
@_key_option
@click.option("--held", type=FILE, help="The record that the nullifier has, for a refresh.")
@out_option("the record (*.record.json)")
@force_option
@json_option
def submit(
    proof: Path, policy: Path, node: str, key: Path, held: Path | None, out: Path, force: bool, as_json: bool
) -> None:
    """Submit a PROOF (*.margin-proof.json), with its signed documents where the registry does not have them yet.

    Exit code 0: the pledge is recorded. 1: the contract refuses; nothing was sent.
    """
    from zkmargin.verifier.contracts.words import RecordDocument

    refuse_existing(out, force)
    listed = _policy(policy)
    before = None if held is None else read_document(held, RecordDocument).record
    registry = _registry(node, listed)
    with progress("submitting"):
        record, receipt = registry.submit(_signer(key), read_envelope(proof), listed, before)
    write_document(out, record, force=force)
    told = {
        "record": str(out),
        "nullifier": str(record.nullifier),
        "account": "0x" + record.record.account.hex(),
        "transaction": "0x" + bytes(receipt["transactionHash"]).hex(),
        "gas": str(receipt["gasUsed"]),
    }
    if as_json:
        print_json({**told, "content": record.to_json()})
        return
    until = f"{format_time(record.record.effective_from)} to {format_time(record.record.expires_at)}"
    print_pairs([("pledged", until), *told.items()])


@command.command()
@click.argument("record", type=FILE)
@_node_option
@_key_option
@click.option("--venue-key", type=FILE, required=True, help="Signing key of the venue that the pledge is made to.")
@out_option("the record as it then is")
@force_option
@json_option
def release(record: Path, node: str, key: Path, venue_key: Path, out: Path, force: bool, as_json: bool) -> None:
    """End the pledge of a RECORD before it expires, as its venue. After that anyone may pledge anew."""
    from zkmargin.verifier.contracts.words import RecordDocument

    refuse_existing(out, force)
    document = read_document(record, RecordDocument)
    registry = _registry_of(node, document.domain)
    ended, receipt = registry.release(_signer(key), _signer(venue_key), document)
    write_document(out, ended, force=force)
    shown = {"record": str(out), "released": format_time(ended.record.released_at), "gas": str(receipt["gasUsed"])}
    _tell(shown, as_json)


@command.command()
@_node_option
@domain_option
@click.option("--policy", type=FILE, help="Compare this policy with what the contract holds.")
@_signer_option
@_verifying_keys_option
@click.option("--record", type=FILE, help="Check this record by a state proof.")
@json_option
def status(
    node: str,
    domain: Path,
    policy: Path | None,
    verifier: str | None,
    verifying_keys: tuple[Path, ...],
    record: Path | None,
    as_json: bool,
) -> None:
    """Compare a registry with what it should be: its code, its verifiers, a policy word for word, a record.

    Exit code 0: all is as given; 1: something is not. A record is checked by a state proof (EIP-1186) under the header
    of the node's latest block.
    """
    from zkmargin.attestations.documents import RegistryDomainFile
    from zkmargin.encoding import hex_bytes
    from zkmargin.verifier.contracts.words import RecordDocument

    registry = _registry_of(node, read_document(domain, RegistryDomainFile).domain())
    keys = [_verifying_key(path) for path in verifying_keys]
    shown: dict[str, Any] = {
        "registry": hex_bytes(registry.contract.address),
        "administrator": hex_bytes(registry.administrator),
        "epochLength": str(registry.epoch_length),
        "verifiers": [hex_bytes(registry.require_verifier(key)) for key in keys],
    }
    if policy is not None:
        state = registry.policy_state(_policy(policy), _verifier(verifier), keys)
        shown["policy"] = "ended" if state.retired else "as given" if state.known else "unknown"
    if record is not None:
        document = read_document(record, RecordDocument)
        shown["provenInBlock"] = str(registry.require_record(document))
        shown["released"] = "no" if document.record.released_at == 0 else format_time(document.record.released_at)
    _tell(shown, as_json)


def _tell(shown: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(shown)
        return
    flat = {name: ", ".join(value) if isinstance(value, list) else value for name, value in shown.items()}
    print_pairs([(name, value) for name, value in flat.items() if value])


def _policy(path: Path) -> Policy:
    from zkmargin.verifier.policy import Policy

    return read_document(path, Policy)


def _verifying_key(path: Path) -> bytes:
    from zkmargin.verifier.keys import read_verifying_key

    return read_verifying_key(path)


def _verifier(text: str | None) -> bytes:
    if text is None:
        raise click.UsageError("--verifier is needed with a policy")
    return read_signer(text)


def _signer(path: Path) -> SigningKey:
    (key,) = read_keys([path])
    return key


def _chain(url: str) -> ChainNode:
    from zkmargin.verifier.contracts.client import ChainNode

    return ChainNode(url)


def _registry(url: str, policy: Policy) -> Registry:
    """The registry that a policy's domain names."""
    from zkmargin.attestations.documents import HomeDomain
    from zkmargin.errors import DomainMismatch

    if not isinstance(policy.domain, HomeDomain):
        raise DomainMismatch(
            "the policy is of no registry", where="policy.domain", hint="make it with the domain that `deploy` wrote"
        )
    return _registry_of(url, policy.domain)


def _registry_of(url: str, domain: HomeDomain) -> Registry:
    from zkmargin.verifier.contracts.registry import Registry

    return Registry(_chain(url), domain)
