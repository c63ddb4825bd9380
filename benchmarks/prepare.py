"""Makes what the provers are measured on: circuits, accounts, witnesses and keys, kept between runs."""

from __future__ import annotations

import contextlib
import io
import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from peers import HERE, Case, PeerError
from synthetic import write_synthetic

if TYPE_CHECKING:
    from zkmargin.attestations.owner import OwnerKeys
    from zkmargin.attestations.positions import PositionOpening
    from zkmargin.backend import WitnessHandle
    from zkmargin.prover.prove import Prover, Request

DEMO = HERE.parent / "demo"
CHAIN, ACCOUNT = DEMO / "chain_btc_20260205T093647Z.csv", DEMO / "account.csv"
PRICE_TIME, PROOF_TIME = "1770284207", 1770284217
PASSPHRASE = "of keys that only benchmarks use"


def passphrase() -> AbstractContextManager[None]:
    """That of the benchmarks' keys, for commands in this process and for those it starts."""
    from zkmargin.cli.passphrase import VARIABLE, in_environment

    return in_environment(VARIABLE, PASSPHRASE)


def command(*arguments: object) -> str:
    """Run a command of zkmargin in this process; return what it printed."""
    from zkmargin.cli.main import run

    printed = io.StringIO()
    with passphrase(), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = run([str(argument) for argument in arguments])
    if code:
        raise PeerError(f"zkmargin {arguments[0]} ended with exit code {code}: {printed.getvalue().strip()}")
    return printed.getvalue()


def _setup(r1cs: Path, zkey: Path) -> None:
    """A development key for ``r1cs``, unless a current one is there."""
    from zkmargin.backend import engine

    if zkey.exists() and zkey.stat().st_mtime >= r1cs.stat().st_mtime:
        return
    unfinished = zkey.with_suffix(".part")
    unfinished.write_bytes(engine().groth16_setup(r1cs.read_bytes(), os.urandom(256)))
    unfinished.replace(zkey)


def synthetic_case(work: Path, constraints: int) -> Case:
    """A circuit of the right size and shape, without any rule set."""
    folder = work / f"synthetic-{constraints}"
    folder.mkdir(exist_ok=True)
    r1cs, wtns = folder / "synthetic.r1cs", folder / "synthetic.wtns"
    if not (r1cs.exists() and wtns.exists()):
        r1cs, wtns = write_synthetic(folder, constraints)
    zkey = folder / "synthetic.zkey"
    _setup(r1cs, zkey)
    return Case(f"synthetic-{constraints}", r1cs, wtns, zkey)


def rules_case(work: Path, rules: str) -> Case:
    """The demo's account on the morning's chain, under a rule set: all documents, keys and one witness.

    Kept in a folder that is named by the circuit, so that another circuit is prepared anew.
    """
    from zkmargin.circuits.compile import compile_rules
    from zkmargin.circuits.rules import load_rules

    compiled = compile_rules(load_rules(rules))
    folder = work / f"{rules}-{compiled.r1cs_digest.hex()[:16]}"
    case = Case(rules, folder / "circuit.r1cs", folder / "account.wtns", folder / "proving_key.zkey", folder)
    if not case.wtns.exists():
        folder.mkdir(exist_ok=True)
        _documents(folder, rules)
        command("rules", "compile", rules, "--out", folder)
        from zkmargin.formats import write_wtns

        # Last, and whole: its presence says that everything before is there.
        unfinished = folder / "account.part"
        unfinished.write_bytes(write_wtns(Workbench(folder, rules).witness().to_bytes()))
        unfinished.replace(case.wtns)
    return case


