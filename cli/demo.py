"""``zkmargin demo``: the whole story on real market data, told by the commands themselves."""

from __future__ import annotations

import contextlib
import json
import secrets
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import click

from zkmargin.cli.files import make_folder
from zkmargin.cli.options import FOLDER, json_option
from zkmargin.cli.output import format_seconds, print_json, print_table
from zkmargin.cli.passphrase import FILE_VARIABLE, in_environment
from zkmargin.cli.stage import Stage
from zkmargin.encoding import write_atomic
from zkmargin.errors import EngineUnavailable, FileUnreadable, InputError

MORNING, EVENING = 1770284207, 1770326977  # 2026-02-05 09:36:47 and 21:29:37 UTC
CHAINS = {MORNING: "chain_btc_20260205T093647Z.csv", EVENING: "chain_btc_20260205T212937Z.csv"}
ACCOUNT = "account.csv"
RULES = "portfolio_scan"
DEPOSIT_STEP = 25_000  # nobody wires odd amounts
PARTIES = {"venue": "an options exchange", "publisher": "a risk publisher", "verifier": "a prime broker"}


@click.command()
@click.option("--data", type=FOLDER, help="Folder of the demo's figures (default: demo/ of the checkout).")
@click.option("--out", type=FOLDER, help="Keep all files here (default: a temporary folder, removed at the end).")
@json_option
def command(data: Path | None, out: Path | None, as_json: bool) -> None:
    """Prove, fail, deposit and prove again: a day of a private account on Deribit's real option chains.

    Each step is a command of zkmargin, shown with its time.
    """
    from zkmargin.backend import engine_name

    if engine_name() == "reference":
        raise EngineUnavailable(
            "the demo's circuit would take the reference engine hours",
            hint="install a Rust toolchain and reinstall zkmargin: the core proves it in a second",
        )
    found = _data(data)
    start = time.perf_counter()
    with _folder(out) as folder, _passphrase(folder):
        stage = Stage(folder, found, silent=as_json)
        Story(stage, found).tell()
    seconds = time.perf_counter() - start
    if as_json:
        print_json({"steps": stage.as_json(), "seconds": round(seconds, 3)})
        return
    rows = [[step.name, format_seconds(step.seconds)] for step in stage.steps]
    click.echo("")
    print_table(("step", "time"), [*rows, ["all", format_seconds(seconds)]], right=(1,))


def _data(given: Path | None) -> Path:
    """The folder of the figures: they lie in the checkout, outside wheel and sdist."""
    import zkmargin

    folder = given or Path(zkmargin.__file__).resolve().parents[2] / "demo"
    for name in (ACCOUNT, *CHAINS.values()):
        if not (folder / name).is_file():
            raise FileUnreadable(
                "the demo's figures are not here",
                where=str(folder / name),
                hint="they come with a checkout of the project; --data names the folder",
            )
    return folder


@contextlib.contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    if out is None:
        with tempfile.TemporaryDirectory(prefix="zkmargin-demo-") as temporary:
            yield Path(temporary)
        return
    make_folder(out, private=True)
    if any(out.iterdir()):
        raise InputError("the folder is not empty", where=str(out), hint="give --out a new folder")
    yield out


@contextlib.contextmanager
def _passphrase(folder: Path) -> Iterator[None]:
    """A passphrase for the story's keys, in a file beside them; afterwards the environment is as before."""
    path = folder / "passphrase"
    write_atomic(path, secrets.token_urlsafe(24) + "\n", private=True)
    with in_environment(FILE_VARIABLE, str(path)):
        yield


