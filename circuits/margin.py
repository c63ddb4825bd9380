"""The statement as a circuit: one call per sentence of specs/statement.md#statement.

The claim is well formed. The prover knows the owner's keys. The nullifier is that owner's, for this pocket
and scope. The positions commitment opens to this account and owner. The collateral is that of lines in the tree, or
none. The functionals are those of this account and the public market, or the market is the one that is committed to.
The claim holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import lcm

from zkmargin.attestations.layout import PositionLayout
from zkmargin.circuits import functionals as linear_functionals
from zkmargin.circuits.account import Account, add_bases, range_check_account
from zkmargin.circuits.arrays import align
from zkmargin.circuits.collateral import declare_lines, open_collateral
from zkmargin.circuits.committed import declare_tables, keep_unlisted_rows_empty, open_tables
from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.bits import decompose, range_check
from zkmargin.circuits.gadgets.compare import assert_less_equal, assert_nonnegative
from zkmargin.circuits.gadgets.pack import pack
from zkmargin.circuits.gadgets.poseidon import sponge, tagged
from zkmargin.circuits.gadgets.select import assert_nonzero, product, select
from zkmargin.circuits.integers import Bit, Num, UInt, num_unchecked
from zkmargin.circuits.linear import ZERO, LinearCombination
from zkmargin.circuits.lower import Lowered, Lowering
from zkmargin.circuits.plan import Plan
from zkmargin.circuits.reach import Slacks
from zkmargin.circuits.rules.tree import Node, RuleSet, Side
from zkmargin.circuits.signs import Signs
from zkmargin.errors import CircuitError

KIND_BITS, RATIO_BITS, LOCK_BITS = 8, 16, 64
CLAIM_BITS = KIND_BITS + 2 * RATIO_BITS + LOCK_BITS
POCKET_BITS = 8
CASH = "cash"
SALT = "salt"
SECRETS = ("ask", "nk", "pocket", "subject", "listing", SALT)
"""Private inputs beside the account's columns, one salt per venue; with functionals there is ``blind`` too."""


@dataclass(frozen=True)
class Claim:
    """``denominator * equity >= numerator * requirement``, of the initial requirement where ``kind`` is 1."""

    kind: Bit | None
    numerator: UInt
    denominator: UInt
    least_lock: UInt


@dataclass(frozen=True)
class Owner:
    """Who owns the account, and which pocket of theirs this is."""

    identity: LinearCombination
    viewing_key: LinearCombination
    pocket: UInt


def build_statement(plan: Plan, slacks: Slacks | None = None) -> ConstraintSystem:
    """The whole circuit of a rule set. ``slacks`` learns which of its slack checks are cut."""
    cs = ConstraintSystem()
    slacks = Slacks(plan.rules) if slacks is None else slacks
    declare_inputs(cs, plan)
    signs = Signs(cs)
    claim = unpack_claim(cs, plan.rules)
    owner = constrain_owner(cs)
    constrain_nullifier(cs, owner)
    account = range_check_account(cs, plan.rules, signs)
    open_positions(cs, plan.rules, account, owner)
    open_lines(cs, plan.rules, account, owner, claim)
    if plan.committed:
        open_tables(cs, plan)
        keep_unlisted_rows_empty(cs, plan, account)
    add_bases(cs, plan.rules, account, [rows.base for rows in plan.bases], signs)
    functionals = linear_functionals.add_functionals(cs, plan, account)
    lowering = Lowering(cs, plan, account, functionals, signs, slacks)
    with cs.scope("rules"):
        equity = lowering.lower(plan.rules.equity)
        requirements = {name: lowering.lower(node) for name, node in plan.rules.requirements.items()}
    if plan.bases:
        linear_functionals.commit(cs, plan, account, functionals, signs)
        cs.program.split("gamma")
        linear_functionals.bind(cs, plan, account, functionals)
    assert_claim_holds(cs, plan.rules, claim, equity, requirements, slacks)
    return cs


