"""Advice that a commitment and a later challenge fix: the linear functionals. Inputs that a commitment alone fixes.
                                                                              specs/determinism.md#challenge

Two things are read off the constraints. First, some constraint says ``sum challenge^(e_k) * L_k = known`` with
different powers. Second, public inputs that come before the challenge commit to the advice and to all that the
identity compares it with: they are hashes, and hashing is taken to be injective. So a second propagation starts
from those public inputs and from what the hashes absorb, without private inputs, the challenge and what comes
after it: what it does not reach, a prover could choose when the challenge is known, to make a wrong sum right.
Products of what it reaches with the challenge and later public inputs are reached too. Values committed
beforehand that are wrong satisfy the identity for at most ``max e_k`` of the p challenges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from zkmargin.circuits.constraints import ChallengedAdvice, InputWires
from zkmargin.circuits.determinism.propagation import Propagation, spreads_of
from zkmargin.circuits.determinism.relations import CONSTANT, Relations
from zkmargin.circuits.determinism.verdicts import Verdict
from zkmargin.circuits.linear import ONE_WIRE
from zkmargin.reference.poseidon_permutation import FULL_ROUNDS


def check_challenged(
    relations: Relations,
    propagation: Propagation,
    advice: ChallengedAdvice,
    publics: Mapping[str, InputWires],
) -> str | None:
    """Whether advice is fixed by its commitment and challenge, given what is known. The reason why not, or
    None.
    """
    (commitment,), (challenge,) = publics[advice.commitment].wires, publics[advice.challenge].wires
    if commitment >= challenge:
        return "the commitment comes after the challenge"
    unknown = frozenset(wire for wire in advice.wires if not propagation.known[wire])
    if not unknown:  # one functional: the identity is a linear equation with one unknown
        return None
    terms = find_identity(relations, propagation, unknown, challenge)
    if terms is None:
        return "no constraint compares all of it, by different powers of the challenge, with what is known"
    committed = committed_before(relations, publics, challenge)
    if not committed.all_known(unknown):
        return f"public input {advice.commitment} does not commit to all of it"
    later = {wire for inputs in publics.values() for wire in inputs.wires if wire >= challenge}
    if not all(_is_committed(relations, committed, unknown, later, wire) for wire in terms):
        return "it is compared with a value that nothing commits to before the challenge"
    return None


# --- the identity -----------------------------------------------------------------------------------------


def find_identity(
    relations: Relations, propagation: Propagation, unknown: frozenset[int], challenge: int
) -> set[int] | None:
    """The known wires of an identity ``sum challenge^(e_k) * L_k = known`` over all unknown L, or None."""
    products: dict[int, int] = {}
    for constraint, (a, b) in enumerate(zip(relations.a, relations.b, strict=True)):
        if challenge in (relations.unit[a], relations.unit[b]) and relations.linear(constraint) is None:
            wire = relations.unit[relations.c[constraint]]
            if wire > 0 and not propagation.known[wire]:
                products.setdefault(wire, constraint)
    candidates = (at for constraints in relations.touching(sorted(unknown)).values() for at in constraints)
    for constraint in dict.fromkeys(candidates):
        found = _expand(relations, propagation, unknown, challenge, products, constraint)
        if found is not None:
            return found
    return None


def _expand(
    relations: Relations,
    propagation: Propagation,
    unknown: frozenset[int],
    challenge: int,
    products: Mapping[int, int],
    identity: int,
) -> set[int] | None:
    """Follow one constraint through products with the challenge down to the unknown advice."""
    start = _by_power(relations, identity, challenge)
    if start is None:
        return None
    seen: set[int] = set()
    powers: set[int] = set()
    known_terms: set[int] = set()
    followed: set[int] = set()
    pending = list(start)
    while pending:
        wire, power = pending.pop()
        if propagation.known[wire]:
            known_terms.add(wire)
        elif wire in unknown:
            if wire in seen or power in powers:
                return None
            seen.add(wire)
            powers.add(power)
        else:
            product = products.get(wire, identity)
            if product == identity or wire in followed:
                return None
            followed.add(wire)
            inner = _by_power(relations, product, challenge) or ()
            pending += [(other, power + step) for other, step in inner if step]
    return known_terms if seen == unknown else None


def _by_power(relations: Relations, constraint: int, challenge: int) -> list[tuple[int, int]] | None:
    """The wires of a constraint, each with the power of the challenge that multiplies it, 0 or 1."""
    linear = relations.linear(constraint)
    if linear is not None:
        return [(wire, 0) for wire in linear]
    a, b, c = (rows[constraint] for rows in (relations.a, relations.b, relations.c))
    if relations.unit[a] == challenge:
        a, b = b, a
    if relations.unit[b] != challenge:
        return None
    return [(wire, 1) for wire in relations.wires_of(a)] + [(wire, 0) for wire in relations.wires_of(c)]


# --- the commitments --------------------------------------------------------------------------------------


def committed_before(relations: Relations, publics: Mapping[str, InputWires], challenge: int) -> Propagation:
    """What the public inputs before the challenge determine, private inputs and advice being unknown."""
    wires = (wire for inputs in publics.values() for wire in inputs.wires)
    return committed_by(relations, [wire for wire in wires if wire < challenge])


def committed_by(relations: Relations, publics: list[int]) -> Propagation:
    """What these public inputs determine if hashing is injective: private inputs and advice are unknown."""
    given = {ONE_WIRE: Verdict.ONE, **dict.fromkeys(publics, Verdict.PUBLIC)}
    return Propagation(relations, given, spreads_of(relations), list(_absorbed(relations, publics)))


def _is_committed(
    relations: Relations, committed: Propagation, advice: frozenset[int], later: set[int], wire: int
) -> bool:
    """Whether a wire is committed, a later public input, or a product of one with the other; of advice it is
    not, because the product may be the identity itself.
    """

    def reached(row: int) -> bool:
        wires = relations.wires_of(row)
        return all((committed.known[inner] and inner not in advice) or inner in later for inner in wires)

    if committed.known[wire] or wire in later:
        return True
    product = relations.definitions.get(wire)
    return product is not None and reached(relations.a[product]) and reached(relations.b[product])


def _absorbed(relations: Relations, publics: list[int]) -> Iterator[Mapping[int, int]]:
    """The linear forms that enter the hashes which public inputs are equal to.

    From ``public = sum of S-box outputs`` back through the S-boxes: ``x = s + f``, s over S-box outputs and f
    over other wires. f is absorbed where the row has no S-box output, as in a hash's first round.
    """
    inputs: dict[int, int | None] = {}

    def sbox(wire: int) -> int | None:
        if wire not in inputs:
            inputs[wire] = sbox_input(relations, wire)
        return inputs[wire]

    visited: set[int] = set()
    rows: list[int] = []  # of the S-boxes at one distance from the public inputs

    def follow(boxes: Iterable[int]) -> None:
        for wire in boxes:
            row = sbox(wire)
            if row is not None and wire not in visited:
                visited.add(wire)
                rows.append(row)

    for wire, constraints in relations.touching(publics).items():
        for constraint in constraints:
            terms = relations.linear(constraint)
            if terms is None or wire not in terms:
                continue
            others = terms.keys() - {wire, ONE_WIRE}
            if all(sbox(other) is not None for other in others):
                follow(others)
    distance = 0
    while rows:
        distance += 1
        layer = rows[:]
        rows.clear()
        for row in layer:
            terms = relations.terms(row)
            boxes = [wire for wire in terms if wire and sbox(wire) is not None]
            if boxes:
                follow(boxes)
            elif distance >= FULL_ROUNDS:
                yield terms


def sbox_input(relations: Relations, fifth: int) -> int | None:
    """The row x where constraints say ``fifth = x x4``, ``x4 = x2 x2``, ``x2 = x x``; else None.

    x -> x^5 is a permutation of a field with 5 not dividing p - 1, and the non-linear part of Poseidon.
    """
    unit, definitions = relations.unit, relations.definitions
    last = definitions.get(fifth)
    if last is None or relations.modulus % 5 == 1:
        return None
    for x, right in ((relations.a[last], relations.b[last]), (relations.b[last], relations.a[last])):
        fourth = unit[right]
        middle = definitions.get(fourth)
        second = unit[relations.a[middle]] if middle is not None else CONSTANT
        first = definitions.get(second)
        if middle is None or first is None or unit[relations.b[middle]] != second:
            continue
        content = relations.content(x)
        squares = all(relations.content(rows[first]) == content for rows in (relations.a, relations.b))
        if squares and len({second, fourth, fifth} | set(content[0])) == 3 + len(content[0]):
            return x
    return None
