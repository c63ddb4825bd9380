"""Bad files, given to every command in the place of every file that it reads: exit code 2 (1 where a document
does not hold), one error with a known code, no traceback, nothing written."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click
import pytest
from attested_lines import receipt_of
from calling import Called, call
from collateral_world import KEYS as ATTESTORS
from parties import CASH, CHALLENGE, DOMAIN, IDS, KEYS, NOW, PUBLISHER, SIZES, VENUE, World, small_market
from passphrase import PASSPHRASE
from priced_world import FEEDS, UPDATE, rules
from registry_files import write_registry

from zkmargin.attestations.backup import backup_text
from zkmargin.attestations.collateral.drafts import draft_binding, sign_with
from zkmargin.attestations.collateral.revoking import revoke
from zkmargin.attestations.keyfiles import OwnerKeyFile, SigningKeyFile
from zkmargin.attestations.owner import OwnerKeys
from zkmargin.attestations.price_rules import PriceRulesFile
from zkmargin.cli.main import cli
from zkmargin.encoding import hex_bytes
from zkmargin.field import FR_MODULUS
from zkmargin.formats import R1cs, write_r1cs, write_wtns
from zkmargin.margin.account import Account

TABLE = Path(__file__).resolve().parents[2] / "specs" / "errors.md"
CODES = {
    code: int(exit_code)
    for code, exit_code in re.findall(r"^\| `(E_[A-Z_]+)` \| ([0-9]) \|", TABLE.read_text(), re.MULTILINE)
}
SLICE = Path(__file__).resolve().parents[1] / "margin" / "vectors" / "deribit_chain_slice.csv"
ADDRESS = hex_bytes(PUBLISHER.address)
WALLET = f"eip155:1:{hex_bytes(VENUE.address)}"
NEW_PASSPHRASE = "another one, of five words"
OWNER_SEED = b"\x34" * 32

COMMANDS: Mapping[str, str] = {
    "rules check": "{rules.yaml}",
    "rules compile": "{rules.yaml}",
    "rules list": "",
    "rules show": "{rules.yaml}",
    "rules variant": "{rules.yaml} --name variant --binding committed --out [variant]",
    "rules verify-key": "{rules.yaml} {key/}",
    "vectors run": "{cases.json}",
    "market build": f"{{chain.csv}} --rules {{scan.yaml}} --domain {{domain.json}} --key {{publisher.key}} --at {NOW} "
    "--out [market]",
    "market evidence": "--pyth {pyth.hex} --price-rules {asked.json} --out [evidence]",
    "market show": "{market.json} --instruments",
    "market sign": "{market.json} --rules {rules.yaml} --key {publisher.key} --out [signed]",
    "account import": "{export.csv} --rules {rules.yaml} --market {market.json} --out [account]",
    "account show": "{account.csv} --rules {rules.yaml} --market {market.json}",
    "check": "--rules {rules.yaml} --market {market.json} --account {account.csv}",
    "setup dev": "{rules.yaml} --out [keys]",
    "keys backup": "{owner.key} --out [words]",
    "keys new": "owner --out [key]",
    "keys passphrase": "{owner.key} --out [key]",
    "keys restore": "--words {words.txt} --out [key]",
    "keys rotate": "{owner.key} --domain {domain.json} --known {known/} "
    f"--at {NOW} --drafts [drafts] --out [key]",
    "keys show": "{publisher.key}",
    "collateral allocate": f"{WALLET} --asset eip155:1/slip44:60 --note 0:0:5 --domain {{domain.json}} "
    f"--key {{venue.key}} --at {NOW} --out [allocation]",
    "collateral bind": f"{WALLET} --owner-key {{owner.key}} --domain {{domain.json}} --key {{venue.key}} --at {NOW} "
    "--out [binding]",
    "collateral list": "{receipt.json}",
    "collateral request": "{draft.json} --domain {domain.json}",
    "collateral sign": f"{{draft.json}} --domain {{domain.json}} --key {{venue.key}} --at {NOW} --out [signed]",
    "collateral select": "{receipt.json} --pocket 0 --out [receipt]",
    "attest positions": "--rules {rules.yaml} --market {market.json} --account {account.csv} --policy {policy.json} "
    f"--owner {KEYS.owner} --key {{venue.key}} --at {NOW} --out [statement] --opening [opening]",
    "attest revoke": f"{{root.json}} --join {{revocation.json}} --key {{attestor.key}} --at {NOW} --out [revocation]",
    "policy domain": "--name tests --out [domain]",
    "policy new": f"--name tests --domain {{domain.json}} --verifier {ADDRESS} --publisher {{publisher.key}} "
    "--venue venue={venue.key} --keys {key/} --insecure --out [policy]",
    "policy price-rules": "{feeds.csv} --guardian-set 4 --guardian 0x" + "01" * 20 + " --out [rules]",
    "policy show": "{policy.json}",
    "prove": "--rules {rules.yaml} --market {market.json} --policy {policy.json} --keys {key/} --owner-key {owner.key} "
    f"--positions {{statement.json}} --opening {{opening.json}} --challenge {hex_bytes(CHALLENGE)} --at {NOW} "
    "--out [proof]",
    "verify": "{proof.json} --policy {policy.json} --rules {rules.yaml} --market {market.json} --key {vk.json} "
    f"--challenge {hex_bytes(CHALLENGE)} --at {NOW}",
    "contracts export": "{vk.json} --out [solidity]",
    "inspect": "{proof.json}",
    "registry terms": "--domain {domain.json} --operator {publisher.key} --venue venue={venue.key} --out [terms]",
    "registry init": "{terms.json} --database sqlite:///[db]",
    "registry export": "{terms.json} --database sqlite:///{pledges.db} --key {publisher.key} --out [log]",
    "registry check": "{log/} --terms {terms.json} --head {log/head.json} --receipt {pledge.json}",
    "groth16 export": "{circuit.vk.json} {public.json} {circuit.proof.json} --layout sui --out [files]",
    "groth16 setup": "{circuit.r1cs} [zkey] --vkey [vkey]",
    "groth16 prove": "{circuit.zkey} {circuit.wtns} [proof] [public]",
    "groth16 powers": "{powers.ptau}",
    "groth16 verify": "{circuit.vk.json} {public.json} {circuit.proof.json}",
}
"""A call of every command that succeeds. ``{name}`` is a file that it reads (``{name/}`` a folder), ``[name]`` one
that it writes."""
OUTSIDE = {"demo", "attest collateral", "attest sign", "attest publish", "audit", "serve", "submit", "challenge"} | {
    f"contracts {name}" for name in ("add-policy", "challenge", "deploy", "release", "status", "submit")
}
"""The demo has a test of its own; it reads no file of the user's. The attestors' commands need chains: tests/chains,
and an audit what they make: tests/audit. The service does not end by itself, and who asks needs one: tests/service.
Contracts need a chain too: tests/contracts."""

READS = re.compile(r"\{([a-z0-9./]+)\}")
WRITES = re.compile(r"\[([a-z]+)\]")
PLACES = [(name, read) for name, text in COMMANDS.items() for read in READS.findall(text)]


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from leaves(inner, (*path, name))
    else:
        yield " ".join(path)


def write_inputs(folder: Path, sizes: Sequence[int] = SIZES, cash: int = CASH, root: int = 3) -> World:
    """Write everything that commands read. ``root``: the private wire of the small circuit ``root^2 = public``."""
    world = World(folder / "key")
    statement, opening = world.statement(sizes, cash)
    listing = small_market().listing
    account = Account(dict(zip(IDS, sizes, strict=True)), cash)
    circuit = R1cs(3, 1, 0, 1, [([(2, 1)], [(2, 1)], [(1, 1)])])
    wires = b"".join(value.to_bytes(32, "little") for value in (1, root**2 % FR_MODULUS, root))
    epoch = NOW // DOMAIN.epoch_length
    draft = draft_binding(WALLET, OwnerKeys.of_seed(OWNER_SEED).owner, DOMAIN.domain(), epoch=epoch)
    (folder / "known").mkdir()
    contents: dict[str, str | bytes] = {
        "rules.yaml": world.text,
        "cases.json": (TABLE.parents[1] / "tests" / "rules" / "vectors" / "gmx_v2.json").read_bytes(),
        "scan.yaml": (TABLE.parent / "rules" / "portfolio_scan.yaml").read_bytes(),
        "chain.csv": b"".join(SLICE.read_bytes().splitlines(keepends=True)[:7]),
        "domain.json": DOMAIN.to_text(),
        "publisher.key": SigningKeyFile.of_key(PUBLISHER, PASSPHRASE).to_text(),
        "venue.key": SigningKeyFile.of_key(VENUE, PASSPHRASE).to_text(),
        "owner.key": OwnerKeyFile.of_seed(OWNER_SEED, PASSPHRASE).to_text(),
        "market.json": world.snapshot().to_text(),
        "policy.json": world.policy().to_text(),
        "account.csv": account.to_csv(listing),
        "export.csv": account.to_csv(listing),
        "receipt.json": receipt_of(KEYS.owner).to_text(),
        "root.json": receipt_of(KEYS.owner).root.to_text(),
        "revocation.json": revoke(receipt_of(KEYS.owner).root, 1, NOW).to_text(),
        "attestor.key": SigningKeyFile.of_key(ATTESTORS[0], PASSPHRASE).to_text(),
        "draft.json": draft.to_text(),
        "known/1.json": sign_with(draft, VENUE, DOMAIN.domain()).to_text(),
        "words.txt": backup_text(OWNER_SEED),
        "feeds.csv": FEEDS,
        "pyth.hex": hex_bytes(UPDATE),
        "asked.json": PriceRulesFile(prices=rules()).to_text(),
        "statement.json": statement.to_text(),
        "opening.json": opening.to_text(),
        "proof.json": world.prove(account=(statement, opening)).to_text(),
        "powers.ptau": (TABLE.parents[1] / "tests" / "core" / "vectors" / "powers_of_tau_1.ptau").read_bytes(),
        "vk.json": (world.folder / "verification_key.json").read_bytes(),
        "circuit.r1cs": write_r1cs(circuit),
        "circuit.wtns": write_wtns(wires),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    write_registry(folder)
    at = [folder / name for name in ("circuit.r1cs", "circuit.zkey", "circuit.wtns")]
    made = [folder / name for name in ("circuit.vk.json", "circuit.proof.json", "public.json")]
    assert call("groth16", "setup", at[0], at[1], "--vkey", made[0]).code == 0
    assert call("groth16", "prove", at[1], at[2], made[1], made[2]).code == 0
    return world


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with everything that commands read."""
    folder = tmp_path_factory.mktemp("inputs")
    write_inputs(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZKMARGIN_CACHE", str(folder / "cache"))
        patch.setenv("ZKMARGIN_NEW_PASSPHRASE", NEW_PASSPHRASE)
        yield folder


def invoke(name: str, inputs: Path, out: Path, bad: Mapping[str, Path] | None = None) -> Called:
    """Run a command of COMMANDS, with other files in the place of some."""
    text = READS.sub(lambda m: str((bad or {}).get(m[1], inputs / m[1])), COMMANDS[name])
    return call(*name.split(), *WRITES.sub(lambda m: str(out / m[1]), text).split(), "--json")


def test_every_command_is_listed() -> None:
    assert set(leaves(cli)) == set(COMMANDS) | OUTSIDE


@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_calls_succeed(name: str, inputs: Path, tmp_path: Path) -> None:
    called = invoke(name, inputs, tmp_path)
    assert called.code == 0, called.out + called.err
    assert sorted(os.listdir(tmp_path)) == sorted(WRITES.findall(COMMANDS[name]))


def _bad_files(good: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """What may lie where a file is expected."""
    content = good.read_bytes()
    kinds = {
        "empty": b"",
        "zeros": bytes(100),
        "noise": bytes(range(256)) * 4,
        "half": content[: len(content) // 2],
        "byte order mark": b"\xef\xbb\xbf" + content,
        "two of them": content + content,
        "an empty object": b"{}",
        "a list": b'["a"]',
        "an odd type": b'{"type":[],"version":{},"protocol":1}',
        "deep": b"[" * 50_000,
        "deep and closed": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        "a huge integer": b'{"type":"zkmargin/policy","version":' + b"9" * 10_000 + b"}",
        "a shell script": b"#!/bin/sh\necho hello\n",
        "latin-1": "instrument,size\nB\xfccher,1\n".encode("latin-1"),
    }
    for kind, raw in kinds.items():
        path = folder / f"{kind.replace(' ', '-')}{good.suffix}"
        path.write_bytes(raw)
        yield kind, path
    yield "nothing", folder / "nothing-there"
    yield "a folder", folder


def _bad_folders(good: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """The same for a folder: each of the files in it that are read is bad in turn."""
    files = ("1.json",), ("key.json", "proving_key.zkey"), ("entries-000000000.json", "head.json")
    for name in next(names for names in files if (good / names[0]).exists()):
        for kind, path in list(_bad_files(good / name, folder)):
            broken = folder / f"keys-{name}-{path.name}"
            shutil.copytree(good, broken)
            (broken / name).unlink()
            if path.is_file():
                shutil.copy(path, broken / name)
            elif path.is_dir():
                (broken / name).mkdir()
            yield f"{name}: {kind}", broken
    yield "nothing", folder / "nothing-there"


def _is_harmless(name: str, read: str, kind: str) -> bool:
    """What is no fault: a byte order mark where the format allows it, a file that this command does not need."""
    if (read, kind) == ("pledges.db", "two of them"):  # SQLite reads as many pages as the first one says
        return True
    if kind == "byte order mark":
        return read.endswith(".yaml") or read == "export.csv"
    return (name, kind.partition(":")[0]) in {("policy new", "proving_key.zkey"), ("prove", "key.json")}


@pytest.mark.parametrize(("name", "read"), PLACES, ids=[f"{name}-{read}" for name, read in PLACES])
def test_bad_files(name: str, read: str, inputs: Path, tmp_path: Path) -> None:
    out, scratch = tmp_path / "out", tmp_path / "bad"
    out.mkdir()
    scratch.mkdir()
    bad = _bad_folders if read.endswith("/") else _bad_files
    for kind, path in bad(inputs / read.rstrip("/"), scratch):
        if _is_harmless(name, read, kind):
            continue
        called = invoke(name, inputs, out, {read: path})
        place = f"{name}, {read}: {kind}: {called.code} {called.out} {called.err}"
        assert "Traceback" not in called.out + called.err, place
        assert called.code in (1, 2), place
        if name == "rules check" and "rules" in called.json:  # it lists all mistakes of all its files
            assert called.json["rules"][0]["problems"], place
            continue
        error = called.json["error"]
        assert error["code"] != "E_INTERNAL", place
        assert called.code == CODES[error["code"]], place
        assert os.listdir(out) == [], place


def test_times_and_ratios_are_bounded(inputs: Path, tmp_path: Path) -> None:
    """Options are input too: none may hang, or be read as another value."""
    common = ["check", "--rules", inputs / "rules.yaml", "--market", inputs / "market.json"]
    for ratio in ("1e999999999", "nan", "inf", "1/0", "-1", "0.5", "", "\u0661", "9" * 10_000):
        called = call(*common, "--account", inputs / "account.csv", "--buffer", ratio, "--json")
        assert (called.code, called.json["error"]["code"]) == (2, "E_USAGE"), ratio
    for time in ("1e9", "-5", "9" * 30, "2026-02-30T00:00:00Z", "\u0661\u0662", "now"):
        called = call("verify", inputs / "proof.json", "--at", time, "--json")
        assert (called.code, called.json["error"]["code"]) == (2, "E_USAGE"), time
    assert os.listdir(tmp_path) == []


HOSTILE = ("", "-1", "1e999999999", "9" * 30, "9" * 5000, "\u0661", "a=b", "im_factor=" + "9" * 5000, "\x1b[31m")


def _options() -> Iterator[tuple[str, str]]:
    """Every option that takes text or a number."""
    for name in COMMANDS:
        command: click.Command = cli
        for word in name.split():
            assert isinstance(command, click.Group)
            inner = command.get_command(click.Context(command), word)
            assert inner is not None
            command = inner
        for parameter in command.params:
            texts = not isinstance(parameter.type, click.Path | click.Choice | click.types.BoolParamType)
            if isinstance(parameter, click.Option) and texts:
                yield name, parameter.opts[-1]


@pytest.mark.parametrize(("name", "option"), list(_options()), ids=lambda part: part.replace(" ", "-"))
def test_hostile_options(name: str, option: str, inputs: Path, tmp_path: Path) -> None:
    """Whatever an option says, the command ends in order: done, or refused with a code."""
    for index, value in enumerate(HOSTILE):
        out = tmp_path / str(index)
        out.mkdir()
        text = READS.sub(lambda m: str(inputs / m[1]), COMMANDS[name])
        words = WRITES.sub(lambda m, out=out: str(out / m[1]), text).split()  # type: ignore[misc]
        called = call(*name.split(), *words, f"{option}={value}", "--json")
        place = f"{name} {option}={value[:40]!r}: {called.code} {called.out[:500]} {called.err[:500]}"
        assert "Traceback" not in called.out + called.err, place
        if called.code == 0:
            assert "error" not in called.json, place
            continue
        error = called.json["error"]
        assert error["code"] != "E_INTERNAL", place
        assert called.code == CODES[error["code"]], place
        assert os.listdir(out) == [], place
