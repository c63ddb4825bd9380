"""Every constraint of the whole statement carries weight: without it, a prover shows something false.

For each constraint of a small instance an attack is built whose wires satisfy *all other* constraints while the
statement is false of its inputs, as a judge in plain Python finds (``tiny.Tiny.broken``): the commitment does not open
to this account, the nullifier is another, C does not commit to the account's functionals, a range or the claim's form
is broken, or the account does not meet its margin. Attacks keep to what a verifier accepts: gamma, t and direct
inputs are always the verifier's own.

The attacks, by what a constraint does:

- It defines a product (every S-box, every ``select``): the product is free then. Some other value goes there and
  everything after it follows.
- It makes a digit a bit: the digit is free, and takes up whatever the others leave of a value out of range, or of a
  wrong sign.
- It recomposes digits: any digits go with any value.
- It ties an output, or the identity at gamma: the output, or a functional, is chosen.
- It multiplies for the identity at gamma: a functional is wrong, and the free product balances the identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from replay import Forged, Forger, Lies, Resumer
from tiny import CLAIM, COMMITTED, TINY, Case, TinyCommitted, accounts

from zkmargin.circuits.program import HintPlacement
from zkmargin.field import FR_MODULUS as R

REDUNDANT: frozenset[str] = frozenset()
"""Paths of constraints without which nothing false can be shown: none."""
LIMIT = 3000
HASHES = ("owner/ak/", "owner/identity/", "nullifier/", "positions/sizes/", "positions/commitment/", "C/")
HASHES += ("tables/commitment/",)
ALL = {**TINY, **COMMITTED}
Attempt = tuple[Case, Lies]


@cache
def forger(name: str) -> Forger:
    return Forger(ALL[name])


@cache
def cases(name: str) -> list[Case]:
    return accounts(ALL[name])


@cache
def short(name: str) -> list[Case]:
    """Accounts that miss their claim."""
    return [case for case in cases(name) if "the claim holds" in forger(name).forge(case).broken]


@cache
def resumer(name: str) -> Resumer:
    """An honest account that meets its claim."""
    return Resumer(forger(name), next(case for case in cases(name)[3:] if not forger(name).forge(case).broken))


def _half(value: int) -> int:
    return value * pow(2, -1, R) % R


class Attacker:
    """Attempts against one constraint, most promising first."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.forger = forger(name)
        self.cs = self.forger.system
        self.digits: dict[int, HintPlacement] = {}
        self.groups: dict[str, HintPlacement] = {}
        for hint in self.forger.names.hints:
            if hint.name == "bits":
                self.groups[hint.path.removesuffix("/digits")] = hint
                self.digits.update(dict.fromkeys(range(hint.first_wire, hint.first_wire + hint.count), hint))
        self._stages: dict[str, list[Attempt]] = {}
        self._trying: tuple[str, int] | None = None
        self.functionals = next((h for h in self.forger.names.hints if h.name == "functionals"), None)

    def attempts(self, constraint: int) -> Iterator[Attempt]:
        path, group = self.forger.names.path_of(constraint), ""
        defined = self.cs.table.combination(self.cs.c[constraint]).single_wire
        if path.endswith("/recompose"):
            group = path.removesuffix("/recompose")
            yield from self._recompose(group)
        elif defined in self.digits:
            yield from self._digit(self.digits[defined], defined)
        elif path.startswith("binding/") and path != "binding/identity" and defined is not None:
            yield from self._binding(defined)
        elif path == "binding/identity":
            yield from self._functional_lies()
        elif path.startswith("padding/"):
            yield from self._unlisted(path)
        elif path == "claim/kind":
            yield from ((case, {self.forger.wire("claim"): case.claim + 2}) for case in cases(self.name))
        elif path == "claim/denominator>=1/product":
            yield from ((Case(case.account, 0), {}) for case in cases(self.name))
        elif defined is not None:
            yield from self._product(defined)
        else:
            for name in ("positions", "nullifier", "C", "collateral_root", "tableCommitment"):
                if name not in self.forger.inputs:
                    continue
                wire = self.forger.wire(name)
                yield cases(self.name)[0], {wire: lambda wires, wire=wire: wires[wire] + 1}

    def _product(self, wire: int) -> Iterator[Attempt]:
        for case in cases(self.name):
            for value in (0, -5000):
                yield case, {wire: value}
            for step in (1, -1, 40, -40, 5000):
                yield case, {wire: lambda wires, step=step: wires[wire] + step}

    def _unlisted(self, path: str) -> Iterator[Attempt]:
        """A size on a row that the market does not have, or that it has and the commitment does not list."""
        column, _, index = path.removeprefix("padding/").removesuffix("]").partition("[")
        row = int(index)
        for case in cases(self.name):
            values = [*case.account[column], *[0] * row]
            yield Case({**case.account, column: [*values[:row], 1]}, case.claim), {}
            yield case, {self.forger.wire("active", row): 0}

    # --- the identity at gamma ---------------------------------------------------------------------------------

    def _functional_lies(self) -> Iterator[Attempt]:
        for case in cases(self.name) if self.functionals else ():
            for place in range(self.functionals.count):
                wire = self.functionals.first_wire + place
                for step in (1, -1, 7):
                    yield case, {wire: lambda wires, wire=wire, step=step: wires[wire] + step}

    def _binding(self, product: int) -> Iterator[Attempt]:
        """A functional lies, and the free product makes up for it: the identity is linear in it."""
        identity = next(i for i in range(self.cs.n_constraints) if self.cs.path_of(i) == "binding/identity")
        for case, lies in self._functional_lies():
            residues = []
            for guess in (0, 1):
                wires = self.forger.run(case, {**lies, product: guess})
                a, b, c = (
                    sum(k * wires[w] for w, k in self.cs.table.combination(rows[identity]).terms.items())
                    for rows in (self.cs.a, self.cs.b, self.cs.c)
                )
                residues.append(a * b - c)
            at_zero, at_one = residues
            yield case, {**lies, product: at_zero * pow(at_zero - at_one, -1, R)}

    # --- digits ------------------------------------------------------------------------------------------------

    def _stage(self, group: str) -> Iterator[Attempt]:
        """The situations for a range check, the one that served last first."""
        if group not in self._stages:
            self._stages[group] = list(self._situations(group))
        for place, situation in enumerate(list(self._stages[group])):
            self._trying = (group, place)
            yield situation

    def succeeded(self) -> None:
        """The last situation served: it will be the first to be tried for this range check's other digits."""
        if self._trying is not None:
            group, place = self._trying
            self._stages[group].insert(0, self._stages[group].pop(place))
            self._trying = None

    def _situations(self, group: str) -> Iterator[Attempt]:
        """Situations in which a range check stands between the prover and a false claim."""
        rich = [case for case in cases(self.name) if case.account["cash"][0] >= 50]
        if group.startswith("account/"):
            column, _, index = group.removeprefix("account/").removesuffix("]").partition("[")
            place, interval = int(index or 0), self.forger.tiny.columns[column]
            wire = self.forger.wire(column, place)
            for beyond in (interval.lo + (1 << interval.bits), interval.lo - 1):
                yield from ((case, {wire: beyond}) for case in rich)
        elif group.startswith("tables/direct["):
            place = int(group.removeprefix("tables/direct[").removesuffix("]"))
            tiny = self.forger.tiny
            cell = tiny.cells["direct"][place] if isinstance(tiny, TinyCommitted) else None
            for beyond in (cell.lo + (1 << cell.bits), cell.lo - 1) if cell else ():
                yield from ((case, {self.forger.wire("direct", place): beyond}) for case in rich)
        elif group == "owner/pocket":
            yield rich[0], {self.forger.wire("pocket"): 256}
        elif group == "claim/numerator>=denominator":
            yield from ((Case(case.account, 1 << 8 | 2 << 24), {}) for case in rich)
        if not group.startswith(("claim/", "owner/", "tables/")):
            for case in short(self.name):
                for bound in self.forger.names.bounds:
                    if group.startswith(bound.path.removesuffix("bound")) and bound.path.endswith("/bound"):
                        for step in (1, 20):
                            wire = bound.first_wire
                            yield case, {wire: lambda wires, wire=wire, step=step: wires[wire] - step}
                yield case, {}

    def _value(self, hint: HintPlacement, wires: object) -> int:
        """What the digits should add up to."""
        code = self.forger.writers[hint.first_wire]
        return self.forger.combination(code.operands[2], wires) % R  # type: ignore[arg-type]

    def _recompose(self, group: str) -> Iterator[Attempt]:
        hint = self.groups[group]
        top = hint.first_wire + hint.count - 1
        if group == "claim/digits":
            false = CLAIM + (1 << 24)  # num 1, den 2
            for case in cases(self.name):
                digits = {hint.first_wire + k: CLAIM >> k & 1 for k in range(hint.count)}
                yield case, {self.forger.wire("claim"): false, **digits}
        for case, lies in self._stage(group):
            for sign in (0, 1):
                yield case, {**lies, **dict.fromkeys(range(hint.first_wire, top), 0), top: sign}

    def _digit(self, hint: HintPlacement, free: int) -> Iterator[Attempt]:
        group, first = hint.path.removesuffix("/digits"), hint.first_wire
        if group == "claim/digits":
            yield from self._claim_digit(hint, free - first)
            return
        top = first + hint.count - 1
        for case, lies in self._stage(group):
            for sign in (0, 1):
                fixed = {**dict.fromkeys(range(first, top), 0), top: sign}
                yield case, {**lies, **self._take_up(hint, free, fixed)}
            # A digit of one half: the digit below holds the other half of its weight.
            yield case, {**lies, **self._halved(hint, free)}

    def _take_up(self, hint: HintPlacement, free: int, fixed: dict[int, int]) -> Lies:
        """All digits but the free one as given; the free one takes up the rest of the value."""
        others = {wire: digit for wire, digit in fixed.items() if wire != free}
        held = sum(digit << wire - hint.first_wire for wire, digit in others.items())
        weight = pow(1 << free - hint.first_wire, -1, R)
        return {**others, free: lambda wires: (self._value(hint, wires) - held) * weight}

    def _halved(self, hint: HintPlacement, free: int) -> Lies:
        """The free digit is one half; digits below it hold the rest, those above are honest."""
        weight = 1 << free - hint.first_wire

        def digit(place: int, wires: object) -> int:
            value = self._value(hint, wires)
            rest = value % (2 * weight) - weight // 2
            return rest >> place & 1 if rest >= 0 and (1 << place) < weight else value >> place & 1

        lies: dict[int, object] = {
            hint.first_wire + place: lambda wires, place=place: digit(place, wires) for place in range(hint.count)
        }
        return {**lies, free: _half(1)}  # type: ignore[dict-item]

    def _claim_digit(self, hint: HintPlacement, place: int) -> Iterator[Attempt]:
        """Public claims that are malformed, with digits that read as good ones."""
        if place == 0:
            stated, read = CLAIM + 2, CLAIM
        elif place < 8:  # the unused digits add up to zero: a one, and a minus one
            other = place + 1 if place < 7 else 6
            stated = (2 << 8 | 1 << 24) + (1 << other) - (1 << place)
            read = (2 << 8 | 1 << 24) | 1 << other
        elif place < 24:  # num 65536, den 1 is stated as num 0, den 2
            stated, read = 2 << 24, 1 << 24
        elif place < 40:  # den -5, lock 1 is stated as den 65531, lock 0
            stated, read = 1 << 8 | 65531 << 24, 1 << 8 | 1 << 40
        else:
            stated, read = CLAIM + (1 << 24), CLAIM
        fixed = {hint.first_wire + k: read >> k & 1 for k in range(hint.count)}
        for case in cases(self.name):
            yield (
                Case(case.account, stated),
                {self.forger.wire("claim"): stated, **self._take_up(hint, hint.first_wire + place, fixed)},
            )


