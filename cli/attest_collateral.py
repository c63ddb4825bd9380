"""``zkmargin attest collateral|sign|publish``: from chains to a signed root and the traders' receipts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zkmargin.cli.files import make_folder, read_document, read_keys, refuse_existing, write_document
from zkmargin.cli.options import FILE, FOLDER, at_option, force_option, json_option, now
from zkmargin.cli.output import format_time, print_json, print_pairs

if TYPE_CHECKING:
    from zkmargin.attestations.chains.layouts import LayoutRegistry
    from zkmargin.attestations.chains.reader import ChainReader
    from zkmargin.attestations.collateral.bundle import Bundle
    from zkmargin.attestations.collateral.config import AttestorConfig

_layouts = click.option("--layouts", type=FILE, required=True, help="Your reviewed registry of storage layouts.")
_previous = click.option("--previous", type=FOLDER, help="Bundle of the root before this one; none: the first root.")


@click.command()
@click.argument("config", type=FILE)
@_layouts
@_previous
@click.option("--bindings", type=FOLDER, help="Folder of owner bindings.")
@click.option("--allocations", type=FOLDER, help="Folder of allocations.")
@click.option("--wait", type=click.IntRange(0, 86400), default=0, show_default=True, metavar="SECONDS",
              help="How long to wait for finality.")  # fmt: skip
@click.option("--seq", type=click.IntRange(min=1), default=1, help="The root's number at least.")
@click.option("--strict", is_flag=True, help="Fail where anything is left out.")
@click.option("--out", type=FOLDER, required=True, help="Write the unsigned bundle to this new folder.")
@at_option("When the root is issued")
@json_option
def collateral(
    config: Path,
    layouts: Path,
    previous: Path | None,
    bindings: Path | None,
    allocations: Path | None,
    wait: int,
    seq: int,
    strict: bool,
    out: Path,
    at: int | None,
    as_json: bool,
) -> None:
    """Read the accounts of CONFIG on their chains and build an unsigned root with its evidence.

    Blocks are read at the tip and held until they are as final as CONFIG asks.
    """
    from zkmargin.attestations.collateral.bundle import read_folder, require_free
    from zkmargin.attestations.collateral.collecting import collect
    from zkmargin.attestations.collateral.documents import AllocationDocument, OwnerBindingDocument

    settings = _config(config)
    require_free(out)  # before nodes are asked, which takes time
    made = collect(
        settings,
        _registry(layouts),
        _readers(settings),
        bindings=list(read_folder(bindings, OwnerBindingDocument)),
        allocations=list(read_folder(allocations, AllocationDocument)),
        previous=_bundle_before(previous),
        least_seq=seq,
        wait=wait,
        clock=lambda: now(at),
    )
    if strict and made.left_out:
        raise made.left_out[0].error
    made.bundle.write(out)
    root = made.bundle.document.root
    if as_json:
        left_out = [{"what": entry.what, "error": entry.error.as_json()} for entry in made.left_out]
        print_json({"bundle": str(out), "root": root.to_json(), "leftOut": left_out})
        return
    print_pairs(
        [
            ("bundle", f"{out} (private)"),
            ("root", f"number {root.seq} of epoch {root.epoch}, {root.leaf_count} lines"),
            *[("checkpoint", f"{entry.chain} block {entry.block_number}, {format_time(entry.block_time)}")
              for entry in made.bundle.document.checkpoints],
            *[("left out", f"{entry.what}: {entry.error}") for entry in made.left_out],
        ]
    )  # fmt: skip


@click.command()
@click.argument("config", type=FILE)
@click.argument("bundle", type=FOLDER)
@_layouts
@_previous
@click.option("--key", type=FILE, required=True, help="The attestor's signing key.")
@click.option("--record", type=FILE, required=True,
              help="Keeps the last root that this attestor signed: no number is signed twice.")  # fmt: skip
@click.option("--unpublished", is_flag=True, help="The root on record never got a quorum: this one may pass it over.")
@at_option("When the root is judged")
@json_option
def sign(
    config: Path, bundle: Path, layouts: Path, previous: Path | None, key: Path, record: Path,
    unpublished: bool, at: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Check all of BUNDLE against your own nodes and registry, then add your signature to its root."""
    from zkmargin.attestations.collateral.bundle import ROOT
    from zkmargin.attestations.collateral.documents import CollateralRootDocument
    from zkmargin.attestations.collateral.signing import add_signature, judge, require_next

    settings, found = _config(config), _bundle(bundle)
    last = read_document(record, CollateralRootDocument) if record.exists() else None
    before = _bundle_before(previous)
    require_next(last, found.document, None if before is None else before.document, unpublished)
    judge(found, settings, _registry(layouts), _readers(settings), before, now(at))
    (signer,) = read_keys([key])
    signed = add_signature(found.document, signer)
    write_document(record, found.document, force=True)  # first: a signature that got out is always on record
    write_document(bundle / ROOT, signed, force=True)
    if as_json:
        print_json({"bundle": str(bundle), "signatures": len(signed.signatures), "signer": f"0x{signer.address.hex()}"})
        return
    threshold = signed.attestors.signers.threshold
    print_pairs([("signed", f"0x{signer.address.hex()}"), ("signatures", f"{len(signed.signatures)} of {threshold}")])


