"""Rule files as YAML: what is refused, of what kind, at which place."""

from __future__ import annotations

import re

import pytest
from sample_rules import problems_of, rules_of, sample

from zkmargin.circuits.rules import load_rules, parse_rules
from zkmargin.circuits.rules.document import effective_interval
from zkmargin.circuits.rules.reader import MAX_BYTES, exact
from zkmargin.circuits.rules.tree import ONE, Role, Unit
from zkmargin.errors import FileUnreadable, RuleError

GOOD = sample({"loss": "-sum(size * pnl, over=i)"})


def changed(old: str, new: str) -> str:
    if GOOD.count(old) != 1:
        raise ValueError(old)
    return GOOD.replace(old, new)


REFUSED: list[tuple[str, str, str, str, str]] = [
    # what, kind, message (start), marked text, file
    (
        "unknown key",
        "schema",
        "unknown key `bindings` in a rule set",
        "bindings",
        "bindings: public\n" + GOOD,
    ),
    (
        "unknown nested key",
        "schema",
        "unknown key `decimal` in column `rate`; did you mean `decimals`?",
        "decimal",
        changed("rate: {axes: [t], decimals: 2", "rate: {axes: [t], decimals: 2, decimal: 2"),
    ),
    (
        "the axis of venues by hand",
        "axis",
        "`venue` is the axis of several venues, made by `venues: 2` or more",
        "venue",
        changed("  s: {size: 3}", "  s: {size: 3}\n  venue: {size: 2}"),
    ),
    (
        "a venue's column without the axis of venues",
        "axis",
        "`size` is `from: venue`, and there are 2: it needs the axis `venue`",
        "size",
        changed("axes:\n  i", "venues: 2\naxes:\n  i"),
    ),
    (
        "too many venues",
        "schema",
        "`venues` must be a whole number from 1 to 16",
        "17",
        changed("axes:\n  i", "venues: 17\naxes:\n  i"),
    ),
    (
        "cash that nobody signs",
        "axis",
        "`cash` is a scalar of each venue",
        "cash",
        changed("max: 100, from: venue}\n  lever", "max: 100, from: prover}\n  lever"),
    ),
    (
        "an unknown source",
        "schema",
        "`from` must be `venue` or `chain` or `prover`",
        "bank",
        changed("max: 100, from: venue}\n  lever", "max: 100, from: bank}\n  lever"),
    ),
    (
        "a copy of an axis declared later",
        "axis",
        "`like` names an axis declared before",
        "t",
        changed("  s: {size: 3}", "  s: {size: 3}\n  u: {like: t}"),
    ),
    (
        "a copy of a copy",
        "axis",
        "`like` names an axis declared before",
        "u",
        changed("  s: {size: 3}", "  s: {size: 3}\n  u: {like: s}\n  w: {like: u}"),
    ),
    (
        "a copy of another size",
        "schema",
        "axis `u` is `like` another and takes nothing else",
        "{like: s, size: 3}",
        changed("  s: {size: 3}", "  s: {size: 3}\n  u: {like: s, size: 3}"),
    ),
    (
        "a name of a copied axis for a column",
        "name",
        "`u` is already a label",
        "u",
        changed("  s: {size: 3}", "  s: {size: 3}\n  u: {like: s}").replace(
            "parameters:\n", "parameters:\n  u: {decimals: 0, min: 0, max: 1}\n"
        ),
    ),
    (
        "too few fixed groups",
        "schema",
        "`fixed` of `part` has 2 groups, `s` 3 rows",
        "[0, 1]",
        changed("  s: {size: 3}", "  s: {size: 3}\n  u: {size: 2}").replace(
            "  group:", "  part: {label: s > u, fixed: [0, 1]}\n  group:"
        ),
    ),
    (
        "a fixed group beyond the last",
        "schema",
        "a group of `part` lies between 0 and 1, or is -1 for none",
        "2",
        changed("  s: {size: 3}", "  s: {size: 3}\n  u: {size: 2}").replace(
            "  group:", "  part: {label: s > u, fixed: [0, 1, 2]}\n  group:"
        ),
    ),
    (
        "a fixed label from an axis of varying size",
        "axis",
        "a fixed label needs axes of exact size; `i` has a capacity",
        "[0, 1, 2, 0, 1]",
        changed("group: {label: i > g}", "group: {label: i > g, fixed: [0, 1, 2, 0, 1]}"),
    ),
    (
        "missing key",
        "schema",
        "parameter `tilt` lacks `decimals`",
        "{min: -3, max: 3}",
        changed("tilt: {decimals: 1, min", "tilt: {min"),
    ),
    ("missing section", "schema", "a rule set lacks `equity`", "rules: 1", changed("equity: cash\n", "")),
    ("duplicate section", "schema", "duplicate key `equity`", "equity", GOOD + "equity: cash\n"),
    (
        "duplicate column",
        "schema",
        "duplicate key `cash`",
        "cash",
        changed("equity: cash", "equity: cash").replace("  cash: {unit", "  cash: {unit: usd}\n  cash: {unit"),
    ),
    (
        "duplicate nested key",
        "schema",
        "duplicate key `min`",
        "min",
        changed("tilt: {decimals: 1, min: -3", "tilt: {decimals: 1, min: -3, min: -2"),
    ),
    ("number as key", "schema", "a key of `axes` must be text", "1", changed("  s: {size", "  1: {size")),
    ("truth as key", "schema", "a key of `axes` must be text", "yes", changed("  s: {size", "  yes: {size")),
    (
        "list as key",
        "schema",
        "a key of `axes` must be text",
        "[a]",
        changed("  s: {size", "  ? [a]\n  : {size"),
    ),
    ("merge key", "schema", "a key of `axes` must be text", "<<", changed("  s: {size", "  <<: {size")),
    (
        "letters of other scripts",
        "schema",
        "a name has ASCII letters",
        "sizé",
        changed("  tilt: {", "  sizé: {"),
    ),
    (
        "look-alike letters",
        "schema",
        "a name has ASCII letters",
        "\uff53ize",
        changed("  tilt: {", "  \uff53ize: {"),
    ),
    ("long name", "schema", "a name has ASCII letters", "n" * 65, changed("  tilt: {", f"  {'n' * 65}: {{")),
    ("version", "schema", "`rules` must be `1`", "2", changed("rules: 1", "rules: 2")),
    ("title", "schema", "`name` has lower-case letters", "Sample", changed("name: sample", "name: Sample")),
    ("binding", "schema", "`binding` must be `public` or `committed`", "secret", "binding: secret\n" + GOOD),
    (
        "value_bits",
        "schema",
        "`value_bits` must be a whole number from 16 to 128",
        "250",
        "value_bits: 250\n" + GOOD,
    ),
    (
        "scalar for a mapping",
        "schema",
        "`axes` must be a mapping",
        "nothing",
        re.sub(r"axes:\n(  .*\n){4}", "axes: nothing\n", GOOD, count=1),
    ),
    (
        "mapping for text",
        "schema",
        "`equity` must be text",
        "{a: cash}",
        changed("equity: cash", "equity: {a: cash}"),
    ),
    ("empty expression", "schema", "`equity` is empty", "", changed("equity: cash", "equity: ''")),
    (
        "both sizes",
        "schema",
        "axis `s` has either `size`",
        "{size: 3, capacity: 3}",
        changed("s: {size: 3}", "s: {size: 3, capacity: 3}"),
    ),
    ("no size", "schema", "axis `s` has either `size`", "{}", changed("s: {size: 3}", "s: {}")),
    (
        "padded size",
        "schema",
        "an axis of exact `size` is not padded",
        "zero",
        changed("s: {size: 3}", "s: {size: 3, pad: zero}"),
    ),
    (
        "unknown padding",
        "schema",
        "`pad` must be `zero` or `repeat`",
        "mirror",
        changed("pad: repeat", "pad: mirror"),
    ),
    ("size 0", "schema", "`size` must be a whole number", "0", changed("s: {size: 3}", "s: {size: 0}")),
    (
        "huge size",
        "schema",
        "`size` must be a whole number",
        "9" * 40,
        changed("size: 3}", f"size: {'9' * 40}}}"),
    ),
    (
        "octal size",
        "schema",
        "`size` must be a whole number",
        "010",
        changed("s: {size: 3}", "s: {size: 010}"),
    ),
    (
        "quoted size",
        "schema",
        "`size` must be a whole number",
        '"3"',
        changed("s: {size: 3}", 's: {size: "3"}'),
    ),
    (
        "infinite bound",
        "schema",
        "`max` must be a plain decimal",
        ".inf",
        changed("tilt: {decimals: 1, min: -3, max: 3", "tilt: {decimals: 1, min: -3, max: .inf"),
    ),
    (
        "hexadecimal bound",
        "schema",
        "`max` must be a plain decimal",
        "0xff",
        changed("min: 0, max: 50", "min: 0, max: 0xff"),
    ),
    (
        "sexagesimal bound",
        "schema",
        "`max` must be a plain decimal",
        "1:30",
        changed("min: 0, max: 50", "min: 0, max: 1:30"),
    ),
    (
        "underscored bound",
        "schema",
        "`max` must be a plain decimal",
        "1_000",
        changed("min: 0, max: 50", "min: 0, max: 1_000"),
    ),
    (
        "huge exponent",
        "schema",
        "`max` must be a plain decimal",
        "1e999999999",
        changed("min: 0, max: 50", "min: 0, max: 1e999999999"),
    ),
    (
        "too many decimals",
        "schema",
        "`max` has more than 0 decimals",
        "0.5",
        changed("min: 0, max: 50", "min: 0, max: 0.5"),
    ),
    (
        "crossed bounds",
        "schema",
        "`min` is above `max`",
        "60",
        changed("min: 0, max: 50", "min: 60, max: 50"),
    ),
    ("default outside", "schema", "`default` is outside", "9.9", changed("default: 1.3", "default: 9.9")),
    (
        "default of a private column",
        "schema",
        "unknown key `default` in private column `held`",
        "default",
        changed("max: 9, from: venue", "max: 9, default: 0, from: venue"),
    ),
    (
        "who vouches",
        "schema",
        "`from` must be `venue`",
        "me",
        changed("max: 9, from: venue", "max: 9, from: me"),
    ),
    ("no axes", "schema", "`weight` has no axes", "[]", changed("weight: {axes: [i]", "weight: {axes: []")),
    ("unknown axis", "axis", "unknown axis `j`", "j", changed("weight: {axes: [i]", "weight: {axes: [j]")),
    (
        "axes out of order",
        "axis",
        "axes of `pnl` must be in declared order",
        "[s, i]",
        changed("axes: [i, s]", "axes: [s, i]"),
    ),
    (
        "axis twice",
        "axis",
        "axes of `weight` must be in declared order",
        "[i, i]",
        changed("weight: {axes: [i]", "weight: {axes: [i, i]"),
    ),
    (
        "cash with axes",
        "axis",
        "`cash` is a scalar",
        "cash",
        changed("cash: {unit", "cash: {axes: [s], unit"),
    ),
    (
        "private on repeated rows",
        "pad",
        "`t` repeats its last row",
        "held",
        changed("held: {axes: [i]", "held: {axes: [t]"),
    ),
    ("label to repeated rows", "pad", "`t` repeats its last row", "group", changed("i > g", "i > t")),
    ("label to itself", "axis", "a label leads to another axis", "i > i", changed("i > g", "i > i")),
    ("label of nothing", "axis", "unknown axis `j`", "j > g", changed("i > g", "j > g")),
    ("label by words", "schema", "a label reads like", "i to g", changed("i > g", "i to g")),
    (
        "unit",
        "unit",
        "a unit reads like",
        "usd per lot",
        changed("cash: {unit: usd", "cash: {unit: usd per lot"),
    ),
    (
        "unit twice divided",
        "unit",
        "a unit reads like",
        "usd/lot/day",
        changed("cash: {unit: usd", "cash: {unit: usd/lot/day"),
    ),
    ("column twice", "name", "`size` is already a column", "size", changed("  tilt: {", "  size: {")),
    (
        "definition of a column",
        "name",
        "`cash` is already a column",
        "cash",
        changed("  loss: -", "  cash: -"),
    ),
    (
        "definition of a label",
        "name",
        "`group` is already a label",
        "group",
        changed("  loss: -", "  group: -"),
    ),
    (
        "large column",
        "axis",
        "`pnl` has more than 4194304 elements",
        "pnl",
        changed("s: {size: 3}", "s: {size: 1000000}"),
    ),
]


