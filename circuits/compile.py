"""From a rule set to its circuit: the ``.r1cs``, the witness program, and what names their parts.

One rule text gives one R1CS, byte for byte, on every machine; its SHA-256 names the circuit. Compiled
circuits are kept in a cache, by the digest of the rules and of the compiler itself.
specs/circuits.md#compile
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property

from zkmargin.circuits import cache as circuit_cache
from zkmargin.circuits.determinism.report import Determinism
from zkmargin.circuits.names import CircuitMap, without_indices
from zkmargin.circuits.plan import Plan
from zkmargin.circuits.reach import Reach, Slacks
from zkmargin.circuits.rules.tree import RuleSet
from zkmargin.encoding import sha256


@dataclass(frozen=True)
class Stats:
    """The size of a circuit. ``terms`` are the non-zero coefficients of A, B and C together."""

    constraints: int
    public_inputs: int
    private_inputs: int
    wires: int
    terms: int


_SIZES = frozenset(size.name for size in fields(Stats))


@dataclass(frozen=True)
class CompiledCircuit:
    """A circuit ready for setup, proving and inspection. Its files are read when they are first used."""

    rules: RuleSet = field(repr=False)
    r1cs_digest: bytes
    stats: Stats
    _read: Callable[[str], bytes] = field(repr=False, compare=False)

    @cached_property
    def plan(self) -> Plan:
        """The public side: order and meaning of the public inputs."""
        return Plan(self.rules)

    @cached_property
    def r1cs(self) -> bytes:
        """The ``.r1cs`` file."""
        return self._read("r1cs")

    @cached_property
    def program(self) -> bytes:
        """The witness program."""
        return self._read("program")

    @cached_property
    def names(self) -> CircuitMap:
        """Inputs, constraint paths, hints and one-sided bounds."""
        return CircuitMap.of_bytes(self._read("names"))

    @cached_property
    def determinism(self) -> Determinism:
        """What fixes each wire: a circuit that leaves one open is never compiled."""
        return Determinism.of_bytes(self._read("determinism"))

    @cached_property
    def reach(self) -> Reach:
        """The largest amounts that slack checks can show."""
        return Reach.of_bytes(self._read("reach"))


def compile_rules(rules: RuleSet, *, cache: bool = True) -> CompiledCircuit:
    """The circuit of a rule set, from the cache if it is there.

    Raises CircuitError, of it NotDetermined, and RuleProblems where the slack of a bound has too few bits for real
    amounts.

    A cache that cannot be read or written is as good as none; one that was altered is noticed by its digests.
    """
    found = circuit_cache.load(rules, _SIZES) if cache else None
    if found is not None:
        return CompiledCircuit(rules, found.digests["r1cs"], Stats(**found.stats), found.read)
    # Late: who finds the circuit in the cache, as provers do, need not load what builds it.
    from zkmargin.circuits.determinism.analysis import check_determinism
    from zkmargin.circuits.margin import build_statement
    from zkmargin.circuits.r1cs import count_terms, to_r1cs

    slacks = Slacks(rules)
    cs = build_statement(Plan(rules), slacks)
    reach = slacks.reach()
    determinism = check_determinism(cs, {name: node.span.line for name, node in rules.definitions.items()})
    files = {
        "r1cs": to_r1cs(cs),
        "program": cs.program.to_bytes(cs.n_wires),
        "names": CircuitMap.of(cs).to_bytes(),
        "determinism": determinism.to_bytes(),
        "reach": reach.to_bytes(),
    }
    stats = Stats(cs.n_constraints, cs.n_public, cs.n_private, cs.n_wires, count_terms(cs))
    if cache:
        circuit_cache.store(rules, files, asdict(stats))
    return CompiledCircuit(rules, sha256(files["r1cs"]), stats, files.__getitem__)


def show_plan(compiled: CompiledCircuit) -> str:
    """Public inputs, bases, functionals and direct inputs, for ``--show plan``."""
    return compiled.plan.to_text()


def show_lower(compiled: CompiledCircuit) -> str:
    """One-sided bounds and hints by their kind and place, for ``--show lower``."""
    bounds: dict[str, int] = {}
    for bound in compiled.names.bounds:
        group = f"{without_indices(bound.path)}: {bound.inequality}"
        bounds[group] = bounds.get(group, 0) + bound.count
    hints: dict[str, int] = {}
    for hint in compiled.names.hints:
        group = f"{without_indices(hint.path)}: {hint.name}"
        hints[group] = hints.get(group, 0) + hint.count
    lines = ["wires by one-sided bound:", *(f"{count:>9,}  {group}" for group, count in bounds.items()), ""]
    lines += ["wires by hint:", *(f"{count:>9,}  {group}" for group, count in hints.items())]
    return "\n".join(lines)


def show_determinism(compiled: CompiledCircuit) -> str:
    """Wires by what fixes them, for ``--show determinism``."""
    return compiled.determinism.to_text()


def show_r1cs(compiled: CompiledCircuit) -> str:
    """Sizes, and constraints by the first two steps of their paths, for ``--show r1cs``."""
    totals: dict[str, int] = {}
    for path, count in compiled.names.paths:
        group = "/".join(without_indices(path).split("/")[:2])
        totals[group] = totals.get(group, 0) + count
    lines = [f"{name:16} {value:>9,}" for name, value in asdict(compiled.stats).items()]
    lines += [f"{'r1cs digest':16} {compiled.r1cs_digest.hex()}", "", "constraints by path:"]
    lines += [f"{count:>9,}  {group}" for group, count in sorted(totals.items(), key=lambda item: -item[1])]
    return "\n".join(lines)
