"""Three rule sets small enough that every constraint of the whole statement can be attacked, and their relation in
plain Python.

The judges know nothing of circuits: they open the commitments, recompute owner, nullifier, functionals and margin
from the private inputs, and list the sentences of the statement that do not hold.      specs/statement.md#statement
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from random import Random

from zkmargin.circuits.compile import CompiledCircuit, compile_rules
from zkmargin.circuits.plan import BoundPlan
from zkmargin.circuits.rules import RuleSet, check_tables, parse_rules
from zkmargin.encoding import canonical_json, sha256, u248
from zkmargin.field import FR_MODULUS as R
from zkmargin.field import signed
from zkmargin.margin.tables import Column, Label, Tables
from zkmargin.poseidon import sponge, tagged

PORTFOLIO = b"""\
rules: 1
name: tiny_pm
binding: public
value_bits: 20
axes:
  instrument: {capacity: 3}
  scenario: {size: 2}
  series: {capacity: 2}
public:
  mark: {axes: [instrument], unit: usd/contract, decimals: 0, min: 0, max: 15}
  pnl: {axes: [instrument, scenario], unit: usd/contract, decimals: 0, min: -15, max: 15}
  is_option: {axes: [instrument], decimals: 0, min: 0, max: 1}
  unit_delta: {axes: [instrument], unit: coin/contract, decimals: 0, min: 0, max: 3}
  series: {label: instrument > series}
parameters:
  rate: {unit: usd/coin, decimals: 0, min: 0, max: 15}
  short_charge: {unit: coin/contract, decimals: 0, min: 0, max: 3}
  im_factor: {decimals: 0, min: 1, max: 3}
private:
  size: {axes: [instrument], unit: contract, decimals: 0, min: -7, max: 7, from: venue}
  cash: {unit: usd, decimals: 0, min: -1000, max: 1000, from: venue}
define:
  loss: -sum(size * pnl, over=instrument)
  scan: max(0, max(loss, over=scenario))
  naked: positive(-sum(size * is_option, by=series))
  long: sum(positive(size) * unit_delta, over=instrument)
  short: sum(positive(-size) * unit_delta, over=instrument)
  offset: min(long, short)
  charge: (sum(naked, over=series) * short_charge + offset) * rate
equity: cash + sum(size * mark, over=instrument)
requirements:
  maintenance: scan + charge
  initial: (scan + charge) * im_factor
"""

CROSS = b"""\
rules: 1
name: tiny_cross
binding: public
value_bits: 20
axes:
  instrument: {size: 2}
  group: {size: 2}
  tier: {size: 2}
public:
  mark: {axes: [instrument], unit: usd, decimals: 0, min: 0, max: 268435455}
  rate: {axes: [tier], decimals: 0, min: 0, max: 1023}
  ded: {axes: [tier], unit: usd, decimals: 0, min: 0, max: 15}
  high: {axes: [group], unit: usd, decimals: 0, min: 0, max: 7}
  group: {label: instrument > group}
private:
  size: {axes: [instrument], decimals: 0, min: -3, max: 3, from: venue}
  own: {axes: [instrument], decimals: 0, min: 0, max: 3, from: venue}
  cash: {unit: usd, decimals: 0, min: -500, max: 500, from: venue}
define:
  bracket: sum(max(abs(size) * mark * rate - ded, over=tier), over=instrument)
  gross: sum(abs(size) * own * mark, by=group)
  net: abs(sum(size * mark, by=group))
  worst: sum(max(size, own), by=group)
equity: cash + sum(size * mark, over=instrument) + sum(max(size, own) * mark, over=instrument)
requirements:
  maintenance: bracket + sum(net + gross, over=group) + sum(worst * high, over=group)