@pytest.mark.parametrize(
    ("kind", "message", "marked", "text"),
    [entry[1:] for entry in REFUSED],
    ids=[entry[0] for entry in REFUSED],
)
def test_refused(kind: str, message: str, marked: str, text: str) -> None:
    found = [p for p in problems_of(text) if p.message.startswith(message)]
    assert len(found) == 1, problems_of(text)
    span = found[0].span
    assert found[0].kind == kind
    assert span.text == re.split("\r?\n", text)[span.line - 1]
    assert span.text[span.column - 1 :][: span.width].startswith(marked)


BAD_YAML: list[tuple[str, bytes, int, str]] = [
    ("empty", b"", 1, "the file is empty"),
    ("comment only", b"# nothing\n", 1, "the file is empty"),
    ("not UTF-8", b"rules: 1\nname: \xff\n", 2, "not UTF-8"),
    ("control character", b"rules: 1\nname: a\x00b\n", 2, "character not allowed"),
    ("second document", b"rules: 1\n---\nrules: 1\n", 2, "but found another document"),
    ("anchor", b"rules: &a 1\n", 1, "anchors and aliases are not allowed"),
    ("alias", b"rules: *a\n", 1, "anchors and aliases are not allowed"),
    ("anchored key", b"&a rules: 1\n", 1, "anchors and aliases are not allowed"),
    ("tag", b"rules: !!python/object/apply:os.system ['true']\n", 1, "tags are not allowed"),
    ("plain tag", b"rules: !!str 1\n", 1, "tags are not allowed"),
    ("deep lists", b"rules: " + b"[" * 50_000, 1, "nested too deeply"),
    ("deep mappings", b"rules: " + b"{a: " * 20_000, 1, "nested too deeply"),
    ("unclosed", b"rules: {a: 1\n", 2, "expected ',' or '}', but got '<stream end>'"),
    ("tab", b"rules:\n\t- 1\n", 2, "found character '\\t' that cannot start any token"),
    ("too long", b"#" * (MAX_BYTES + 1), 1, f"a rule file has at most {MAX_BYTES} bytes"),
]


