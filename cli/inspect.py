"""``zkmargin inspect``: what a file says. Nothing is verified, nothing secret is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from zkmargin.cli.options import FILE, json_option


@click.command()
@click.argument("file", type=FILE)
@json_option
def command(file: Path, as_json: bool) -> None:
    """Show what a FILE says: any document of zkmargin, .r1cs, .wtns, .zkey, .ptau or snarkjs's JSON.

    Nothing is verified. Of files that hold secrets only their kind and size are shown.
    """
    from zkmargin.cli.output import print_json, print_pairs
    from zkmargin.encoding import read_file

    content = read_file(file)
    found = _describe(content, file)
    if as_json:
        print_json({"file": str(file), **found})
    else:
        print_pairs(list(_flatten(found)), title=str(file))


def _describe(content: bytes, file: Path) -> dict[str, Any]:
    from zkmargin.errors import FileMagic

    readers = {b"r1cs": _r1cs, b"wtns": _wtns, b"zkey": _zkey, b"ptau": _ptau}
    if content[:4] in readers:
        return readers[content[:4]](content)
    if content.lstrip()[:1] in (b"{", b"["):
        return _json(content)
    raise FileMagic("not a file of zkmargin or snarkjs", where=str(file))


def _r1cs(content: bytes) -> dict[str, Any]:
    from zkmargin.encoding import hex_bytes, sha256
    from zkmargin.formats import read_r1cs

    system = read_r1cs(content)
    return {
        "kind": "rank-1 constraint system (.r1cs)",
        "constraints": len(system.constraints),
        "wires": system.n_wires,
        "publicInputs": system.n_public,
        "r1csDigest": hex_bytes(sha256(content)),
    }


def _wtns(content: bytes) -> dict[str, Any]:
    from zkmargin.formats import read_wtns

    return {"kind": "witness (.wtns), secret", "wires": len(read_wtns(content)) // 32}


def _zkey(content: bytes) -> dict[str, Any]:
    from zkmargin.encoding import hex_bytes
    from zkmargin.formats import read_zkey_header, vk_hash

    header, key = read_zkey_header(content)
    return {
        "kind": "proving key (.zkey)",
        "wires": header.n_wires,
        "publicInputs": header.n_public,
        "domain": header.domain_size,
        "vkHash": hex_bytes(vk_hash(key)),
    }


def _ptau(content: bytes) -> dict[str, Any]:
    from zkmargin.encoding import hex_bytes
    from zkmargin.formats import read_ptau

    powers = read_ptau(content)
    contributions = [
        {
            "name": contribution.name,
            "kind": "contribution" if contribution.beacon is None else "beacon",
            "nextChallenge": hex_bytes(contribution.next_challenge),
        }
        for contribution in powers.contributions
    ]
    return {
        "kind": "powers of tau (.ptau)",
        "power": powers.power,
        "ceremonyPower": powers.ceremony_power,
        "maxConstraints": 1 << powers.power,
        "isPrepared": powers.is_prepared,
        "contributions": contributions,
    }


def _json(content: bytes) -> dict[str, Any]:
    from zkmargin.attestations.schema import PrivateDocument
    from zkmargin.errors import SchemaType
    from zkmargin.field import ELEMENT_BYTES
    from zkmargin.formats import (
        parse_json,
        proof_from_json,
        public_from_json,
        verifying_key_from_json,
        vk_hash,
    )

    document = parse_json(content, "document")
    kinds = _documents()
    name = document.get("type") if isinstance(document, dict) else None
    if isinstance(name, str) and name in kinds:
        parsed = kinds[name].parse(content)
        if isinstance(parsed, PrivateDocument):
            return {"kind": f"{name}, secret", "version": parsed.VERSION}
        return {"kind": name, **_shortened(parsed.to_json())}
    if isinstance(document, dict) and document.get("protocol") == "groth16":
        if "IC" not in document:
            proof_from_json(document)
            return {"kind": "Groth16 proof, snarkjs's JSON"}
        key = verifying_key_from_json(document)
        return {
            "kind": "Groth16 verifying key, snarkjs's JSON",
            "publicInputs": document["nPublic"],
            "vkHash": "0x" + vk_hash(key).hex(),
        }
    if isinstance(document, list):
        count = len(public_from_json(document)) // ELEMENT_BYTES
        return {"kind": "public inputs, snarkjs's JSON", "count": count}
    raise SchemaType("not a document of zkmargin or snarkjs", where="type", got=repr(name)[:60])


def _documents() -> dict[Any, Any]:
    from zkmargin.verifier.schemas import DOCUMENTS

    return {kind.TYPE: kind for kind in DOCUMENTS}


_LONG = ("tables", "listing", "pyth", "redstone")


def _shortened(document: dict[str, Any]) -> dict[str, Any]:
    """Without what nobody reads in a terminal."""
    return {
        name: f"{len(json.dumps(value)):,} bytes" if name in _LONG and value is not None else value
        for name, value in document.items()
        if name != "type"
    }


def _flatten(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        nested = [_flatten(inner, f"{prefix}.{name}" if prefix else name) for name, inner in value.items()]
        return [pair for pairs in nested for pair in pairs]
    if isinstance(value, list) and any(isinstance(entry, dict | list) for entry in value):
        nested = [_flatten(inner, f"{prefix}[{index}]") for index, inner in enumerate(value)]
        return [pair for pairs in nested for pair in pairs]
    text = ", ".join(map(str, value)) if isinstance(value, list) else _text(value, prefix)
    return [(prefix, text)]


def _text(value: Any, name: str) -> str:
    from zkmargin.cli.output import format_time

    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    text = str(value)
    is_time = name.endswith(("At", "asOf", "Time")) and text.isdigit() and len(text) == 10
    return f"{text} ({format_time(int(text))})" if is_time else text