"""

SECRETS: Mapping[str, int] = {"ask": 11, "nk": 12, "pocket": 3, "subject": 13, "listing": 14, "salt": 15, "blind": 16}
VK_HASH = b"\x07" * 32
CLAIM = 0 | 1 << 8 | 1 << 24
INITIAL = CLAIM | 1
Values = Mapping[str, Sequence[int]]
"""Inputs by name, signed."""


@dataclass(frozen=True)
class Reading:
    """Equity, requirements by kind, and the functionals as the commitment takes them: packed words, then raw ones."""

    equity: int
    requirements: tuple[int, ...]
    n_functionals: int
    committed: tuple[int, ...]


@dataclass(frozen=True)
class Column2:
    """A private column: the interval that the statement promises for each element, and its packed width."""

    lo: int
    bits: int
    unit: str
    axes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Relation:
    """A rule set and its one market; subclasses say what is true of its inputs."""

    text: bytes
    tables: Tables

    @cached_property
    def rules(self) -> RuleSet:
        return parse_rules(self.text, "tiny.yaml")

    @cached_property
    def circuit(self) -> CompiledCircuit:
        return compile_rules(self.rules, cache=False)

    @cached_property
    def market(self) -> BoundPlan:
        check_tables(self.rules, self.tables)
        return self.circuit.plan.bind(self.tables)

    def broken(self, public: Values, private: Values) -> list[str]:
        """The sentences of the statement that are false of these inputs. Canonical field elements in, by name."""
        raise NotImplementedError


@dataclass(frozen=True)
class Tiny(Relation):
    """With the relation of one venue."""

    columns: Mapping[str, Column2] = field(repr=False)
    read: Callable[[Values], Reading] = field(repr=False)

    def market_sentences(self, public: Values, private: Values, account: Values) -> list[tuple[str, bool]]:
        """What the statement says of the market, and whether it is so."""
        reading = self.read(account)
        committed = [reading.n_functionals, private["blind"][0], *(value % R for value in reading.committed)]
        return [("C commits to the account's functionals", public["C"][0] == sponge("functionals", committed))]

    @cached_property
    def layout(self) -> int:
        """What the commitment says its numbers mean."""
        columns = [
            {
                "name": name, "low": str(column.lo), "bits": str(column.bits), "decimals": "0", "unit": column.unit,
                "axes": column.axes, "count": "1" if not column.axes else column.axes[0][1],
            }
            for name, column in self.columns.items()
        ]  # fmt: skip
        return u248(sha256(canonical_json(columns)))

    def broken(self, public: Values, private: Values) -> list[str]:
        found: list[str] = []

        def need(sentence: str, holds: bool) -> None:
            if not holds:
                found.append(sentence)

        (claim,), (pocket,), (cash,) = public["claim"], private["pocket"], private["cash"]
        kind, num, den = claim & 0xFF, claim >> 8 & 0xFFFF, claim >> 24 & 0xFFFF
        ((ask,), (nk,)), ((scope,), (salt,)) = (private["ask"], private["nk"]), (public["scope"], private["salt"])
        need("the claim fits 104 bits", claim < 1 << 104)
        need("num >= den >= 1", num >= den >= 1)
        need("the pocket has 8 bits", pocket < 256)
        need("the nullifier is the owner's", public["nullifier"][0] == tagged("nf", nk, scope, pocket))
        need("no collateral", public["collateral_root"][0] == 0)

        account = {name: [signed(value) for value in private[name]] for name in self.columns}
        for name, column in self.columns.items():
            in_range = all(column.lo <= value < column.lo + (1 << column.bits) for value in account[name])
            need(f"{name} is within its interval", in_range)
        packed = [
            sum((value - column.lo) << column.bits * place for place, value in enumerate(account[name])) % R
            for name, column in self.columns.items()
            if name != "cash"
        ]
        owner = tagged("owner", tagged("ak", ask), nk)
        opened = tagged(
            "positions", owner, pocket, private["subject"][0], sponge("size", [self.layout, *packed]), cash,
            private["listing"][0], salt,
        )  # fmt: skip
        need("the commitment opens to this account and owner", public["positions"][0] == opened)

        for sentence, holds in self.market_sentences(public, private, account):
            need(sentence, holds)
        tables = {"direct": [signed(value) for value in private["direct"]]} if "direct" in private else {}
        reading = self.read({**account, **tables})
        need("the kind is a requirement of the rules", kind < len(reading.requirements))
        required = reading.requirements[min(kind, len(reading.requirements) - 1)]
        need("the claim holds", den * reading.equity >= num * required)
        return found


# --- the rule sets in plain Python --------------------------------------------------------------------------------

_MARK, _PNL, _DELTA, _SERIES = (3, 5, 2), ((4, -3), (-2, 5), (1, -6)), (1, 2, 1), (0, 1, 0)
_RATE, _SHORT_CHARGE, _IM_FACTOR = 2, 1, 2


def _read_portfolio(account: Values) -> Reading:
    size, cash = account["size"], account["cash"][0]
    value = sum(s * m for s, m in zip(size, _MARK, strict=True))
    pnl = [sum(s * row[k] for s, row in zip(size, _PNL, strict=True)) for k in range(2)]
    net = [sum(s for s, g in zip(size, _SERIES, strict=True) if g == k) for k in range(2)]
    long = sum(max(s, 0) * d for s, d in zip(size, _DELTA, strict=True))
    short = sum(max(-s, 0) * d for s, d in zip(size, _DELTA, strict=True))
    naked = sum(max(-n, 0) for n in net)
    maintenance = max(0, *(-p for p in pnl)) + (naked * _SHORT_CHARGE + min(long, short)) * _RATE
    packed = (32 - net[0]) + ((32 - net[1]) << 6)
    return Reading(value + cash, (maintenance, maintenance * _IM_FACTOR), 7, (packed, value, *pnl, long, short))


_CROSS_MARK, _CROSS_RATE, _DED, _HIGH, _GROUP = (5, 4), (1, 3), (2, 15), (6, 7), (0, 1)


def _read_cross(account: Values) -> Reading:
    size, own, cash = account["size"], account["own"], account["cash"][0]
    rows = list(zip(size, own, _CROSS_MARK, _GROUP, strict=True))
    value = sum(s * m for s, _, m, _ in rows)
    net = [sum(s * m for s, _, m, g in rows if g == k) for k in range(2)]
    gross = sum(abs(s) * o * m for s, o, m, _ in rows)
    bracket = sum(max(abs(s) * m * r - d for r, d in zip(_CROSS_RATE, _DED, strict=True)) for s, _, m, _ in rows)
    worst = sum(max(s, o) * _HIGH[g] for s, o, _, g in rows)
    equity = cash + value + sum(max(s, o) * m for s, o, m, _ in rows)
    maintenance = max(0, bracket + sum(map(abs, net)) + gross + worst)
    packed = (net[0] + (1 << 31)) + ((net[1] + (1 << 31)) << 32)
    return Reading(equity, (maintenance,), 4, (packed, value, gross))


def tables_of(
    sizes: Mapping[str, int], columns: Sequence[Column], labels: Sequence[Label], **parameters: int
) -> Tables:
    """Tables whose rows are named by their axis, parameters without decimals."""
    names = {axis: tuple(f"{axis}{row}" for row in range(size)) for axis, size in sizes.items()}
    return Tables(
        sizes,
        names,
        {column.name: column for column in columns},
        {label.name: label for label in labels},
        {name: Column.of(name, [], 0, value) for name, value in parameters.items()},
    )


TINY: Mapping[str, Tiny] = {
    "portfolio": Tiny(
        PORTFOLIO,
        tables_of(
            {"instrument": 3, "scenario": 2, "series": 2},
            [
                Column.of("mark", ["instrument"], 0, _MARK),
                Column.of("pnl", ["instrument", "scenario"], 0, _PNL),
                Column.of("is_option", ["instrument"], 0, [1, 1, 1]),
                Column.of("unit_delta", ["instrument"], 0, _DELTA),
            ],
            [Label("series", "instrument", "series", _SERIES)],
            rate=_RATE,
            short_charge=_SHORT_CHARGE,
            im_factor=_IM_FACTOR,
        ),
        {"size": Column2(-8, 4, "contract", (("instrument", "3"),)), "cash": Column2(-1024, 11, "usd")},
        _read_portfolio,
    ),
    "cross": Tiny(
        CROSS,
        tables_of(
            {"instrument": 2, "group": 2, "tier": 2},
            [
                Column.of("mark", ["instrument"], 0, _CROSS_MARK),
                Column.of("rate", ["tier"], 0, _CROSS_RATE),
                Column.of("ded", ["tier"], 0, _DED),
                Column.of("high", ["group"], 0, _HIGH),
            ],
            [Label("group", "instrument", "group", _GROUP)],
        ),
        {
            "size": Column2(-4, 3, "1", (("instrument", "2"),)),
            "own": Column2(0, 2, "1", (("instrument", "2"),)),
            "cash": Column2(-512, 10, "usd"),
        },
        _read_cross,
    ),
}


# --- the same in binding `committed` --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """A table value under the commitment: the interval that the statement promises, and whether it is packed."""

    lo: int
    bits: int
    packed: bool = True


@dataclass(frozen=True)
class TinyCommitted(Tiny):
    """The tables are private inputs: ``cells`` per input in the order in which they are hashed."""

    cells: Mapping[str, Sequence[Cell]] = field(repr=False, kw_only=True)
    unlisted: Mapping[str, Sequence[int]] = field(repr=False, kw_only=True)
    """Per private column the place in ``active`` of each of its elements' rows."""

    def market_sentences(self, public: Values, private: Values, account: Values) -> list[tuple[str, bool]]:
        values = [
            (cell, signed(value))
            for name, cells in self.cells.items()
            for cell, value in zip(cells, private[name], strict=True)
        ]
        in_range = all(0 <= value - cell.lo < 1 << cell.bits for cell, value in values if cell.packed)
        words, used = [0], 0
        for cell, value in values:
            if cell.packed:
                if used + cell.bits > 248:
                    words, used = [*words, 0], 0
                words[-1] = (words[-1] + ((value - cell.lo) << used)) % R
                used += cell.bits
        alone = [value % R for cell, value in values if not cell.packed]
        digest = sponge("market", [u248(sha256(self.text)), *words, *alone])
        empty = all(
            account[name][element] == 0 or private["active"][place] == 1
            for name, places in self.unlisted.items()
            for element, place in enumerate(places)
        )
        return [
            ("packed table values are within their intervals", in_range),
            ("tableCommitment commits to the tables", public["tableCommitment"][0] == digest),
            ("rows that the market does not have are empty", empty),
        ]


