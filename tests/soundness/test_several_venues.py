"""A prover who controls every wire of a statement over two venues, with a column of the prover's own: what stops each
attempt. What only the verifier can stop is in test_two_venues.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import pytest
from replay import Forged, Forger, Lies
from tiny import Case, Relation, Values, tables_of

from zkmargin.circuits.compile import compile_rules
from zkmargin.circuits.determinism.analysis import classify
from zkmargin.circuits.margin import build_statement
from zkmargin.circuits.rules import parse_rules
from zkmargin.encoding import canonical_json, sha256, u248
from zkmargin.errors import RuleError
from zkmargin.field import FR_MODULUS as R
from zkmargin.field import signed
from zkmargin.margin.tables import Column
from zkmargin.poseidon import sponge, tagged

TEXT = b"""\
rules: 1
name: tiny_two
binding: public
value_bits: 128
venues: 2
axes:
  instrument: {capacity: 2}
  scenario: {size: 2}
  slot: {size: 2}
public:
  mark: {axes: [instrument], unit: usd/contract, decimals: 0, min: 0, max: 15}
  pnl: {axes: [instrument, scenario], unit: usd/contract, decimals: 0, min: -15, max: 15}
  fee: {axes: [scenario, slot], unit: usd, decimals: 0, min: 0, max: 3}
private:
  size: {axes: [venue, instrument], unit: contract, decimals: 0, min: -7, max: 7, from: venue}
  own: {axes: [slot], decimals: 0, min: 0, max: 3e38, from: prover}
  cash: {axes: [venue], unit: usd, decimals: 0, min: -1000, max: 1000, from: venue}
define:
  loss: -sum(size * pnl, over=[venue, instrument])
  fees: sum(own * fee, over=slot)
equity: sum(cash, over=venue) + sum(size * mark, over=[venue, instrument])
requirements:
  maintenance: max(0, max(loss + fees, over=scenario))
