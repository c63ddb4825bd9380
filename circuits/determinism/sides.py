"""What relations between inequalities have in common: a declaration, read against the constraints.
specs/determinism.md#brackets
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from zkmargin.circuits.constraints import Bracket
from zkmargin.circuits.determinism.polynomials import Expansion, Monomial, NonNegative, Polynomial, add, multiply
from zkmargin.circuits.determinism.propagation import Propagation
from zkmargin.circuits.determinism.relations import Relations
from zkmargin.circuits.determinism.verdicts import Verdict
from zkmargin.circuits.linear import ONE_WIRE

Form = Mapping[int, int]
"""Coefficient in ``[1, p)`` by wire, the constant one among them."""


class Refused(Exception):
    """Why the constraints do not bear out a declaration."""


class Claim:
    """One declared bracket, and the constraints that have to bear it out. Methods raise Refused where they do not."""

    def __init__(self, bracket: Bracket, relations: Relations, propagation: Propagation, shown: NonNegative) -> None:
        self.bracket = bracket
        self.relations = relations
        self.propagation = propagation
        self._shown = shown
        self._modulus = relations.modulus

    @property
    def factor(self) -> int:
        """The only constant of the inequalities."""
        if len(self.bracket.factors) != 1:
            raise Refused("the declaration does not name one constant")
        return self.bracket.factors[0]

    # --- forms ------------------------------------------------------------------------------------------------

    def forms(self, role: str) -> list[Form]:
        """The declared forms of a role."""
        return [self.relations.terms(row) for row in self.bracket.rows.get(role, ())]

    def form(self, role: str) -> Form:
        """The only form of a role."""
        found = self.forms(role)
        if len(found) != 1:
            raise Refused(f"the declaration does not name one {role}")
        return found[0]

    def combine(self, *terms: tuple[int, Form], constant: int = 0) -> Form:
        """``sum factor * form + constant``."""
        sums = {ONE_WIRE: constant}
        for factor, form in terms:
            for wire, value in form.items():
                sums[wire] = sums.get(wire, 0) + factor * value
        return {wire: value % self._modulus for wire, value in sums.items() if value % self._modulus}

    def polynomial(self, *terms: tuple[int, Mapping[Monomial, int]]) -> Polynomial:
        """``sum factor * polynomial``."""
        return add(*terms, modulus=self._modulus)

    def negated(self, polynomial: Polynomial) -> Polynomial:
        return self.polynomial((-1, polynomial))

    def product(self, left: Polynomial, right: Polynomial) -> Polynomial:
        return multiply(left, right, self._modulus)

    def expand(self, form: Form, variables: Collection[int]) -> Polynomial:
        """A form as a polynomial in known wires and variables."""
        found = Expansion(self.relations, self.propagation, variables).of_terms(form)
        if found is None:
            raise Refused("it holds a value that is neither known nor a product of what is")
        return found

    # --- what constraints say ---------------------------------------------------------------------------------

    def require_known(self, *roles: str) -> None:
        """All wires of these forms are known."""
        for role in roles:
            for form in self.forms(role):
                if not self.propagation.all_known(form):
                    raise Refused(f"{role} is not known before")

    def reach(self, form: Form, otherwise: str) -> int:
        """The largest value of a form that is a sum of booleans with positive weights."""
        found = self._shown.reach(form)
        if found is None:
            raise Refused(otherwise)
        return found

    def require_zero(self, form: Form, otherwise: str) -> None:
        """A linear constraint says that the form is zero."""
        if not self._shown.is_zero(form):
            raise Refused(otherwise)

    def require_below(self, size: int) -> None:
        """What is compared cannot wrap around p."""
        if size >= self._modulus:
            raise Refused("the numbers compared are too large for the field")

    def require_product(self, a: Form, b: Form, c: Form, otherwise: str) -> None:
        """A constraint says ``a b = c``."""
        relations = self.relations
        rows = (relations.a, relations.b, relations.c)
        wire = max(c, default=max(a, default=ONE_WIRE))
        for constraint in relations.constraints_of(wire):
            left, right, result = (relations.terms(matrix[constraint]) for matrix in rows)
            if result == c and (left, right) in ((a, b), (b, a)):
                return
        raise Refused(otherwise)

    def sign_weight(self, form: Form, bit: int) -> int | None:
        """W where a constraint says ``form + W = rest + W bit`` with bits that add up to a rest below W.

        So the form is in ``[0, W)`` where the bit is 1, in ``[-W, 0)`` where it is 0.
        """
        for constraint in self.relations.constraints_of(bit):
            terms = self.relations.linear(constraint) or {}
            shared = next((wire for wire in form if wire != ONE_WIRE and wire in terms), None)
            if shared is None or bit not in terms:
                continue
            weight = -terms[bit] * form[shared] * pow(terms[shared], -1, self._modulus) % self._modulus
            rest = self._shown.reach(self.combine((1, form), (-weight, {bit: 1}), constant=weight))
            if rest is not None and rest < weight:
                return weight
        return None

    def gate(self, product: Form, base: Form) -> int | None:
        """The boolean wire whose product with ``base`` a form is; None where it is no such product."""
        relations = self.relations
        if len(product) != 1:
            return None
        ((wire, factor),) = product.items()
        constraint = relations.definitions.get(wire)
        if factor != 1 or constraint is None:
            return None
        a, b = relations.a[constraint], relations.b[constraint]
        for bit, value in ((a, b), (b, a)):
            if relations.unit[bit] > 0 and relations.boolean[relations.unit[bit]] and relations.terms(value) == base:
                return relations.unit[bit]
        return None

    def is_part(self, part: Form, whole: Form) -> bool:
        """Whether a form is another, or the product of a boolean with it."""
        return part == whole or self.gate(part, whole) is not None

    def require_bits(self, wires: Sequence[int]) -> None:
        """Wires are booleans, each once."""
        if len(set(wires)) != len(wires) or not all(self.relations.boolean[wire] for wire in wires):
            raise Refused("a choice is not a bit, or comes twice")

    def wires(self, role: str) -> list[int]:
        """Wires that a role names one by one."""
        wires = []
        for form in self.forms(role):
            if len(form) != 1 or ONE_WIRE in form or next(iter(form.values())) != 1:
                raise Refused(f"{role} is not made of single wires")
            wires += list(form)
        return wires

    def wire(self, role: str) -> int:
        """The only wire of a role."""
        found = self.wires(role)
        if len(found) != 1:
            raise Refused(f"the declaration does not name one {role}")
        return found[0]

    def bits(self, role: str) -> list[int]:
        """Wires that a role names one by one, each a boolean."""
        wires = self.wires(role)
        self.require_bits(wires)
        return wires

    def require_count(self, wires: Sequence[int], count: int) -> None:
        """Exactly ``count`` of these booleans are 1."""
        if len(wires) >= self._modulus:
            raise Refused("more bits than the field can count")
        total = self.combine((1, dict.fromkeys(wires, 1)), constant=-count)
        self.require_zero(total, f"no constraint says that {count} of the bits are 1")

    def require_one_hot(self) -> list[int]:
        """The places, of which one is 1."""
        places = self.bits("place")
        self.require_count(places, 1)
        return places

    def require_rising(self, bounds: Sequence[Form], reach: int) -> None:
        """Bounds rise, and their spread with ``reach`` stays below p: seen, or promised of public or committed ones."""
        if all(wire == ONE_WIRE for bound in bounds for wire in bound):
            values = [bound.get(ONE_WIRE, 0) for bound in bounds]
            signed = [value - self._modulus if value > self._modulus // 2 else value for value in values]
            if signed != sorted(signed):
                raise Refused("the bounds do not rise")
            self.require_below(signed[-1] - signed[0] + 1 + reach)
            return
        given = (Verdict.ONE, Verdict.PUBLIC, Verdict.COMMITTED)
        if not self.bracket.assumption or not all(self.propagation.known[w] in given for b in bounds for w in b):
            raise Refused("nobody says that the bounds rise")
        self.require_below(self.factor + 1 + reach)


def grouped(
    claim: Claim, form: Form, places: Sequence[int], variables: Sequence[int] = ()
) -> tuple[Polynomial, list[Polynomial]]:
    """A form that is ``base + sum place_j * per_place_j``, both in known wires and variables: what it is per place."""
    base: Polynomial = {}
    per_place: dict[int, Polynomial] = {place: {} for place in places}
    for monomial, value in claim.expand(form, [*places, *variables]).items():
        inside = [wire for wire in monomial if wire in per_place]
        if not inside:
            base[monomial] = value
            continue
        if len(inside) > 1:
            raise Refused("a comparison multiplies places")
        rest = list(monomial)
        rest.remove(inside[0])
        per_place[inside[0]][tuple(rest)] = value
    return base, [per_place[place] for place in places]
