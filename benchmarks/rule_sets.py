"""Every rule set in one table: its size, and what compiling, set-up, a proof and its verification take.

    python benchmarks/rule_sets.py [--json] [--rules NAME ...] [--repeat N] [--sizes]

Markets and accounts are those of the tests (tests/rulesets): a realistic account at the boundary of its requirement,
with a seventh more. Everything is measured in this process, with everything that can be loaded before loaded; of
proofs and verifications the fastest of N counts, compiling and set-up are done once, from nothing. ``--sizes`` proves
nothing. A rule set without such a market is listed by its size alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from measure import Stopwatch
from peers import HERE
from prove import machine

if TYPE_CHECKING:
    from zkmargin.circuits.compile import CompiledCircuit
    from zkmargin.prover.prove import Prover

TESTS = HERE.parent / "tests"


@dataclass(frozen=True)
class Figures:
    """One rule set. Seconds; None where it was not measured."""

    rules: str
    constraints: int
    public_inputs: int
    private_inputs: int
    compile: float
    setup: float | None = None
    prove: float | None = None
    verify: float | None = None
    key_bytes: int | None = None


def main() -> int:
    """Parse options, measure, print."""
    from zkmargin.circuits.rules import list_rules

    parser = argparse.ArgumentParser(description="Size and times of every rule set.")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--rules", nargs="+", default=list_rules(), choices=list_rules(), metavar="NAME")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="measured proofs of each")
    parser.add_argument("--sizes", action="store_true", help="compile only")
    options = parser.parse_args()
    found = []
    for name in options.rules:
        if sys.stderr.isatty():
            print(f"{name} ...", file=sys.stderr)
        found.append(measure(name, max(1, options.repeat), options.sizes))
    if options.json:
        print(json.dumps({"machine": machine(), "rules": [asdict(figures) for figures in found]}, indent=2))
    else:
        show(found)
    return 0


def measure(name: str, repeat: int, sizes: bool) -> Figures:
    """The figures of one rule set."""
    from zkmargin.circuits.compile import compile_rules
    from zkmargin.circuits.rules import load_rules

    rules = load_rules(name)
    with Stopwatch() as compiling:
        circuit = compile_rules(rules, cache=False)
    stats = circuit.stats
    size = Figures(name, stats.constraints, stats.public_inputs, stats.private_inputs, compiling.wall)
    return size if sizes else timed(size, circuit, repeat)


def timed(size: Figures, circuit: CompiledCircuit, repeat: int) -> Figures:
    """With set-up, proof and verification, if the tests have a market of the rule set."""
    for folder in (TESTS, TESTS / "rulesets"):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    from rule_parties import Parties
    from rule_world import all_worlds

    world = all_worlds().get(size.rules)
    if world is None:
        return size
    random = Random(size.rules)
    kind = "initial" if "initial" in circuit.rules.requirements else "maintenance"
    tables = world.market(random)
    account = world.account(random, tables)
    while (least := world.boundary(tables, account, kind, 1, 1)) is None:
        account = world.account(random, tables)
    with tempfile.TemporaryDirectory(prefix="zkmargin-bench-") as temporary:
        parties = Parties(circuit.rules, circuit, kind, Path(temporary))
        with Stopwatch() as setup:
            prover = parties.prover
        recorder = Recorder(prover)
        vars(parties)["prover"] = recorder
        envelope = parties.prove(tables, world.with_lever(account, least + abs(least) // (7 if world.tight else 2)))
        document = parties.snapshot(tables)
        vars(parties)["snapshot"] = lambda _: document  # signed once, outside what is measured
        proving = fastest(recorder.again, repeat)
        verifying = fastest(lambda: parties.verify(envelope, tables), repeat)
        key = sum(path.stat().st_size for path in Path(temporary).iterdir())
    return Figures(**{**asdict(size), "setup": setup.wall, "prove": proving, "verify": verifying, "key_bytes": key})


class Recorder:
    """A prover that remembers what it was asked, to be asked again."""

    def __init__(self, prover: Prover) -> None:
        self.prover = prover
        self.again: Callable[[], object] = lambda: None

    def prove(self, *asked: Any, **named: Any) -> Any:
        """As the prover does."""
        self.again = lambda: self.prover.prove(*asked, **named)
        return self.again()


def fastest(run: Callable[[], object], repeat: int) -> float:
    """Seconds of the fastest of several runs."""

    def walls() -> Iterator[float]:
        for _ in range(repeat):
            with Stopwatch() as clock:
                run()
            yield clock.wall

    return min(walls())


def show(found: list[Figures]) -> None:
    """The figures as a table."""
    from rich.console import Console
    from rich.table import Table

    host = machine()
    table = Table(
        title=f"rule sets, on {host['cpu']}, {host['cores']} cores, load {host['load']}", title_justify="left"
    )
    table.add_column("rule set")
    for heading in ("constraints", "public", "compile s", "set-up s", "prove s", "verify ms", "keys MiB"):
        table.add_column(heading, justify="right")
    for one in found:
        cells = [f"{one.constraints:,}", f"{one.public_inputs:,}", f"{one.compile:.1f}", _text(one.setup, 1, "{:.1f}")]
        cells += [
            _text(one.prove, 1, "{:.2f}"),
            _text(one.verify, 1e3, "{:.0f}"),
            _text(one.key_bytes, 2**-20, "{:.0f}"),
        ]
        table.add_row(one.rules, *cells)
    Console(width=None if sys.stdout.isatty() else 110).print(table)
    if any(one.prove is None for one in found):
        print("Without times: no market of the tests, or --sizes.")


def _text(value: float | None, factor: float, form: str) -> str:
    return "" if value is None else form.format(value * factor)


if __name__ == "__main__":
    sys.exit(main())