def declare_inputs(cs: ConstraintSystem, plan: Plan) -> None:
    """Public inputs in the order of the statement, then the private ones.
    specs/statement.md#public-inputs
    """
    for name, count in plan.public_inputs:
        cs.public(name, count)
    cs.leave_unread("context", "the statement's context: what the verifier compares, not what is computed")
    for column in plan.rules.private:
        count = 1
        for size in plan.rules.shape(column.axes):
            count *= size
        cs.private(column.name, count)
    if plan.rules.lines:
        declare_lines(cs, plan.rules.lines, plan.n_assets)
    for name in SECRETS:
        cs.private(name, plan.rules.venues if name == SALT else 1)
    if plan.bases:
        cs.private("blind")
    declare_tables(cs, plan)


def _public(cs: ConstraintSystem, name: str) -> LinearCombination:
    (wire,) = cs.publics[name].wires
    return LinearCombination.of_wire(wire)


def _private(cs: ConstraintSystem, name: str) -> LinearCombination:
    (wire,) = cs.privates[name].wires
    return LinearCombination.of_wire(wire)


def unpack_claim(cs: ConstraintSystem, rules: RuleSet) -> Claim:
    """``claim = kind | num << 8 | den << 24 | minLock << 40`` with kind a bit and ``num >= den >= 1``.

    Ensures: all four fit their bits; kind is 0 where the rules have no initial requirement.
                                                                                      specs/statement.md#claim
    Cost: 105 for the digits, 1 for kind, 1 and 17 for denominator and numerator.
    """
    with cs.scope("claim"):
        packed = num_unchecked(_public(cs, "claim"), 0, (1 << CLAIM_BITS) - 1)  # the check follows
        digits = decompose(cs, packed, 0, CLAIM_BITS, "digits")

        def field(first: int, bits: int) -> UInt:
            lc = LinearCombination({digits.first + first + place: 1 << place for place in range(bits)})
            return UInt(lc, 0, (1 << bits) - 1, bits)

        has_kinds = "initial" in rules.requirements
        unused = [digits.bit(place).lc for place in range(int(has_kinds), KIND_BITS)]
        cs.enforce_equal(LinearCombination.total(unused), ZERO, "kind")  # bits that add up to 0 are all 0
        numerator = field(KIND_BITS, RATIO_BITS)
        denominator = field(KIND_BITS + RATIO_BITS, RATIO_BITS)
        assert_nonzero(cs, denominator.lc, "denominator>=1")
        assert_less_equal(cs, denominator, numerator, label="numerator>=denominator")
        least_lock = field(KIND_BITS + 2 * RATIO_BITS, LOCK_BITS)
    return Claim(digits.bit(0) if has_kinds else None, numerator, denominator, least_lock)


def constrain_owner(cs: ConstraintSystem) -> Owner:
    """``owner = H(T_owner, H(T_ak, ask), nk)``, and the pocket is 8 bits.
    specs/statement.md#owner
    """
    with cs.scope("owner"):
        viewing_key = _private(cs, "nk")
        authority = tagged(cs, "ak", [_private(cs, "ask")], "ak")
        identity = tagged(cs, "owner", [authority, viewing_key], "identity")
        anything = num_unchecked(_private(cs, "pocket"), 0, (1 << POCKET_BITS) - 1)  # the check follows
        return Owner(identity, viewing_key, range_check(cs, anything, POCKET_BITS, "pocket"))


def constrain_nullifier(cs: ConstraintSystem, owner: Owner) -> None:
    """``nullifier = H(T_nf, nk, scope, pocket)``.
    specs/statement.md#nullifier
    """
    inputs = [owner.viewing_key, _public(cs, "scope"), owner.pocket.lc]
    cs.assign_public("nullifier", tagged(cs, "nf", inputs, "nullifier"), "nullifier/equal")


