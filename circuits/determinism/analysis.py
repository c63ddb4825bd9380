"""The analysis: relations, propagation, bounds and challenges to their fixed point, and the error if any is left.
specs/determinism.md
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from zkmargin.circuits.constraints import Bracket, ConstraintSystem
from zkmargin.circuits.determinism.brackets import Brackets
from zkmargin.circuits.determinism.challenge import check_challenged, committed_by
from zkmargin.circuits.determinism.choices import Choices
from zkmargin.circuits.determinism.propagation import Propagation
from zkmargin.circuits.determinism.relations import Relations
from zkmargin.circuits.determinism.report import Determinism
from zkmargin.circuits.determinism.verdicts import Verdict
from zkmargin.circuits.linear import ONE_WIRE
from zkmargin.circuits.names import CircuitMap, without_indices
from zkmargin.errors import NotDetermined

_SHOWN = 4
"""How many wires and constraints an error names."""

_MADE = {Verdict.UNDETERMINED, Verdict.PRODUCT, Verdict.ZERO_TEST}
"""Bits without a constraint of their own: products of bits, tests for zero (and what is refused for being open)."""


@dataclass(frozen=True)
class Classification:
    """The analysis of a circuit, whatever it found."""

    relations: Relations
    verdicts: Sequence[int]
    """A ``Verdict`` per wire."""
    problems: Mapping[str, str]
    """Declarations that the constraints do not bear out: path and what is missing."""
    unread: Sequence[int]
    """Inputs that no constraint reads, though none of them was declared to be unread."""

    @property
    def undetermined(self) -> list[int]:
        return [wire for wire, verdict in enumerate(self.verdicts) if verdict == Verdict.UNDETERMINED]

    @property
    def holds(self) -> bool:
        """Whether every wire is classified, every declaration verified and every input read."""
        return not (self.undetermined or self.problems or self.unread)


def classify(cs: ConstraintSystem, without: Collection[int] = (), *, trust_challenged: bool = False) -> Classification:
    """Say of every wire what fixes it, as if the constraints ``without`` were not there (for tests).

    ``trust_challenged``: take challenged advice as fixed, whatever the constraints say (to see what else is open).
    Raises CircuitError for a circuit that is no circuit: a composite modulus, wires that do not exist.
    """
    relations = Relations(cs, without)
    given = {ONE_WIRE: Verdict.ONE}
    for inputs, verdict in ((cs.publics, Verdict.PUBLIC), (cs.privates, Verdict.PRIVATE)):
        names = inputs.keys() - cs.outputs
        given |= {wire: verdict for name, wires in inputs.items() if name in names for wire in wires.wires}
    opened, uncommitted = _committed(relations, cs)
    given |= opened
    propagation = Propagation(relations, given)
    choices, brackets = Choices(relations, cs.bounds), Brackets(relations, cs.brackets)
    pending, problems = list(cs.challenged), dict[int, str]()
    while True:
        advanced = choices.advance(propagation)
        propagation.run()
        advanced |= brackets.advance(propagation)
        propagation.run()
        if advanced:
            continue
        for advice in list(pending):
            reason = None if trust_challenged else check_challenged(relations, propagation, advice, cs.publics)
            if reason is not None:
                problems[advice.first_wire] = reason
                continue
            pending.remove(advice)
            problems.pop(advice.first_wire, None)
            for wire in advice.wires:
                if not propagation.known[wire]:
                    propagation.give(wire, Verdict.CHALLENGE)
                    advanced = True
        propagation.run()
        if not advanced:
            break
    occurring = relations.occurring()
    unread = [wire for wire in given if wire != ONE_WIRE and not occurring[wire] and wire not in cs.unread_wires]
    unfixed = {advice.path: problems[advice.first_wire] for advice in pending}
    unfixed |= uncommitted
    loose = {
        path: f"takes wire {wire} for a bit, and no constraint makes it 0 or 1"
        for wire, path in cs.relied_bits.items()
        if not relations.boolean[wire] and propagation.known[wire] not in _MADE
    }
    return Classification(
        relations, bytes(propagation.known), {**choices.problems, **brackets.problems, **unfixed, **loose}, unread
    )


def _committed(relations: Relations, cs: ConstraintSystem) -> tuple[dict[int, Verdict], dict[str, str]]:
    """The private inputs that public inputs are seen to commit to, and those of which it is only said."""
    opened: dict[int, Verdict] = {}
    problems: dict[str, str] = {}
    for commitment in dict.fromkeys(cs.committed.values()):
        reached = committed_by(relations, list(cs.publics[commitment].wires)).known
        for name in (name for name, under in cs.committed.items() if under == commitment):
            wires = cs.privates[name].wires
            opened |= {wire: Verdict.COMMITTED for wire in wires if reached[wire]}
            if free := sum(not reached[wire] for wire in wires):
                problems[name] = f"{free} of its {len(wires)} values are not fixed by {commitment}"
    return opened, problems


def check_determinism(
    cs: ConstraintSystem, lines: Mapping[str, int] | None = None, without: Collection[int] = ()
) -> Determinism:
    """The report of a circuit in which nothing is left open.

    ``lines``: per name of a definition the line of the rule file that holds it.
    Raises NotDetermined, which names the first wires that are open, what reads them and the rule's line.
    """
    found = classify(cs, without)
    if not found.holds:
        raise _error(cs, found, lines or {}, without)
    counts = Counter(Verdict(verdict) for verdict in found.verdicts)
    bounds: Counter[str] = Counter()
    for bound in cs.bounds:
        chosen = found.verdicts[bound.first_wire : bound.first_wire + bound.count]
        bounds[f"{without_indices(bound.path)}: {bound.inequality}"] += sum(v >= Verdict.BOUND for v in chosen)
    return Determinism(
        cs.n_wires,
        {verdict.name.lower(): counts[verdict] for verdict in Verdict if counts[verdict]},
        dict(bounds),
        dict(Counter(map(_described, cs.brackets))),
        dict(cs.unread),
    )


def _described(bracket: Bracket) -> str:
    assumption = f" ({bracket.assumption})" if bracket.assumption else ""
    return f"{without_indices(bracket.path)}: {bracket.inequality}{assumption}"


def _error(
    cs: ConstraintSystem, found: Classification, lines: Mapping[str, int], without: Collection[int]
) -> NotDetermined:
    names = CircuitMap.of(cs)
    # Wires come in the order of the computation, so the first is the cause. But outputs come first of all, and are
    # open because something else is; and where commitments fail, for a digit missing somewhere, all else does too.
    late = {wire for name in cs.outputs for wire in cs.publics[name].wires}
    causes = classify(cs, without, trust_challenged=True).undetermined if found.undetermined else found.unread
    open_wires = sorted(causes or found.undetermined, key=lambda wire: (wire in late, wire))
    touching = found.relations.touching(open_wires[:_SHOWN])
    paths: list[str] = []
    described = []
    for wire in open_wires[:_SHOWN]:
        readers = [names.path_of(found.relations.numbers[constraint]) for constraint in touching[wire]]
        read_by = ", ".join(dict.fromkeys(readers[:_SHOWN])) or "no constraint"
        described.append(f"wire {wire} ({_name(cs, names, wire, readers)}) read by {read_by}")
        paths += [_name(cs, names, wire, readers), *readers]
    reasons = [f"{path}: {reason}" for path, reason in found.problems.items()][:_SHOWN]
    if found.undetermined:
        message = f"{len(found.undetermined):,} wires are not fixed by the inputs"
    elif found.unread:
        message = f"{len(found.unread):,} inputs occur in no constraint"
    else:
        message = f"{len(found.problems):,} declared bounds, brackets or bits are not in the constraints"
    line = next(filter(None, (_line(path, lines) for path in [*paths, *found.problems])), None)
    return NotDetermined(
        "; ".join([message, *described, *reasons]), where="" if line is None else f"rule file, line {line}"
    )


def _name(cs: ConstraintSystem, names: CircuitMap, wire: int, readers: Sequence[str]) -> str:
    """An input's name, the path of the advice or of the constraint that writes a wire."""
    for name, inputs in names.inputs.items():
        if wire in inputs.wires:
            return name if inputs.count == 1 else f"{name}[{wire - inputs.first}]"
    for hint in names.hints:
        if hint.first_wire <= wire < hint.first_wire + hint.count:
            return hint.path if hint.count == 1 else f"{hint.path}[{wire - hint.first_wire}]"
    for constraint, row in enumerate(cs.c):
        if cs.table.combination(row).single_wire == wire:
            return names.path_of(constraint)
    return readers[0] if readers else "unnamed"


def _line(path: str, lines: Mapping[str, int]) -> int | None:
    """The line of the rule that a path stands for: by the name of a definition, or written in the path."""
    for step in path.split("/"):
        name, _, number = step.split("[")[0].partition(":")
        if number.isdigit():
            return int(number)
        if path.startswith("rules/") and name in lines:
            return lines[name]
    return None