@pytest.mark.parametrize(
    ("text", "line", "message"), [entry[1:] for entry in BAD_YAML], ids=[entry[0] for entry in BAD_YAML]
)
def test_bad_yaml(text: bytes, line: int, message: str) -> None:
    (problem,) = problems_of(text)
    assert (problem.kind, problem.span.line, problem.message) == ("yaml", line, message)


def test_billion_laughs_stop_at_the_first_anchor() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(40))
    (problem,) = problems_of(bomb)
    assert (problem.kind, problem.span.line, problem.span.column) == ("yaml", 1, 4)


def test_several_mistakes_come_at_once_in_the_order_of_the_file() -> None:
    text = GOOD.replace("s: {size: 3}", "s: {size: -3}").replace("default: 1.3", "default: x")
    text = text.replace("held: {axes: [i]", "held: {axis: [i]")
    messages = [problem.message for problem in problems_of(text)]
    assert [m.split()[0] for m in messages if "unknown axis `s`" not in m] == [
        "`size`",
        "`default`",
        "unknown",
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", (0, 1)),
        ("-0", (0, 1)),
        ("12", (12, 1)),
        ("-1e12", (-(10**12), 1)),
        ("1e7", (10**7, 1)),
        ("0.0001", (1, 10**4)),
        ("1.50", (15, 10)),
        ("1.5e3", (1500, 1)),
        ("2.5E-3", (25, 10**4)),
        ("1e-4", (1, 10**4)),
        ("100e-2", (1, 1)),
        ("0.1", (1, 10)),
        ("123456789012345678901234567890.1", (1234567890123456789012345678901, 10)),
    ],
)
def test_numbers_are_exact(text: str, value: tuple[int, int]) -> None:
    assert exact(text) == value