@click.command()
@click.argument("config", type=FILE)
@click.argument("bundle", type=FOLDER)
@_layouts
@_previous
@click.option("--signed", "copies", type=FILE, multiple=True, help="Another attestor's copy of root.json; repeatable.")
@click.option("--out", type=FOLDER, required=True, help="Write the root and the receipts here.")
@at_option("When the root is published")
@force_option
@json_option
def publish(
    config: Path, bundle: Path, layouts: Path, previous: Path | None, copies: tuple[Path, ...], out: Path,
    at: int | None, force: bool, as_json: bool,
) -> None:  # fmt: skip
    """Check BUNDLE once more, and its quorum; write the root for all and one private receipt for each owner."""
    from dataclasses import replace

    from zkmargin.attestations.collateral.bundle import ROOT
    from zkmargin.attestations.collateral.documents import CollateralRootDocument
    from zkmargin.attestations.collateral.signing import judge, merge
    from zkmargin.attestations.collateral.signing import publish as make

    settings, found = _config(config), _bundle(bundle)
    others = [read_document(path, CollateralRootDocument) for path in copies]
    found = replace(found, document=merge(found.document, others))
    tree = judge(found, settings, _registry(layouts), _readers(settings), _bundle_before(previous), now(at))
    receipts = make(found, settings, tree, now(at))
    target, folder = out / "collateral.root.json", out / "receipts"
    files = {folder / f"{receipt.owner}.receipt.json": receipt for receipt in receipts}
    for path in (target, *files):
        refuse_existing(path, force)
    make_folder(out)
    make_folder(folder, private=True)
    for path, receipt in files.items():
        write_document(path, receipt, force=force)
    write_document(bundle / ROOT, found.document, force=True)
    write_document(target, found.document, force=force)
    if as_json:
        print_json({"root": str(target), "receipts": sorted(map(str, files))})
        return
    print_pairs([("root", str(target)), ("receipts", f"{len(files)} in {folder} (private, one for each owner)")])


def _config(path: Path) -> AttestorConfig:
    from zkmargin.attestations.collateral.config import AttestorConfig

    return read_document(path, AttestorConfig)


def _registry(path: Path) -> LayoutRegistry:
    from zkmargin.attestations.chains.layouts import LayoutRegistry

    return read_document(path, LayoutRegistry)


def _bundle(path: Path) -> Bundle:
    from zkmargin.attestations.collateral.bundle import Bundle

    return Bundle.read(path)


def _bundle_before(path: Path | None) -> Bundle | None:
    return None if path is None else _bundle(path)


def _readers(config: AttestorConfig) -> dict[str, ChainReader]:
    from zkmargin.attestations.chains.readers import open_chain

    return {source.chain: open_chain(source.chain, source.url) for source in config.chains}