def attack(name: str, constraint: int) -> Forged:
    """A forgery that this constraint alone objects to, of a statement that is false."""
    attacker = _attacker(name)
    path = forger(name).names.path_of(constraint)
    defined = attacker.cs.table.combination(attacker.cs.c[constraint]).single_wire
    if path.startswith(HASHES) and defined is not None and path.endswith("/sbox"):
        return resumer(name).forge(defined, 12345)
    for case, lies in attacker.attempts(constraint):
        found = forger(name).forge(case, lies)
        if list(found.violated) == [constraint] and found.broken:
            attacker.succeeded()
            return found
    raise AssertionError(f"no attack on {path}")


@cache
def _attacker(name: str) -> Attacker:
    return Attacker(name)


def _require_attacks(name: str, constraints: list[int]) -> None:
    missed = []
    for constraint in constraints:
        path = forger(name).names.path_of(constraint)
        try:
            found = attack(name, constraint)
        except AssertionError:
            missed.append(path)
            continue
        if list(found.violated) != [constraint] or not found.broken:
            missed.append(path)
    assert set(missed) <= REDUNDANT, sorted(set(missed))


def _sections(name: str) -> dict[str, list[int]]:
    sections: dict[str, list[int]] = {}
    names = forger(name).names
    for constraint in range(forger(name).tiny.circuit.stats.constraints):
        sections.setdefault(names.path_of(constraint).split("/")[0].split("[")[0], []).append(constraint)
    return sections