def _documents(folder: Path, rules: str) -> None:
    import json

    domain, policy, market = folder / "domain.json", folder / "policy.json", folder / "market.json"
    again = "--force"
    command("policy", "domain", "--name", "benchmarks", "--out", domain, again)
    for party in ("venue", "publisher", "verifier"):
        command("keys", "new", "signer", "--out", folder / f"{party}.key", again)
    owner = json.loads(command("keys", "new", "owner", "--out", folder / "owner.key", again, "--json"))["owner"]
    command("setup", "dev", rules, "--out", folder, again)
    command(
        *("policy", "new", "--name", "benchmarks", "--domain", domain, "--verifier", folder / "verifier.key"),
        *("--publisher", folder / "publisher.key", "--venue", f"venue={folder / 'venue.key'}"),
        *("--keys", folder, "--insecure", "--out", policy, again),
    )
    command(
        *("market", "build", CHAIN, "--rules", rules, "--domain", domain, "--at", PRICE_TIME),
        *("--key", folder / "publisher.key", "--out", market, again),
    )
    command(
        *("attest", "positions", "--rules", rules, "--market", market, "--account", ACCOUNT),
        *("--policy", policy, "--owner", owner, "--key", folder / "venue.key", "--at", PRICE_TIME),
        *("--out", folder / "positions.json", "--opening", folder / "opening.json", again),
    )


def prove_arguments(case: Case, out: Path) -> list[str]:
    """The command that proves a prepared account."""
    folder = case.account
    if folder is None:
        raise PeerError(f"{case.name} has no account")
    return [
        *("prove", "--rules", case.name, "--market", str(folder / "market.json")),
        *("--policy", str(folder / "policy.json"), "--keys", str(folder)),
        *("--owner-key", str(folder / "owner.key"), "--positions", str(folder / "positions.json")),
        *("--opening", str(folder / "opening.json"), "--at", str(PROOF_TIME), "--out", str(out), "--force"),
    ]


@dataclass
class Workbench:
    """A prepared account, ready to be proven again and again: circuit, key and documents are loaded once."""

    folder: Path
    rules: str

    def __post_init__(self) -> None:
        from zkmargin.attestations.keyfiles import OwnerKeyFile
        from zkmargin.attestations.market import MarketSnapshotDocument
        from zkmargin.attestations.positions import PositionOpening, PositionStatementDocument
        from zkmargin.backend import engine
        from zkmargin.circuits.rules import load_rules
        from zkmargin.prover.account import private_columns
        from zkmargin.prover.prove import Prover, Request
        from zkmargin.prover.setup import PROVING_KEY_FILE
        from zkmargin.prover.witness import GivenInputs, PrivateInputs, WitnessMaker
        from zkmargin.verifier.policy import Policy

        def read(name: str) -> bytes:
            return (self.folder / name).read_bytes()

        self.prover: Prover = Prover(load_rules(self.rules), self.folder)
        self.opening: PositionOpening = PositionOpening.parse(read("opening.json"))
        self.owner: OwnerKeys = OwnerKeyFile.parse(read("owner.key")).unlock(PASSPHRASE)
        self.request: Request = Request(
            policy=Policy.parse(read("policy.json")),
            market=MarketSnapshotDocument.parse(read("market.json")),
            statements=(PositionStatementDocument.parse(read("positions.json")),),
            at=PROOF_TIME,
        )
        tables = self.request.market.market.tables
        public = self.prover.prove(self.request, self.opening, self.owner).public_inputs
        given = GivenInputs(public.context, public.claim, public.scope)
        compiled, arithmetic = self.prover.compiled, engine()
        maker = WitnessMaker(compiled, arithmetic)
        bound = compiled.plan.bind(tables)
        columns = private_columns(compiled.rules, (self.opening,))
        key = arithmetic.ProvingKey(str(self.folder / PROVING_KEY_FILE))

        def make() -> WitnessHandle:
            private = PrivateInputs((self.opening,), columns, self.owner)
            return maker.make(given, private, bound, self.prover.vk_hash, tables.digest)[0]

        self.witness = make
        self.key = key

    def prove(self) -> None:
        """All that ``zkmargin prove`` does once everything is loaded."""
        self.prover.prove(self.request, self.opening, self.owner)
