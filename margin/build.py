"""Option chains to the public tables of a rule set: pricing, scenario revaluation, rounding to integers.

Rows, per chain: options by expiry, strike, call before put; then futures by expiry; then the perpetual.

=============  ====================  ===================================================================
column         axes                  value per contract
=============  ====================  ===================================================================
mark           instrument            USD. Option: coin mark x index. Future, perpetual: price
pnl            instrument, scenario  USD gain of one contract held long, times the scenario's weight
gain           instrument, scenario  the same without the weight
weight         scenario, underlying  the scenario's weight
is_option      instrument            1 for options, else 0
is_call        instrument            1 for calls, else 0
unit_delta     instrument            coin: 1 for futures and perpetuals, 0 for options
delta          instrument            coin: Black-76 delta on the forward; 1 for futures and perpetuals
strike         instrument            USD, 0 where there is none
forward        instrument            USD: forward of the expiry; of a perpetual the index
expiry_time    instrument            unix seconds, 0 for perpetuals
=============  ====================  ===================================================================

Greeks, and shocks to multiply them with: ``greeks``. What quotes cannot tell (fees, funding, charges that a venue
sets) the publisher gives.

Labels: ``underlying`` (the coin), ``expiry`` and ``series`` (expiry and strike), each -1 where an
instrument has none; ``maturity`` is ``expiry`` with perpetuals as one more; ``home`` leads from an expiry or maturity
to its underlying.

Units and approximations:

- An option's P&L in a scenario is the change of its full Black-76 value in USD (``pricing``), with forward
  and index moved by the same factor and volatility by the shock of its time to expiry. Time does not pass.
- Rows of futures and perpetuals are counted in *coins of exposure* (multiplier 1, P&L in USD linear in the
  price). A real inverse contract of N USD is N / price coins: its coin P&L, N (1/p0 - 1/p1), is worth N/p0
  (p1 - p0) USD at p1.
- ``mark`` of a future is its price, so an account's cash is net of what was paid: buying one at 71,000
  debits 71,000.

Rounding: every value becomes the nearest integer at the column's decimals, ties to even. A size can have
either sign, so no direction would favour one side; the equity, or the P&L of a scenario, of an account is
off by at most half a unit of the last decimal times the sum of its absolute sizes. Floats end here.
Specified in specs/market.md#tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from zkmargin.errors import MarketSource
from zkmargin.margin.assemble import build_parameters
from zkmargin.margin.chain import Chain, format_plain, future_name
from zkmargin.margin.greeks import MOVE_AXIS, Figure, greek_figures, greeks_grid
from zkmargin.margin.haircuts import Haircuts
from zkmargin.margin.market import Market, Source
from zkmargin.margin.pricing import (
    SECONDS_PER_DAY,
    SECONDS_PER_YEAR,
    BoolArray,
    FloatArray,
    black_76,
    forward_delta,
)
from zkmargin.margin.scenarios import Grid, deribit_grid
from zkmargin.margin.schema import ColumnSchema, LabelSchema, TableSchema
from zkmargin.margin.strict import IntArray
from zkmargin.margin.tables import INSTRUMENT_AXIS, Column, Instrument, Label, Listing, Tables

SCENARIO_AXIS = "scenario"
UNDERLYING = "underlying"
OF_PRICED = ("mark", "pnl", "gain", "is_option", "is_call", "unit_delta", "strike", "forward", "expiry_time")
"""Columns along instruments that a contract valued elsewhere has too."""
_EXACT_FLOAT = float(1 << 53)


def build_market(
    chains: Sequence[Chain],
    schema: TableSchema,
    parameters: Mapping[str, str] | None = None,
    grid: Grid | None = None,
    given: Mapping[str, ArrayLike] | None = None,
    priced: Sequence[PricedRow] = (),
    collateral: Haircuts | None = None,
) -> Market:
    """The tables that ``schema`` asks for, over all instruments of ``chains`` (of one moment).

    ``priced`` rows, of contracts that are valued elsewhere (``exotics``), stand behind those of the chains;
    ``collateral`` has columns of assets, exact already (``haircuts``).

    ``given`` has columns that come from elsewhere, in their units and in the shape of their axes; they stand before
    those of the chain. Along an axis of theirs that no chain has, elements are numbered.

    ``parameters`` are decimal strings; those not given take the rule set's default, else that of
    ``default_parameters``. Raises Capacity where rows do not fit, ParameterCondition where a value is outside
    its declared bounds, MarketSource where the chains do not go together, where the schema asks for what a
    chain cannot tell, or where several underlyings meet a rule set that does not keep them apart (it would
    let a gain in one offset a loss in another, as if they always moved alike).
    """
    board = Board(tuple(chains), grid or deribit_grid(), given or {}, tuple(priced))
    if unknown := sorted(board.given.keys() - {column.name for column in schema.columns}):
        raise MarketSource(f"the rule set has no column `{unknown[0][:40]}`")
    if len(chains) > 1 and not any(label.name == UNDERLYING for label in schema.labels):
        raise MarketSource("the rule set is for one underlying", got=", ".join(chain.underlying for chain in chains))
    beside = {} if collateral is None else collateral.columns
    names: dict[str, tuple[str, ...]] = {
        INSTRUMENT_AXIS: tuple(instrument.id for instrument in board.instruments),
        SCENARIO_AXIS: board.grid.names,
    }
    labels = {}
    for label in schema.labels:
        groups, indices = board.label(label)
        if names.setdefault(label.target, groups) != groups:
            raise MarketSource(f"label `{label.name}` points to an axis of other elements", where=label.target)
        labels[label.name] = Label(label.name, label.axis, label.target, indices)
    for name, elements in (*board.axes.items(), *(() if collateral is None else collateral.names.items())):
        names.setdefault(name, elements)
    for wanted in schema.columns:
        for axis_name, rows in board.given_shape(wanted).items():
            names.setdefault(axis_name, tuple(f"{axis_name}-{row + 1}" for row in range(rows)))
    axes = {axis.name: axis for axis in schema.axes_in(names)}
    for name, axis in axes.items():
        if name not in names:
            raise MarketSource(f"an option chain has nothing for the axis `{name}`")
        axis.check(len(names[name]))
    names = {name: names[name] for name in axes}
    columns = {}
    for wanted in schema.columns:
        columns[wanted.name] = column = beside.get(wanted.name) or board.column(wanted)
        if column.axes != wanted.axes:
            got = list(column.axes)
            raise MarketSource(f"column `{wanted.name}` has other axes", expected=list(wanted.axes), got=got)
        wanted.check(column, [names[axis] for axis in wanted.axes])
    return Market(
        listing=Listing(
            board.instruments,
            schema.lot_decimals,
            schema.cash_unit,
            schema.cash_decimals,
            {axis: names[axis] for axis in schema.account_axes if axis != INSTRUMENT_AXIS},
        ),
        tables=Tables(
            sizes={name: len(elements) for name, elements in names.items()},
            names=names,
            columns=columns,
            labels=labels,
            parameters=build_parameters(schema, parameters or {}, default_parameters(board.chains)),
        ),
        price_time=board.time,
        sources=(*board.sources, *(() if collateral is None else collateral.sources)),
    )


def default_parameters(chains: Sequence[Chain]) -> dict[str, Decimal]:
    """Parameters of Deribit's portfolio margin, as published, that a rule set may ask for.

    ``short_rate``: 0.01 coin per contract net short at a strike, in USD at the highest index.
    ``offset_rate``: 1% of the futures delta that is long in one expiry and short in another, in USD per
    coin. ``im_factor``: initial margin is 1.3 times maintenance margin. ``index``: the coin's price in USD
    (one chain).
    """
    index = max(Decimal(repr(chain.index)) for chain in chains)
    return {
        "short_rate": index * Decimal("0.01"),
        "offset_rate": index * Decimal("0.01"),
        "im_factor": Decimal("1.3"),
        "index": index,
    }


@dataclass(frozen=True, eq=False)
class PricedRow:
    """A contract of one of the chains' underlyings, with its figures: ``mark`` and, by scenario, ``gains`` in USD.

    It is in a ``series`` of its own, so nothing offsets it at its strike. ``sources``: where it is described.
    """

    instrument: Instrument
    index: float
    forward: float
    volatility: float
    mark: float
    gains: FloatArray
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, eq=False)
class Board:
    """Chains of one moment side by side, as flat arrays with one entry per instrument, in listing order."""

    chains: tuple[Chain, ...]
    grid: Grid
    given: Mapping[str, ArrayLike] = field(default_factory=dict)
    priced: tuple[PricedRow, ...] = ()

    def __post_init__(self) -> None:
        if not self.chains:
            raise MarketSource("no chain to build from")
        if len({chain.time for chain in self.chains}) != 1:
            raise MarketSource("the chains are of different times")
        if len({chain.underlying for chain in self.chains}) != len(self.chains):
            raise MarketSource("two chains have the same underlying")

    @property
    def time(self) -> int:
        """Unix seconds of the prices."""
        return self.chains[0].time

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """Source files of all chains, each once."""
        quoted = [source for chain in self.chains for source in chain.sources]
        return tuple(dict.fromkeys([*quoted, *(source for row in self.priced for source in row.sources)]))

    @cached_property
    def instruments(self) -> tuple[Instrument, ...]:
        """All listed instruments. Options settle in the coin; futures are modelled as linear, in USD."""
        listed = []
        for chain in self.chains:
            for option in chain.options:
                listed.append(
                    Instrument(
                        id=option.id,
                        kind="option",
                        underlying=chain.underlying,
                        settlement=chain.underlying,
                        multiplier="1",
                        expiry=option.expiry,
                        strike=format_plain(option.strike),
                        option_type="call" if option.is_call else "put",
                    )
                )
            for future in chain.futures:
                kind = "perpetual" if future.expiry is None else "future"
                listed.append(Instrument(future.id, kind, chain.underlying, "USD", "1", future.expiry))
        return (*listed, *(row.instrument for row in self.priced))

    def column(self, wanted: ColumnSchema) -> Column:
        """One declared column, rounded to its decimals."""
        figures: dict[str, Figure] = {
            "mark": ((INSTRUMENT_AXIS,), lambda: self.mark),
            "pnl": ((INSTRUMENT_AXIS, SCENARIO_AXIS), lambda: self.gain * self.weights),
            "gain": ((INSTRUMENT_AXIS, SCENARIO_AXIS), lambda: self.gain),
            "weight": ((SCENARIO_AXIS, UNDERLYING), lambda: np.tile(self.weights[:, None], (1, len(self.chains)))),
            "is_option": ((INSTRUMENT_AXIS,), lambda: self.is_option.astype(np.float64)),
            "is_call": ((INSTRUMENT_AXIS,), lambda: (self.is_option & self.is_call).astype(np.float64)),
            "unit_delta": ((INSTRUMENT_AXIS,), lambda: (~self.is_option).astype(np.float64)),
            "delta": ((INSTRUMENT_AXIS,), lambda: self.delta),
            "strike": ((INSTRUMENT_AXIS,), lambda: np.where(self.is_option, self.strike, 0.0)),
            "forward": ((INSTRUMENT_AXIS,), lambda: self.forward),
            "expiry_time": ((INSTRUMENT_AXIS,), lambda: self.expiry),
            **greek_figures(self),
        }
        if wanted.name in self.given:
            array = np.asarray(self.given[wanted.name], dtype=np.float64)
            figures[wanted.name] = (wanted.axes, lambda: array)
        if wanted.name not in figures:
            raise MarketSource(
                f"an option chain has nothing for the column `{wanted.name}`",
                hint=f"known: {', '.join(figures)}",
            )
        axes, figure = figures[wanted.name]
        if self.priced and INSTRUMENT_AXIS in axes and wanted.name not in (*OF_PRICED, *self.given):
            raise MarketSource(f"contracts that are valued elsewhere have nothing for the column `{wanted.name}`")
        if wanted.axes != axes:
            raise MarketSource(f"column `{wanted.name}` has other axes", expected=list(axes), got=list(wanted.axes))
        return Column(wanted.name, axes, wanted.decimals, round_half_even(figure(), wanted.decimals, wanted.name))

    def given_shape(self, wanted: ColumnSchema) -> Mapping[str, int]:
        """Rows along each axis of a column that the publisher gives; none where it comes from the chains."""
        if wanted.name not in self.given:
            return {}
        shape = np.shape(self.given[wanted.name])
        if len(shape) != len(wanted.axes):
            raise MarketSource(f"column `{wanted.name}` has other axes", expected=list(wanted.axes), got=shape)
        return dict(zip(wanted.axes, shape, strict=True))

    def label(self, wanted: LabelSchema) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """Element names of the label's target axis, and each row's element."""
        if wanted.name == "home" and wanted.axis in self._namers and wanted.target == UNDERLYING:
            homes = {self._namers[wanted.axis](instrument): instrument.underlying for instrument in self.instruments}
            targets = self.axes[UNDERLYING]
            return targets, tuple(targets.index(homes[name]) for name in self.axes[wanted.axis])
        namers = self._namers
        if wanted.name not in namers or wanted.axis != INSTRUMENT_AXIS:
            raise MarketSource(
                f"an option chain has nothing for the label `{wanted.name}`",
                hint=f"known, from {INSTRUMENT_AXIS}: {', '.join(namers)}",
            )
        groups: dict[str, int] = {}
        indices = []
        for instrument in self.instruments:
            name = namers[wanted.name](instrument)
            indices.append(-1 if name is None else groups.setdefault(name, len(groups)))
        return tuple(groups), tuple(indices)

    @property
    def _namers(self) -> Mapping[str, Callable[[Instrument], str | None]]:
        return {
            UNDERLYING: lambda instrument: instrument.underlying,
            "expiry": _expiry_name,
            "maturity": lambda instrument: _expiry_name(instrument) or f"{instrument.underlying} perpetual",
            "series": _series_name,
        }

    @cached_property
    def axes(self) -> Mapping[str, tuple[str, ...]]:
        """Elements of the axes that labels lead to, in the order of their first instruments; the moves of greeks."""
        return {
            name: tuple(dict.fromkeys(filter(None, map(namer, self.instruments))))
            for name, namer in self._namers.items()
        } | {MOVE_AXIS: greeks_grid(self.grid).names}

    @cached_property
    def expiry_days(self) -> FloatArray:
        """Days from the prices' time to each element of the axis ``expiry``."""
        times = {_expiry_name(instrument): instrument.expiry for instrument in self.instruments}
        return np.array([(times[name] or 0) - self.time for name in self.axes["expiry"]]) / SECONDS_PER_DAY

    # Figures per instrument: floats of shape (instruments,) unless said otherwise.

    @cached_property
    def is_option(self) -> BoolArray:
        """Whether the row is an option."""
        return np.array([instrument.is_option for instrument in self.instruments])

    @cached_property
    def is_call(self) -> BoolArray:
        """Whether the row is a call; True, and without meaning, for rows that are no options."""
        return np.array([instrument.option_type != "put" for instrument in self.instruments])

    @cached_property
    def strike(self) -> FloatArray:
        """USD; 1, and without meaning, for rows that are no options."""
        return np.array([float(instrument.strike or 1) for instrument in self.instruments])

    @cached_property
    def expiry(self) -> FloatArray:
        """Unix seconds; 0 for perpetuals."""
        return np.array([float(instrument.expiry or 0) for instrument in self.instruments])

    @cached_property
    def index(self) -> FloatArray:
        """USD per coin."""
        rows = [chain.index for chain in self.chains for _ in (*chain.options, *chain.futures)]
        return np.array([*rows, *(row.index for row in self.priced)])

    @cached_property
    def price(self) -> FloatArray:
        """As quoted: coin for options, USD for futures and perpetuals."""
        rows: list[float] = []
        for chain in self.chains:
            rows += [float(option.mark) for option in chain.options]
            rows += [float(future.price) for future in chain.futures]
        return np.array([*rows, *(row.mark / row.index for row in self.priced)])

    @cached_property
    def forward(self) -> FloatArray:
        """USD: of an option the forward of its expiry, of a future its price, of a perpetual the index."""
        rows: list[float] = []
        for chain in self.chains:
            rows += [chain.forwards[option.expiry] for option in chain.options]
            rows += [chain.index if future.expiry is None else float(future.price) for future in chain.futures]
        return np.array([*rows, *(row.forward for row in self.priced)])

    @cached_property
    def volatility(self) -> FloatArray:
        """Decimal, 0 for rows that are no options."""
        rows: list[float] = []
        for chain in self.chains:
            rows += [float(option.volatility) for option in chain.options]
            rows += [0.0 for _ in chain.futures]
        return np.array([*rows, *(row.volatility for row in self.priced)])

    @cached_property
    def mark(self) -> FloatArray:
        """USD."""
        return self.price * np.where(self.is_option, self.index, 1.0)

    @cached_property
    def delta(self) -> FloatArray:
        """Coins of exposure to the forward."""
        greek = forward_delta(*self.terms)
        return np.where(self.is_option, greek, 1.0)

    @cached_property
    def terms(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, BoolArray]:
        """The arguments of ``black_76`` and its derivatives; without meaning for rows that are no options."""
        return self.forward, self.strike, self.volatility, self.years, self.is_call

    @cached_property
    def weights(self) -> FloatArray:
        """Of shape (scenarios,)."""
        return np.array([float(scenario.weight) for scenario in self.grid.scenarios])

    @cached_property
    def years(self) -> FloatArray:
        """To expiry, in years of 365 days; 0 for rows that are no options."""
        return np.where(self.is_option, self.expiry - self.time, 0.0) / SECONDS_PER_YEAR

    @cached_property
    def gain(self) -> FloatArray:
        """USD, shape (instruments, scenarios): value under the scenario - value now, before weights."""
        rows = self.is_option
        forward, strike, years = self.forward[rows], self.strike[rows], self.years[rows]
        volatility, is_call = self.volatility[rows], self.is_call[rows]
        days = years * (SECONDS_PER_YEAR / SECONDS_PER_DAY)
        shock = self.grid.volatility_shock
        shocked = np.stack(
            [volatility * shock.factor(days, scenario.volatility) for scenario in self.grid.scenarios], axis=1
        )
        moves = np.array([float(scenario.price_shock) for scenario in self.grid.scenarios])
        now = black_76(forward, strike, volatility, years, is_call)
        then = black_76(forward[:, None] * (1.0 + moves), strike[:, None], shocked, years[:, None], is_call[:, None])
        gain: FloatArray = self.mark[:, None] * moves  # futures and perpetuals: linear; options are filled in below
        gain[rows] = (then - now[:, None]) * (self.index[rows] / forward)[:, None]
        for at, row in enumerate(self.priced, start=len(gain) - len(self.priced)):
            gain[at] = row.gains
        return gain


def round_half_even(values: FloatArray, decimals: int, name: str) -> IntArray:
    """The nearest integers to ``values * 10**decimals``, ties to even, as an object array of Python ints.

    Raises MarketSource where a value is not finite, or too large for a float to resolve its last decimal.
    """
    scaled = values * 10.0**decimals
    if not np.all(np.abs(scaled) < _EXACT_FLOAT):  # false for nan and inf too
        raise MarketSource(f"a value of `{name}` does not resolve at {decimals} decimals")
    return np.rint(scaled).astype(np.int64).astype(object)


def _expiry_name(instrument: Instrument) -> str | None:
    return None if instrument.expiry is None else future_name(instrument.underlying, instrument.expiry)


def _series_name(instrument: Instrument) -> str | None:
    if instrument.strike is None:
        return None
    return f"{_expiry_name(instrument)}-{instrument.strike}" if instrument.kind == "option" else instrument.id
