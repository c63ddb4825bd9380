"""A prover who controls every wire of the whole statement tries to show a false claim: what stops each attempt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import pytest
from replay import Forged, Forger, Lies
from tiny import CLAIM, INITIAL, TINY, Case, Tiny, accounts

from zkmargin.circuits.program import HintPlacement
from zkmargin.field import FR_MODULUS as R
from zkmargin.margin.tables import Column, Label, Tables

RICH = Case({"size": [3, -2, 1], "cash": [500]})


@cache
def forger() -> Forger:
    return Forger(TINY["portfolio"])


@cache
def two_rows() -> Forger:
    """A market with two instruments, so that the third row of the account is padding."""
    full = TINY["portfolio"].tables
    columns = {n: Column(c.name, c.axes, c.decimals, c.values[:2]) for n, c in full.columns.items()}
    label = full.labels["series"]
    tables = Tables(
        {**full.sizes, "instrument": 2},
        {**full.names, "instrument": full.names["instrument"][:2]},
        columns,
        {"series": Label(label.name, label.axis, label.target, label.indices[:2])},
        full.parameters,
    )
    return Forger(replace(TINY["portfolio"], tables=tables))


def _attempt(case: Case, lies: Lies, by: Forger | None = None) -> tuple[Forged, list[str]]:
    by = by or forger()
    found = by.forge(case, lies)
    return found, by.paths(found.violated)


def _insolvent(slack: str = "") -> Case:
    """An account that misses its claim by one unit."""
    return next(c for c in accounts(TINY["portfolio"])[3:] if forger().forge(c).broken and slack in str(c.claim & 1))


def _hint(path: str) -> HintPlacement:
    (hint,) = (hint for hint in forger().names.hints if hint.path == path)
    return hint


def _digits(path: str, value: int) -> Lies:
    hint = _hint(path)
    return {hint.first_wire + place: value >> place & 1 for place in range(hint.count)}


def test_an_honest_account_meets_no_objection() -> None:
    found, paths = _attempt(RICH, {})
    assert (paths, found.broken) == ([], [])
    found, paths = _attempt(Case({"size": [3, -2], "cash": [500]}), {}, two_rows())
    assert paths == []


# --- wrapped and wide numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value", "path"),
    [
        ("size", 8, "account/size[0]/recompose"),
        ("size", -9, "account/size[0]/recompose"),
        ("size", 1 << 200, "account/size[0]/recompose"),
        ("size", R // 2, "account/size[0]/recompose"),
        ("size", R - 9, "account/size[0]/recompose"),
        ("cash", 1024, "account/cash/recompose"),
        ("cash", -1025, "account/cash/recompose"),
        ("cash", R // 3, "account/cash/recompose"),
        ("pocket", 256, "owner/pocket/recompose"),
        ("pocket", R - 1, "owner/pocket/recompose"),
    ],
)
def test_values_outside_of_their_interval(column: str, value: int, path: str) -> None:
    found, paths = _attempt(RICH, {forger().wire(column): value})
    assert path in paths
    assert found.broken


def test_a_negative_slack_is_not_its_wrapped_self() -> None:
    """-1 is r - 1 in the field: its low digits are those of a number that the range check knows."""
    found, paths = _attempt(_insolvent(), _digits("margin[0]/slack/digits", R - 1))
    assert paths == ["margin[0]/slack/recompose"]
    assert "the claim holds" in found.broken


def test_no_number_has_two_decompositions() -> None:
    """x + r has other digits than x: the range check is too narrow to hold them."""
    for path, value in (("account/size[0]/digits", 3 + 8), ("account/cash/digits", 500 + 1024)):
        hint = _hint(path)
        assert 2 << hint.count < R
        for other in range(1 << min(hint.count, 6)):
            if other != value:
                _, paths = _attempt(RICH, _digits(path, other))
                assert path.replace("digits", "recompose") in paths
        _, paths = _attempt(RICH, _digits(path, value + R))
        assert path.replace("digits", "recompose") in paths


def test_an_unbooleaned_bit() -> None:
    """One digit takes up all of an insolvent account's slack."""
    hint = _hint("margin[0]/slack/digits")
    for place in (0, 5, hint.count - 1):
        lies = dict.fromkeys(range(hint.first_wire, hint.first_wire + hint.count), 0)
        found, paths = _attempt(
            _insolvent(), {**lies, hint.first_wire + place: -pow(1 << place, -1, R) * _missing(_insolvent())}
        )
        assert paths == ["margin[0]/slack/bit"]
        assert found.broken == ["the claim holds"]


def _missing(case: Case) -> int:
    reading = TINY["portfolio"].read(case.account)
    return reading.requirements[case.claim & 1] - reading.equity