@pytest.mark.parametrize(
    "text", ["", "+1", ".5", "1.", "01", "1e", "1e100", "0x1", "1_0", "nan", "inf", "١", "1 ", "9" * 61]
)
def test_not_numbers(text: str) -> None:
    assert exact(text) is None


def test_bounds_that_no_float_holds() -> None:
    text = changed(
        "unit: usd, decimals: 2, min: -100, max: 100",
        "unit: usd, decimals: 2, min: -9007199254740993.01, max: 0.1",
    )
    cash = parse_rules(text.encode()).columns["cash"]
    assert (cash.minimum, cash.maximum) == (-900719925474099301, 10)


@pytest.mark.parametrize(
    ("low", "high", "interval"),
    [
        (-(10**11), 10**11, (-(2**37), 2**37 - 1)),
        (0, 9, (0, 15)),
        (0, 15, (0, 15)),
        (0, 16, (0, 31)),
        (3, 9, (0, 15)),
        (0, 0, (0, 1)),
        (-1, 0, (-1, 0)),
        (-1, 1, (-2, 1)),
        (-128, 127, (-128, 127)),
        (-129, 0, (-256, 255)),
        (-1, 128, (-256, 255)),
        (-9, -5, (-16, 15)),
    ],
)
def test_effective_intervals(low: int, high: int, interval: tuple[int, int]) -> None:
    assert effective_interval(low, high) == interval