SCAN = b"""\
rules: 1
name: tiny_scan
binding: committed
value_bits: 20
axes:
  instrument: {capacity: 3}
  scenario: {size: 2}
  series: {size: 2}
public:
  mark: {axes: [instrument], unit: usd/contract, decimals: 0, min: 0, max: 17179869184}
  pnl: {axes: [instrument, scenario], unit: usd/contract, decimals: 0, min: -15, max: 15}
  series: {label: instrument > series}
parameters:
  rate: {unit: usd/contract, decimals: 0, min: 0, max: 15}
private:
  size: {axes: [instrument], unit: contract, decimals: 0, min: -7, max: 7, from: venue}
  cash: {unit: usd, decimals: 0, min: -1000, max: 1000, from: venue}
define:
  loss: -sum(size * pnl, over=instrument)
  naked: positive(-sum(size, by=series))
equity: cash + sum(size * mark, over=instrument)
requirements:
  maintenance: max(0, max(loss, over=scenario)) + sum(naked, over=series) * rate
"""
"""Two instruments of three: the third row is padding. Marks are hashed alone, all else is packed."""


def _read_scan(account: Values) -> Reading:
    """On the tables that are given, or the true ones. In the order of the rules: marks, P&L by row, the rate, and the
    series, one-hot by row.
    """
    size, cash, direct = account["size"], account["cash"][0], account.get("direct", _SCAN_DIRECT)
    size = [*size, *[0] * (3 - len(size))]
    mark, pnl, rate, series = direct[:3], direct[3:9], direct[9], direct[10:16]
    losses = [-sum(s * pnl[2 * row + k] for row, s in enumerate(size)) for k in range(2)]
    nets = [sum(s * series[2 * row + g] for row, s in enumerate(size)) for g in range(2)]
    equity = cash + sum(s * m for s, m in zip(size, mark, strict=True))
    return Reading(equity, (max(0, *losses) + sum(max(-net, 0) for net in nets) * rate,), 0, ())