class Story:
    """A day in the life of an account. Amounts that it tells come from the commands."""

    def __init__(self, stage: Stage, data: Path) -> None:
        self.stage = stage
        self.data = data
        self.account = data / ACCOUNT

    def at(self, name: str) -> Path:
        """A file of the story."""
        return self.stage.folder / name

    def tell(self) -> None:
        """All scenes, in order."""
        self.parties()
        self.morning()
        self.evening()
        self.deposit()
        self.attacks()

    def parties(self) -> None:
        """Keys, circuit, policy."""
        stage = self.stage
        stage.heading("Before the day: who is who")
        stage.tell(
            "A trader holds options and futures at an exchange and borrows from a prime broker. The broker\n"
            "wants to know that the account meets its margin requirement; the trader will not show it."
        )
        stage.tell("Every key is sealed under a passphrase; here all parties have one, in the file `passphrase`.")
        stage.tell(click.style(f"$ export {FILE_VARIABLE}=passphrase", fg="cyan"))
        stage.run("domain", "policy", "domain", "--name", "demo", "--out", self.at("domain.json"))
        for party in PARTIES:
            stage.run(f"key of {PARTIES[party]}", "keys", "new", "signer", "--out", self.at(f"{party}.key"))
        made = stage.run("key of the trader", "keys", "new", "owner", "--out", self.at("trader.key"), "--json")
        self.owner = json.loads(made)["owner"]
        stage.tell("The margin rules become a circuit, and the circuit gets a key (alone, so for development only).")
        stage.run("compile", "rules", "compile", RULES, show=True)
        stage.run("setup", "setup", "dev", RULES, "--out", self.at("keys"))
        stage.tell("The broker says whom it trusts and what it accepts.")
        stage.run(
            "policy",
            *("policy", "new", "--name", "broker", "--domain", self.at("domain.json")),
            *("--verifier", self.at("verifier.key"), "--publisher", self.at("publisher.key")),
            *("--venue", f"exchange={self.at('venue.key')}", "--keys", self.at("keys"), "--insecure"),
            *(
                "--price-age",
                900,
                "--statement-age",
                900,
                "--proof-age",
                300,
                "--out",
                self.at("policy.json"),
            ),
        )

    def morning(self) -> None:
        """The account meets its requirement and proves it."""
        stage = self.stage
        stage.heading("09:36 UTC, 5 February 2026: bitcoin at 71,470 USD")
        self.snapshot("morning", MORNING)
        self.attest("morning", "morning", MORNING)
        stage.tell("The trader looks at the account in the open, on the trader's own machine:")
        self.check("morning", "morning", 0)
        stage.tell("It holds. The trader proves it; the proof hides instruments, sizes, cash and requirement.")
        self.prove("morning", "morning", MORNING + 10)
        stage.tell("The broker judges the proof, knowing rules, prices and signatures, and nothing of the account:")
        self.verify("morning", "morning", MORNING + 20)

    def evening(self) -> None:
        """After the fall the account falls short; nothing can be proven."""
        stage = self.stage
        stage.heading("21:29 UTC: bitcoin at 63,858 USD, down 10.7%")
        self.snapshot("evening", EVENING)
        self.attest("evening", "evening", EVENING)
        stage.tell("The same positions, other prices:")
        self.check("evening", "evening", 1)
        stage.tell("The prover refuses, and tells the trader alone what is missing:")
        self.prove("evening", "evening", EVENING + 10, expect=1)

    def deposit(self) -> None:
        """A deposit restores the account."""
        stage = self.stage
        found = self.check("evening", "evening", 1, quiet=True)
        missing = Fraction(json.loads(found)["smallestDeposit"])
        amount = -(-missing // DEPOSIT_STEP) * DEPOSIT_STEP
        stage.heading(f"21:35 UTC: the trader deposits {amount:,} USD")
        self.account = self.with_deposit(amount)
        self.attest("deposit", "evening", EVENING + 330)
        self.check("deposit", "evening", 0)
        self.prove("deposit", "evening", EVENING + 340)
        self.verify("deposit", "evening", EVENING + 350)
        stage.tell("A second verifier, plain Python that shares no arithmetic with the first, agrees:")
        self.verify("deposit", "evening", EVENING + 350, "--engine", "python")

    def attacks(self) -> None:
        """Old and altered proofs are refused."""
        stage = self.stage
        stage.heading("What does not pass")
        stage.tell("The morning's proof, shown again in the evening, is stale:")
        self.verify("morning", "evening", EVENING + 350, expect=1)
        stage.tell("The morning's 256 bytes inside the evening's envelope prove nothing:")
        envelope = json.loads(self.at("deposit.margin-proof.json").read_bytes())
        envelope["proof"] = json.loads(self.at("morning.margin-proof.json").read_bytes())["proof"]
        write_atomic(self.at("tampered.margin-proof.json"), json.dumps(envelope))
        self.verify("tampered", "evening", EVENING + 350, expect=1)

    # --- the commands ----------------------------------------------------------------------------

    def snapshot(self, name: str, time_: int) -> None:
        """The publisher builds and signs a snapshot."""
        self.stage.tell("The risk publisher revalues every option and future of Deribit's chain under 35 scenarios:")
        self.stage.run(
            f"market, {name}",
            *(
                "market",
                "build",
                self.data / CHAINS[time_],
                "--rules",
                RULES,
                "--domain",
                self.at("domain.json"),
            ),
            *(
                "--key",
                self.at("publisher.key"),
                "--at",
                _iso(time_),
                "--out",
                self.at(f"{name}.market.json"),
            ),
        )

    def attest(self, name: str, market: str, time_: int) -> None:
        """The exchange signs a commitment to the positions."""
        self.stage.tell("The exchange signs a commitment to the positions; what it hides goes to the trader alone.")
        self.stage.run(
            f"positions, {name}",
            *("attest", "positions", "--rules", RULES, "--market", self.at(f"{market}.market.json")),
            *("--account", self.account, "--policy", self.at("policy.json"), "--owner", self.owner),
            *(
                "--key",
                self.at("venue.key"),
                "--book",
                self.at("book"),
                "--customer",
                "trader",
                "--at",
                _iso(time_),
            ),
            *("--out", self.at(f"{name}.positions.json"), "--opening", self.at(f"{name}.opening.json")),
        )

    def check(self, name: str, market: str, expect: int, *, quiet: bool = False) -> str:
        """The trader computes the requirement."""
        return self.stage.run(
            f"check, {name}",
            *("check", "--rules", RULES, "--market", self.at(f"{market}.market.json")),
            *("--account", self.account, *(["--json"] if quiet else [])),
            expect=expect,
            show=not quiet,
        )

    def prove(self, name: str, market: str, time_: int, expect: int = 0) -> None:
        """The trader proves, or is refused."""
        self.stage.run(
            f"prove, {name}",
            *("prove", "--rules", RULES, "--market", self.at(f"{market}.market.json")),
            *(
                "--policy",
                self.at("policy.json"),
                "--keys",
                self.at("keys"),
                "--owner-key",
                self.at("trader.key"),
            ),
            *("--positions", self.at(f"{name}.positions.json"), "--opening", self.at(f"{name}.opening.json")),
            *("--at", _iso(time_), "--out", self.at(f"{name}.margin-proof.json")),
            expect=expect,
            show=True,
        )

    def verify(self, name: str, market: str, time_: int, *more: str, expect: int = 0) -> None:
        """The broker judges."""
        self.stage.run(
            f"verify, {name}" + (f" ({more[-1]})" if more else ""),
            *("verify", self.at(f"{name}.margin-proof.json"), "--policy", self.at("policy.json")),
            *("--rules", RULES, "--market", self.at(f"{market}.market.json")),
            *("--key", self.at("keys") / "verification_key.json", "--at", _iso(time_), *more),
            expect=expect,
            show=True,
            notes=name == "morning",
        )

    def with_deposit(self, amount: int) -> Path:
        """The account file with more cash."""
        from zkmargin.circuits.rules import load_rules
        from zkmargin.cli.inputs import load_market, read_account

        rules = load_rules(RULES)
        market = load_market(self.at("evening.market.json"), rules)
        account = read_account(self.account, rules, market)
        units = amount * 10**market.listing.cash_decimals
        path = self.at("account-after-deposit.csv")
        write_atomic(path, account.with_cash(account.cash + units).to_csv(market.listing), private=True)
        return path


def _iso(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