def test_an_over_wide_slack() -> None:
    """A slack beyond the money width cannot be shown, true as it is: no digit stands for more."""
    hint = _hint("margin[0]/slack/digits")
    top = hint.first_wire + hint.count - 1
    _, paths = _attempt(RICH, {top: 1})
    assert paths == ["margin[0]/slack/recompose"]
    _, paths = _attempt(RICH, {top: 2})
    assert set(paths) == {"margin[0]/slack/bit", "margin[0]/slack/recompose"}


# --- functionals and the challenge --------------------------------------------------------------------------------


def test_a_wrong_functional_with_the_right_digest() -> None:
    """C is the honest commitment, the circuit computes with another value."""
    honest = forger().run(_insolvent(), {})
    hint = _hint("functionals")
    lies = {hint.first_wire: honest[hint.first_wire] + 50, forger().wire("C"): honest[forger().wire("C")]}
    _, paths = _attempt(_insolvent(), lies)
    assert {"C/equal", "binding/identity"} <= set(paths)


def test_a_wrong_functional_with_its_own_digest() -> None:
    found, paths = _attempt(_insolvent(), {_hint("functionals").first_wire: 4000})
    assert paths == ["binding/identity"]
    assert "the claim holds" in found.broken


def test_a_challenge_of_the_provers_choice_breaks_everything() -> None:
    """With gamma known in advance two functionals cancel: the circuit cannot notice. So gamma is never the prover's.

    What stops it is the verifier, who derives gamma from C and all before it (see test_protocol).
    """
    first, gamma = _hint("functionals").first_wire, 200
    lies: Lies = {first: lambda wires: wires[first] + 200 * 50, first + 1: lambda wires: wires[first + 1] - 50}
    found = forger().forge(_insolvent(), lies, gamma=gamma)
    assert found.violated == []
    assert "C commits to the account's functionals" in found.broken
    assert "the claim holds" in found.broken
    _, paths = _attempt(_insolvent(), lies)  # the same lies at the verifier's gamma
    assert paths == ["binding/identity"]


def test_functionals_that_change_after_the_challenge() -> None:
    case = _insolvent()
    honest = forger().run(case, {})
    gamma, wire = honest[forger().wire("gamma")], forger().wire("C")
    first = _hint("functionals").first_wire
    lies: Lies = {
        first: lambda wires: wires[first] + 50 * gamma,
        first + 1: lambda wires: wires[first + 1] - 50,
        wire: honest[wire],
    }
    found = forger().forge(case, lies, gamma=gamma)
    assert "C/equal" in forger().paths(found.violated)
    assert "binding/identity" not in forger().paths(found.violated)


@pytest.mark.parametrize("size", [1, -1, 7, -8])
def test_a_padded_row_with_a_size(size: int) -> None:
    _, paths = _attempt(Case({"size": [3, -2, size], "cash": [500]}), {}, two_rows())
    assert paths == ["binding/identity"]


def test_what_a_padded_row_adds_to_a_functional_shows() -> None:
    """The prover adds the padded size to functionals that no table lists: still not the identity."""
    forged = two_rows()
    (hint,) = (hint for hint in forged.names.hints if hint.name == "functionals")
    for place in range(hint.count):
        wire = hint.first_wire + place
        lies: Lies = {wire: lambda wires, wire=wire: wires[wire] + 7}
        _, paths = _attempt(Case({"size": [3, -2, 7], "cash": [500]}), lies, forged)
        assert "binding/identity" in paths


def test_every_private_column_over_padded_rows_is_bound() -> None:
    """A column that no functional reads (it enters row by row only) has its challenge inputs all the same."""
    plan = two_rows().tiny.circuit.plan
    columns = {str(rows.base) for rows in plan.bases}
    assert {column.name for column in plan.rules.private if column.axes} <= columns


# --- bounds and signs ---------------------------------------------------------------------------------------------


def test_a_bound_that_is_too_low() -> None:
    cross = Forger(TINY["cross"])
    short = next(case for case in accounts(TINY["cross"])[3:] if cross.forge(case).broken)
    for bound in (bound for bound in cross.names.bounds if bound.path.endswith("/bound")):
        wire = bound.first_wire
        lies: Lies = {wire: lambda wires, wire=wire: wires[wire] - 1}
        found = cross.forge(short, lies)
        objecting = cross.paths(found.violated)
        prefix = bound.path.removesuffix("bound")
        assert any(path.startswith(prefix) and path.endswith("/recompose") for path in objecting)


def test_a_selector_that_is_no_bit() -> None:
    """Between the two branches of a minimum there is nothing to choose, nor beyond them."""
    (bound,) = forger().names.bounds
    for choice in (2, R - 1, pow(2, -1, R), 50):
        _, paths = _attempt(_insolvent(), {bound.first_wire: choice})
        assert "rules/max:28/max/branch[1]/bit" in paths