"""
MARK, PNL, FEE = (3, 5), ((4, -3), (-2, 5)), ((1, 3), (2, 0))
LAYOUT = [
    {"name": "size", "low": "-8", "bits": "4", "decimals": "0", "unit": "contract", "axes": [["instrument", "2"]],
     "count": "2"},
    {"name": "cash", "low": "-1024", "bits": "11", "decimals": "0", "unit": "usd", "axes": [], "count": "1"},
]  # fmt: skip
SECRETS = ("ask", "nk", "pocket", "subject", "listing")


@dataclass(frozen=True)
class TwoVenues(Relation):
    """The relation in plain Python: it opens both commitments and recomputes the margin over both slices."""

    def broken(self, public: Values, private: Values) -> list[str]:
        account = {name: [signed(value) for value in private[name]] for name in ("size", "own", "cash")}
        size, own, cash = account["size"], account["own"], account["cash"]
        false = [
            f"the commitment of venue {venue} opens to its slice"
            for venue in range(2)
            if public["positions"][venue] != commitment(private, venue)
        ]
        if not all(-8 <= s < 8 for s in size) or not all(0 <= o < 1 << 128 for o in own):
            false.append("columns are within their intervals")
        net = [size[0] + size[2], size[1] + size[3]]
        pnl = [sum(n * row[k] for n, row in zip(net, PNL, strict=True)) for k in range(2)]
        fees = [sum(o * f for o, f in zip(own, row, strict=True)) for row in FEE]
        equity = sum(cash) + sum(n * m for n, m in zip(net, MARK, strict=True))
        value = equity - sum(cash)
        committed = [5, private["blind"][0], *(v % R for v in (*own, value, *pnl, *fees))]
        if public["C"][0] != sponge("functionals", committed):
            false.append("C commits to functionals and own columns")
        if equity < max(0, *(f - p for p, f in zip(pnl, fees, strict=True))):
            false.append("the claim holds")
        return false


def commitment(private: Mapping[str, object], venue: int, **changes: int) -> int:
    """What a venue signs about its slice, for the owner of the secrets or with some of them changed."""

    def value(name: str, index: int = 0) -> int:
        return changes[name] if name in changes else signed(list(private[name])[index]) % R  # type: ignore[call-overload]

    owner = tagged("owner", tagged("ak", value("ask")), value("nk"))
    sizes = [signed(s) + 8 for s in list(private["size"])[2 * venue : 2 * venue + 2]]  # type: ignore[call-overload]
    packed = [u248(sha256(canonical_json(LAYOUT))), sizes[0] + (sizes[1] << 4)]
    opened = (owner, value("pocket"), value("subject"), sponge("size", packed), value("cash", venue))
    return tagged("positions", *opened, value("listing"), value("salt", venue))


RICH = Case({"size": [3, -2, -1, 4], "own": [7, 9], "cash": [500, -20], "salt": [15, 25]})
SHORT = Case({"size": [3, -2, -1, 4], "own": [7, 9], "cash": [-20, -20], "salt": [15, 25]})


@cache
def forger() -> Forger:
    tables = tables_of(
        {"instrument": 2, "scenario": 2, "slot": 2},
        [
            Column.of("mark", ["instrument"], 0, MARK),
            Column.of("pnl", ["instrument", "scenario"], 0, PNL),
            Column.of("fee", ["scenario", "slot"], 0, FEE),
        ],
        [],
    )
    return Forger(TwoVenues(TEXT, tables))


def attempt(case: Case, lies: Lies) -> tuple[Forged, list[str]]:
    found = forger().forge(case, lies)
    return found, forger().paths(found.violated)


def named(wires: list[int]) -> dict[str, list[int]]:
    """The private inputs of an assignment, by name."""
    return {name: [wires[w] for w in place.wires] for name, place in forger().inputs.items()}


def test_an_honest_account_meets_no_objection() -> None:
    found, paths = attempt(RICH, {})
    assert (paths, found.broken) == ([], [])
    found, paths = attempt(SHORT, {})
    assert paths == ["margin[0]/slack/recompose"]
    assert found.broken == ["the claim holds"]


# --- owners, statements, slices -----------------------------------------------------------------------------------


@pytest.mark.parametrize("venue", [0, 1])
@pytest.mark.parametrize("secret", SECRETS)
def test_a_statement_about_another_owner_pocket_subject_or_listing(secret: str, venue: int) -> None:
    """The second venue's (or the first's) statement is honest, but for another owner: one set of wires serves both."""
    honest = forger().run(RICH, {})
    foreign = commitment(named(honest), venue, **{secret: 99})
    found, paths = attempt(RICH, {forger().wire("positions", venue): foreign})
    assert paths == [f"positions[{venue}]/equal"]
    assert found.broken == [f"the commitment of venue {venue} opens to its slice"]
    # A prover who holds both owners' keys chooses which statement to open, and cannot open both.
    mine, theirs = forger().wire("positions", 1 - venue), forger().wire("positions", venue)
    _, paths = attempt(RICH, {forger().wire(secret): 99, theirs: foreign, mine: honest[mine]})
    assert f"positions[{1 - venue}]/equal" in paths
    assert f"positions[{venue}]/equal" not in paths


def test_swapped_commitments() -> None:
    honest = forger().run(RICH, {})
    first, second = (forger().wire("positions", venue) for venue in range(2))
    found, paths = attempt(RICH, {first: honest[second], second: honest[first]})
    assert paths == ["positions[0]/equal", "positions[1]/equal"]
    assert len(found.broken) == 2


def test_one_commitment_at_both_places() -> None:
    honest = forger().run(RICH, {})
    first, second = (forger().wire("positions", venue) for venue in range(2))
    for target, source in ((second, first), (first, second)):
        _, paths = attempt(RICH, {target: honest[source]})
        assert paths == [f"positions[{int(target == second)}]/equal"]


def test_one_slice_in_both_places_is_the_verifiers_to_refuse() -> None:
    """The circuit does not know which venue signed what: a slice twice, with its salt, opens one commitment twice."""
    twice = Case({"size": [3, -2, 3, -2], "own": [0, 0], "cash": [500, 500], "salt": [15, 15]})
    found, paths = attempt(twice, {})
    assert (paths, found.broken) == ([], [])
    assert found.wires[forger().wire("positions")] == found.wires[forger().wire("positions", 1)]


@pytest.mark.parametrize("part", ["size", "cash", "salt"])
@pytest.mark.parametrize("venue", [0, 1])
def test_another_slice_than_the_venue_signed(part: str, venue: int) -> None:
    honest = forger().run(RICH, {})
    lies = {forger().wire("positions", v): honest[forger().wire("positions", v)] for v in range(2)}
    place = 2 * venue if part == "size" else venue
    _, paths = attempt(RICH, {**lies, forger().wire(part, place): 6 if part == "size" else 700})
    assert paths == [f"positions[{venue}]/equal"]


def test_nothing_moves_from_one_venue_to_the_other() -> None:
    """The sum over venues stays, so the margin does; both commitments object."""
    honest = forger().run(RICH, {})
    lies = {forger().wire("positions", v): honest[forger().wire("positions", v)] for v in range(2)}
    moved = replace(RICH, account={**RICH.account, "cash": [480, 0]})
    _, paths = attempt(moved, lies)
    assert paths == ["positions[0]/equal", "positions[1]/equal"]
    exchanged = replace(RICH, account={**RICH.account, "size": [-1, 4, 3, -2]})
    _, paths = attempt(exchanged, lies)
    assert paths == ["positions[0]/equal", "positions[1]/equal"]


# --- columns of the prover's own ----------------------------------------------------------------------------------


def test_own_columns_are_in_no_commitment_of_a_venue() -> None:
    honest, other = (forger().run(replace(RICH, account={**RICH.account, "own": own}), {}) for own in ([7, 9], [0, 1]))
    place = forger().wire("positions")
    assert honest[place : place + 2] == other[place : place + 2]
    assert honest[forger().wire("C")] != other[forger().wire("C")]


@pytest.mark.parametrize("value", [1 << 128, -1, R - 5, 1 << 200])
def test_own_columns_are_range_checked(value: int) -> None:
    found, paths = attempt(RICH, {forger().wire("own"): value})
    assert "account/own[0]/recompose" in paths
    assert found.broken


def test_own_columns_are_committed_before_the_challenge() -> None:
    """With gamma known, own values within their intervals exist that make a wrong functional right: the identity is
    one equation mod r in two unknowns of 128 bits. C, which came before, is all that objects.
    """
    first = next(rows.first for rows in forger().tiny.circuit.plan.bases if str(rows.base) == "own")
    for salt in range(20):  # another challenge at each attempt, as many as the prover likes
        case = replace(RICH, account={**RICH.account, "own": [0, 0], "salt": [salt, 25]})
        honest = forger().run(case, {})
        gamma, t = honest[forger().wire("gamma")], [honest[forger().wire("t", first + place)] for place in range(2)]
        own = small_solution(*t)
        if own is not None:
            break
    assert own is not None
    assert sum(x * y for x, y in zip(own, t, strict=True)) % R == 0
    (hint,) = (hint for hint in forger().names.hints if hint.name == "functionals")
    kept = {hint.first_wire + place: honest[hint.first_wire + place] for place in range(hint.count)}
    kept[forger().wire("C")] = honest[forger().wire("C")]
    found = forger().forge(replace(case, account={**case.account, "own": list(own)}), kept, gamma=gamma)
    assert forger().paths(found.violated) == ["C/equal"]
    assert found.broken == ["C commits to functionals and own columns", "the claim holds"]


def small_solution(a: int, b: int) -> tuple[int, int] | None:
    """Numbers of 128 bits, not both 0, with ``x a + y b = 0 mod r``: reduce the lattice of all solutions (Gauss)."""
    u, v = (0, R), (1, -a * pow(b, -1, R) % R)

    def dot(p: tuple[int, int], q: tuple[int, int]) -> int:
        return p[0] * q[0] + p[1] * q[1]

    while True:
        if dot(u, u) < dot(v, v):
            u, v = v, u
        nearest = (2 * dot(u, v) + dot(v, v)) // (2 * dot(v, v))
        if nearest == 0:
            break
        u = (u[0] - nearest * v[0], u[1] - nearest * v[1])
    sums = [(i * u[0] + j * v[0], i * u[1] + j * v[1]) for i, j in product(range(-3, 4), repeat=2)]
    return next((p for p in sums if p != (0, 0) and all(0 <= x < 1 << 128 for x in p)), None)


def test_the_compiler_refuses_an_own_column_that_nothing_commits_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were C to leave the column out, the determinism analysis would say that the identity proves nothing."""
    assert classify(build_statement(forger().tiny.circuit.plan)).holds
    rules = parse_rules(TEXT, "tiny.yaml")
    plan = compile_rules(rules, cache=False).plan
    monkeypatch.setattr(type(rules), "chosen", ())
    found = classify(build_statement(plan))
    assert not found.holds
    assert "nothing commits to before the challenge" in " ".join(found.problems.values())


def test_what_a_venue_signs_is_not_the_provers() -> None:
    """``size`` and ``cash`` are a venue's by their meaning; other columns are what the rule's author says."""
    for name in ("size", "cash"):
        lines = [
            line.replace("from: venue", "from: prover") if line.startswith(f"  {name}:") else line
            for line in TEXT.decode().splitlines()
        ]
        with pytest.raises(RuleError, match=f"`{name}`"):
            parse_rules("\n".join(lines).encode() + b"\n", "tiny.yaml")


def test_columns_of_a_chain_need_lines_to_open() -> None:
    rules = parse_rules(TEXT.replace(b"from: prover", b"from: chain"), "tiny.yaml")
    with pytest.raises(RuleError, match="there are no lines to open collateral for") as caught:
        compile_rules(rules, cache=False)
    assert caught.value.where == "tiny.yaml:16"
