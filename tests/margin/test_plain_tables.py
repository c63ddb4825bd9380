"""Plain tables: a rule set's own columns as CSV."""

from __future__ import annotations

import pytest

from zkmargin.circuits.rules import check_tables, parse_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.errors import MarketSource, ParameterCondition
from zkmargin.margin.assemble import assemble_market
from zkmargin.margin.market import Market
from zkmargin.margin.plain import plain_figures

RULES = parse_rules(
    b"""\
rules: 1
name: own
axes:
  instrument: {capacity: 4}
  scenario: {size: 2}
  sector: {capacity: 3}
  desk: {size: 2}
public:
  mark: {axes: [instrument], unit: usd/contract, decimals: 2, min: 0, max: 1000}
  beta: {axes: [instrument], decimals: 1, min: -5, max: 5}
  pnl: {axes: [instrument, scenario], unit: usd/contract, decimals: 2, min: -100, max: 100}
  sector: {label: instrument > sector}
parameters:
  factor: {decimals: 1, min: 1, max: 2, default: 1.5}
  floor_rate: {decimals: 1, min: 0, max: 1}
private:
  size: {axes: [desk, instrument], unit: contract, decimals: 1, min: -1e6, max: 1e6, from: venue}
  cash: {unit: usd, decimals: 2, min: -1e9, max: 1e9, from: venue}
equity: cash
requirements: {maintenance: 0}
""".replace(b"axes: [desk, instrument]", b"axes: [instrument, desk]")
)
SCHEMA = table_schema(RULES)
ROWS = "instrument,mark,beta,sector\nA,1.5,-0.5,tech\nB,20,1,\nC,3,2,bank\n"
GRID = "instrument,scenario,pnl\nA,up,1\nA,down,-1.25\nB,up,2\nB,down,-2\nC,down,0\nC,up,0.5\n"
DESKS = "desk\none\ntwo\n"


def build(*texts: str) -> Market:
    named = [(f"{number}.csv", text.encode()) for number, text in enumerate((*texts, DESKS), 1)]
    return assemble_market(plain_figures(named, SCHEMA), SCHEMA, {"floor_rate": "0.2"}, price_time=9)


def test_columns_labels_and_axes() -> None:
    built = build(ROWS, GRID)
    check_tables(RULES, built.tables)
    tables = built.tables
    assert tables.sizes == {"instrument": 3, "scenario": 2, "sector": 2, "desk": 2}
    assert tables.names["scenario"] == ("up", "down")
    assert tables.names["sector"] == ("tech", "bank")
    assert tables.columns["mark"].values.tolist() == [150, 2000, 300]
    assert tables.columns["beta"].values.tolist() == [-5, 10, 20]
    assert tables.columns["pnl"].values.tolist() == [[100, -125], [200, -200], [50, 0]]
    assert tables.labels["sector"].indices == (0, -1, 1)
    assert {name: int(column.values) for name, column in tables.parameters.items()} == {"factor": 15, "floor_rate": 2}
    assert [instrument.id for instrument in built.listing.instruments] == ["A", "B", "C"]
    assert built.listing.axes == {"desk": ("one", "two")}
    assert [source.name for source in built.sources] == ["1.csv", "2.csv", "3.csv"]
    assert built.price_time == 9


def test_files_and_rows_in_any_order() -> None:
    assert build(GRID, ROWS).tables == build(ROWS, GRID).tables


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ((ROWS,), "nothing for the axis `scenario`"),
        ((GRID,), "nothing for the axis `sector`"),
        ((ROWS, GRID, "instrument,beta\nA,1\n"), "`beta` is there twice; 3.csv:1"),
        ((ROWS.replace("mark", "price"), GRID), "instrument,mark,beta,sector | instrument,scenario,pnl"),
        ((ROWS.replace("mark", "pnl"), GRID), "a header names axes, then columns over just these axes"),
        ((ROWS.replace("mark", "beta"), GRID), "each once"),
        (("", GRID), "a header names axes"),
        ((ROWS, GRID.partition("\n")[0]), "a table has no rows; 2.csv"),
        (("instrument,\nA,\n", GRID), "a header names axes"),
        ((ROWS + "A,1,1,tech\n", GRID), "a row comes twice: A; 1.csv:5"),
        ((ROWS + "D,1,1\n", GRID), "wrong number of cells; expected 4, got 3; 1.csv:5"),
        ((ROWS + "D,1,1,tech\n", GRID), "`pnl` has no value for D, up"),
        (
            (ROWS.replace("1.5", "1.505"), GRID),
            "at most 2 decimals; got 1.505; 1.csv:2",
        ),
        ((ROWS.replace("1.5", "1e2"), GRID), "`mark` is not a plain decimal"),
        ((ROWS.replace("1.5", ""), GRID), "`mark` is not a plain decimal"),
    ],
)
def test_refused(texts: tuple[str, ...], words: str) -> None:
    with pytest.raises(MarketSource) as caught:
        build(*texts)
    assert words in str(caught.value)


def test_bounds_are_those_of_the_rule_set() -> None:
    with pytest.raises(ParameterCondition, match=r"`pnl` is outside the bounds.*A at down"):
        build(ROWS, GRID.replace("-1.25", "-125"))


def test_text_that_is_not_utf_8() -> None:
    with pytest.raises(MarketSource, match=r"not UTF-8 text; a\.csv:2"):
        plain_figures([("a.csv", b"instrument,mark\n\xff,1\n")], SCHEMA)