def open_positions(cs: ConstraintSystem, rules: RuleSet, account: Account, owner: Owner) -> None:
    """``positions = H(T_positions, owner, pocket, subject, sizeCommitment, cash, listing, salt)``.

    One for each venue, of its part of the columns under its salt; owner, pocket, subject and listing are the same
    in all. Columns that the prover chooses are in none.
    The sizes are packed from their range-checked digits, after the layout that says what they mean.
                                                                              specs/statement.md#positions
    """
    layout = PositionLayout.of(rules).identity
    for venue, salt in enumerate(cs.privates["salt"].wires):
        sizes = [LinearCombination.of_constant(layout)]
        for column in rules.attested:
            if column.name != CASH:
                digits = account.digits[column.name]
                count = len(digits) // rules.venues  # the axis of venues is the first one
                sizes += pack(cs, [digit.shifted for digit in digits[count * venue : count * (venue + 1)]])
        with cs.scope("positions" if rules.venues == 1 else f"positions[{venue}]"):
            size_commitment = sponge(cs, "size", sizes, "sizes")
            cash = account.columns[CASH].reshape(-1)[venue].lc if CASH in account.columns else ZERO
            opening = [owner.identity, owner.pocket.lc, _private(cs, "subject"), size_commitment, cash]
            opening += [_private(cs, "listing"), LinearCombination.of_wire(salt)]
            cs.assign_public("positions", tagged(cs, "positions", opening, "commitment"), "equal", venue)


def open_lines(cs: ConstraintSystem, rules: RuleSet, account: Account, owner: Owner, claim: Claim) -> None:
    """The lines of attested collateral; where the rules have none, its root is zero.
    specs/statement.md#collateral
    """
    if not rules.lines:
        cs.enforce_equal(_public(cs, "collateral_root"), ZERO, "collateral_root")
        return
    (column,) = rules.on_chain
    open_collateral(cs, column, account, owner.identity, owner.pocket, claim.least_lock)


def assert_claim_holds(
    cs: ConstraintSystem,
    rules: RuleSet,
    claim: Claim,
    equity: Lowered,
    requirements: Mapping[str, Lowered],
    slacks: Slacks,
) -> None:
    """``denominator * equity >= numerator * requirement`` for every element.      specs/statement.md#margin

    Requires: equity exact or a lower bound, requirements exact or upper bounds, not negative; both factors >=
    0.
    Cost: per element two products, one more to choose between two requirements, and a range check.
    """
    if ("initial" in requirements) != (claim.kind is not None) or "maintenance" not in requirements:
        raise CircuitError("claim and requirements differ in kind", where=rules.name)
    for name, requirement in requirements.items():
        if requirement.side is Side.LOWER or rules.requirements[name].type.lo < 0:
            raise CircuitError("requirement is not bounded from above, or may be negative", where=name)
    if equity.side is Side.UPPER:
        raise CircuitError("equity is not bounded from below", where=rules.name)
    nodes = [rules.equity, *(rules.requirements[name] for name in requirements)]
    common = lcm(*(node.type.denominator for node in nodes))
    kept = {axis for node in nodes for axis in node.type.axes}
    axes = tuple(axis for axis in rules.axes if axis in kept)

    def scaled_to_common(lowered: Lowered, node: Node) -> list[Num]:
        values = align(rules, lowered.values, node.type.axes, axes).reshape(-1)
        return [value * (common // node.type.denominator) for value in values]

    available = scaled_to_common(equity, rules.equity)
    required = {name: scaled_to_common(requirements[name], rules.requirements[name]) for name in requirements}
    for index in range(len(available)):
        with cs.scope(f"margin[{index}]"):
            least = required["maintenance"][index]
            if claim.kind is not None:
                least = select(cs, claim.kind, required["initial"][index], least, "requirement")
            scaled = product(cs, claim.denominator, available[index], "equity")
            demanded = product(cs, claim.numerator, least, "demand")
            cs.require_integer(scaled - demanded)
            width = slacks.of_margin(common, RATIO_BITS, (scaled - demanded).hi)
            assert_nonnegative(cs, scaled - demanded, width, "slack")