def test_declarations() -> None:
    rules = rules_of()
    assert [c.name for c in rules.private] == ["size", "held", "cash", "lever", "bias"]
    assert [c.name for c in rules.parameters] == ["factor", "tilt"]
    price, size, factor = (rules.columns[name] for name in ("price", "size", "factor"))
    assert (price.minimum, price.maximum, price.lo, price.hi) == (10, 90, 0, 90)  # padded with zeros
    assert (size.role, size.lo, size.hi, size.bits) == (Role.PRIVATE, -256, 255, 9)
    assert (factor.default, factor.unit, factor.axes) == (13, ONE, ())
    assert price.unit == Unit((("lot", -1), ("usd", 1)))
    assert str(price.unit) == "usd/lot"
    assert rules.value_bits is None
    assert rules.shape(("i", "s")) == (5, 3)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("usd", "usd"),
        ("usd/lot", "usd/lot"),
        ("1/day", "1/day"),
        ("1/(usd*day^2)", "1/(day^2*usd)"),
        ("usd*lot/usd", "lot"),
        ("1", "1"),
        ("(usd)", "usd"),
    ],
)
def test_units(text: str, shown: str) -> None:
    rules = parse_rules(changed("tilt: {decimals", f"tilt: {{unit: {text}, decimals").encode())
    assert str(rules.columns["tilt"].unit) == shown


WRAPPED: list[tuple[str, str]] = [
    ("plain", "equity: cash + sum(size\n    * prices, over=i)\n"),
    ("literal block", "equity: |\n  cash\n  + sum(size * prices, over=i)\n"),
    ("folded block", "equity: >-\n  cash + sum(size *\n    prices, over=i)\n"),
    ("single quotes", "equity: 'cash + sum(size * prices, over=i)'\n"),
    ("double quotes", 'equity: "cash + sum(size * prices, over=i)"\n'),
    ("comment behind", "equity: cash + sum(size * prices, over=i)  # prices, prices\n"),
    ("carriage returns", "equity: >\r\n  cash + sum(size *\r\n  prices, over=i)\r\n"),
]


@pytest.mark.parametrize("equity", [entry[1] for entry in WRAPPED], ids=[entry[0] for entry in WRAPPED])
def test_places_survive_every_way_to_wrap_a_line(equity: str) -> None:
    text = changed("equity: cash\n", equity)
    (problem,) = problems_of(text)
    span = problem.span
    assert problem.message == "unknown name `prices`; did you mean `price`?"
    assert span.text[span.column - 1 :][: span.width] == "prices"
    assert re.split("\r?\n", text)[span.line - 1] == span.text
    assert parse_rules(text.replace("prices, over", "price, over").encode()).equity is not None


def test_escapes_in_expressions_are_refused() -> None:
    (problem,) = problems_of(changed("equity: cash\n", 'equity: "c\\x61sh"\n'))
    assert problem.message == "write `equity` without YAML escapes"


def test_the_digest_is_of_the_bytes() -> None:
    import hashlib

    assert parse_rules(GOOD.encode()).digest == hashlib.sha256(GOOD.encode()).digest()
    assert parse_rules((GOOD + "#\n").encode()).digest != parse_rules(GOOD.encode()).digest


def test_errors_are_input_errors_with_a_code() -> None:
    with pytest.raises(RuleError) as caught:
        parse_rules(b"rules: 2\n", "mine.yaml")
    assert caught.value.code == "E_RULE"
    assert caught.value.exit_code == 2
    assert (caught.value.as_json()["where"] or "").startswith("mine.yaml:1:")


@pytest.mark.parametrize("name", ["portfolio_scam", "../portfolio_scan", "/nowhere/x.yaml"])
def test_files_that_are_not_there(name: str) -> None:
    with pytest.raises(FileUnreadable):
        load_rules(name)