SECTIONS = ("claim", "owner", "nullifier", "account", "positions", "collateral_root", "bases", "rules", "C", "binding")
SECTIONS += ("margin",)


@pytest.mark.parametrize("name", ALL)
def test_the_judge_and_the_circuit_agree_on_honest_accounts(name: str) -> None:
    assert forger(name).tiny.circuit.stats.constraints <= LIMIT
    outcomes = set()
    for case in cases(name):
        found = forger(name).forge(case)
        assert bool(found.broken) == bool(found.violated)
        assert found.broken in ([], ["the claim holds"])
        outcomes.add(bool(found.broken))
    assert outcomes == {True, False}


def test_no_constraint_is_redundant() -> None:
    assert not REDUNDANT


@pytest.mark.parametrize("section", SECTIONS)
def test_without_any_one_constraint_something_false_is_provable(section: str) -> None:
    _require_attacks("portfolio", _sections("portfolio")[section])


def test_the_sections_are_the_whole_circuit() -> None:
    assert set(_sections("portfolio")) == set(SECTIONS)


@pytest.mark.parametrize("section", ["tables", "padding", "rules", "margin"])
def test_the_same_of_committed_tables(section: str) -> None:
    """Every constraint of the hash, of packed values' digits, of rows that the market does not have; every product of a
    size with a table value.
    """
    constraints = _sections("scan")[section]
    if section == "rules":  # its gadgets are those of the other two
        names = forger("scan").names
        constraints = [c for c in constraints if "product" in names.path_of(c).rpartition("/")[2]]
        assert len(constraints) == 3 + 6 + 6 + 1
    _require_attacks("scan", constraints)


def test_the_sections_of_committed_tables_are_the_whole_circuit() -> None:
    assert set(_sections("scan")) == {*SECTIONS, "tables", "padding"} - {"bases", "C", "binding"}


@pytest.mark.parametrize("section", ["account", "bases", "rules", "binding", "margin"])
def test_the_same_of_other_rules(section: str) -> None:
    """Upper bounds on branches, absolute values, products of private values, a label's one-hot rows."""
    _require_attacks("cross", _sections("cross")[section])