def test_a_wrong_sign() -> None:
    for path in ("rules/naked/positive[0]/sign", "rules/naked/positive[1]/sign", "account/size[0]"):
        hint = _hint(path + "/digits")
        top = hint.first_wire + hint.count - 1
        _, paths = _attempt(RICH, {top: lambda wires, top=top: 1 - wires[top]})
        assert path + "/recompose" in paths


# --- claim and public inputs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "path"),
    [
        (1 << 8 | 2 << 24, "claim/numerator>=denominator/recompose"),
        (65534 << 8 | 65535 << 24, "claim/numerator>=denominator/recompose"),
        (1 << 8, "claim/denominator>=1/product"),
        (0, "claim/denominator>=1/product"),
        (CLAIM + 2, "claim/kind"),
        (CLAIM + 255, "claim/kind"),
        (CLAIM + (1 << 104), "claim/digits/recompose"),
        (R - 1, "claim/digits/recompose"),
        ((1 << 104) - 1 + (1 << 24), "claim/digits/recompose"),
    ],
)
def test_malformed_claims(claim: int, path: str) -> None:
    found, paths = _attempt(Case(RICH.account, claim), {})
    assert path in paths
    assert found.broken


def test_another_claim_than_the_one_that_is_stated() -> None:
    """The circuit works on the stated claim's digits: the initial requirement, or a buffer, cannot be left out."""
    digits = _digits("claim/digits/digits", CLAIM)
    for stated in (INITIAL, 5 << 8 | 4 << 24, CLAIM | 1 << 40):
        _, paths = _attempt(Case(RICH.account, stated), digits)
        assert paths == ["claim/digits/recompose"]


PUBLIC: Mapping[str, Sequence[str]] = {
    "claim": ("claim/digits/recompose",),
    "positions": ("positions/equal",),
    "collateral_root": ("collateral_root",),
    "nullifier": ("nullifier/equal",),
    "scope": ("nullifier/sbox",),
    "C": ("C/equal",),
    "gamma": ("binding/power[5]", "binding/identity"),
    "t": ("binding/row[0]",),
    "direct": ("rules/",),
}


def test_every_public_input_but_context_stands_in_a_constraint() -> None:
    """``context`` is bound by the key alone: see test_protocol."""
    assert {name for name, _ in forger().tiny.circuit.plan.public_inputs} == {*PUBLIC, "context"}


@pytest.mark.parametrize("name", PUBLIC)
def test_swapped_public_inputs(name: str) -> None:
    # All long for t, where no positive part is zero; with shorts for the charges that direct inputs multiply.
    honest = forger().run(Case({"size": [3, 2, 1], "cash": [500]}) if name == "t" else RICH, {})
    for index, wire in enumerate(forger().inputs[name].wires):
        changed = [*honest[:wire], (honest[wire] + 1) % R, *honest[wire + 1 :]]
        paths = forger().paths(forger().judge(changed).violated)
        assert paths, (name, index)
        if index == 0:
            assert any(path.startswith(tuple(PUBLIC[name])) for path in paths)


@pytest.mark.parametrize("secret", ["ask", "nk", "pocket", "subject", "listing", "salt"])
def test_another_owners_pockets_subjects_listings_statement(secret: str) -> None:
    """The venue's commitment, opened with any other secret."""
    honest = forger().run(RICH, {})
    stated = forger().wire("positions")
    found, paths = _attempt(RICH, {forger().wire(secret): 99, stated: honest[stated]})
    assert paths == ["positions/equal"]
    assert "the commitment opens to this account and owner" in found.broken


@pytest.mark.parametrize(("column", "value"), [("size", 4), ("cash", 501)])
def test_another_account_than_the_venue_signed(column: str, value: int) -> None:
    honest = forger().run(RICH, {})
    stated = forger().wire("positions")
    _, paths = _attempt(RICH, {forger().wire(column): value, stated: honest[stated]})
    assert paths == ["positions/equal"]


def test_two_nullifiers_for_one_pocket() -> None:
    honest = forger().run(RICH, {})
    stated = forger().wire("nullifier")
    found, paths = _attempt(RICH, {stated: honest[stated] + 1})
    assert paths == ["nullifier/equal"]
    assert found.broken == ["the nullifier is the owner's"]


def test_the_judge_is_not_the_circuit() -> None:
    """An honest account's statement with one private input replaced is false, though no wire objects to that."""
    tiny: Tiny = TINY["portfolio"]
    wires = forger().run(RICH, {})
    named = {name: [wires[w] for w in place.wires] for name, place in forger().inputs.items()}
    assert tiny.broken(named, named) == []
    assert tiny.broken(named, {**named, "salt": [1]}) == ["the commitment opens to this account and owner"]
    assert tiny.broken(named, {**named, "blind": [1]}) == ["C commits to the account's functionals"]