_SCAN_DIRECT = (3, 5, 0, 4, -3, -2, 5, 0, 0, 2, 1, 0, 0, 1, 0, 0)

COMMITTED: Mapping[str, Tiny] = {
    "scan": TinyCommitted(
        SCAN,
        tables_of(
            {"instrument": 2, "scenario": 2, "series": 2},
            [
                Column.of("mark", ["instrument"], 0, [3, 5]),
                Column.of("pnl", ["instrument", "scenario"], 0, [[4, -3], [-2, 5]]),
            ],
            [Label("series", "instrument", "series", (0, 1))],
            rate=2,
        ),
        {"size": Column2(-8, 4, "contract", (("instrument", "3"),)), "cash": Column2(-1024, 11, "usd")},
        _read_scan,
        cells={
            "active": [Cell(0, 1)] * 3,
            "direct": [Cell(0, 35, False)] * 3 + [Cell(-15, 5)] * 6 + [Cell(0, 4)] + [Cell(0, 1)] * 6,
        },
        unlisted={"size": [0, 1, 2]},
    ),
}


@dataclass(frozen=True)
class Case:
    """An account and the claim that is made of it."""

    account: Values
    claim: int = CLAIM


def accounts(tiny: Tiny) -> list[Case]:
    """Accounts to attack with: an empty one, rich ones, and many that miss their claim by one unit."""
    random = Random(tiny.text)
    rows = next(iter(tiny.tables.sizes.values()))
    columns = {name: column for name, column in tiny.columns.items() if name != "cash"}
    zero = {name: [0] * rows for name in columns}
    cases = [Case({**zero, "cash": [50]}), Case({**zero, "cash": [-1]})]
    drawn = [zero] + [
        {name: [random.randrange(c.lo, c.lo + (1 << c.bits)) for _ in range(rows)] for name, c in columns.items()}
        for _ in range(40)
    ]
    for place, sizes in enumerate(drawn):
        reading = tiny.read({**sizes, "cash": [0]})
        kind = place % len(reading.requirements)
        needed = reading.requirements[kind] - reading.equity
        cases.append(Case({**sizes, "cash": [needed - 1]}, CLAIM | kind))
        if place < 3:
            cases.append(Case({**sizes, "cash": [needed + 60]}, CLAIM | kind))
    low, bits = tiny.columns["cash"].lo, tiny.columns["cash"].bits
    return [case for case in cases if low <= case.account["cash"][0] < low + (1 << bits)]
