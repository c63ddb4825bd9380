"""Expressions that are refused: kind, words, place, from syntax to intervals."""

from __future__ import annotations

import builtins

import pytest
from sample_rules import problems_of, rules_of, sample

from zkmargin.circuits.rules import FUNCTION_NAMES

REFUSED: list[tuple[str, str, str, str]] = [
    # expression, kind, message (start), marked text
    ("cash ** 2", "syntax", "not part of the rule language", "cash ** 2"),
    ("10**10**10", "syntax", "not part of the rule language", "10**10**10"),
    ("cash // 2", "syntax", "not part of the rule language", "cash // 2"),
    ("cash if cash else 0", "syntax", "not part of the rule language", "cash if cash else 0"),
    ("cash and cash", "syntax", "not part of the rule language", "cash and cash"),
    ("not cash", "syntax", "not part of the rule language", "not cash"),
    ("+cash", "syntax", "not part of the rule language", "+cash"),
    ("size[0]", "syntax", "not part of the rule language", "size[0]"),
    ("cash.real", "syntax", "not part of the rule language", "cash.real"),
    ("(cash, cash)", "syntax", "not part of the rule language", "(cash, cash)"),
    ("[cash for cash in size]", "syntax", "not part of the rule language", "[cash"),
    ("lambda", "syntax", "not a valid expression", "lambda"),
    ("max(*size)", "syntax", "not part of the rule language", "*size"),
    ("max(cash, **size)", "syntax", "not part of the rule language", "**size"),
    ("cash.real(size)", "syntax", "not part of the rule language", "cash.real(size)"),
    ("True + cash", "syntax", "a number reads like", "True"),
    ("None", "syntax", "a number reads like", "None"),
    ("cash = 1", "syntax", "not a valid expression", "="),
    ("cash +", "syntax", "not a valid expression", ""),
    ("(cash", "syntax", "not a valid expression", "("),
    ("cash cash", "syntax", "not a valid expression", "cash"),
    ("cash\\n", "syntax", "character '\\\\' is not allowed", "\\"),
    ("cash; cash", "syntax", "character ';' is not allowed", ";"),
    ("cash + 'a'", "syntax", 'character "\'" is not allowed', "'"),
    ("c\u00e4sh", "syntax", "character '\\xe4' is not allowed", "\u00e4"),
    ("\uff43ash", "syntax", "character '\\uff43' is not allowed", "\uff43"),  # NFKC would read cash
    ("cash\u00a0+ cash", "syntax", "character '\\xa0' is not allowed", ""),
    ("1_000 * cash", "syntax", "a number reads like", "1_000"),
    ("0x10 * cash", "syntax", "a number reads like", "0x10"),
    ("1j * cash", "syntax", "a number reads like", "1j"),
    (".5 * cash", "syntax", "a number reads like", ".5"),
    ("1. * cash", "syntax", "a number reads like", "1."),
    ("1or cash", "syntax", "a number reads like", "1or"),
    ("1e999 * cash", "syntax", "a number reads like", "1e999"),
    ("9" * 61, "syntax", "a number reads like", "9" * 61),
    ("1e99 * cash", "field", "value may reach 2^328.9", "1e99"),
    ("1e-99 * cash", "field", "too many decimals", "1e-99"),
    ("cash / 0", "syntax", "a divisor is a whole number", "0"),
    ("cash / 1.5", "syntax", "a divisor is a whole number", "1.5"),
    ("cash / -2", "syntax", "a divisor is a whole number", "-2"),
    ("cash / factor", "syntax", "a divisor is a whole number", "factor"),
    ("cash <= 1", "syntax", "comparisons belong under `conditions`", "cash <= 1"),
    ("-" * 100 + "cash", "syntax", "nested deeper", "-"),
    ("+".join(["cash"] * 90), "syntax", "nested deeper", "cash"),
    ("(" * 400 + "cash" + ")" * 400, "syntax", "not a valid expression", "("),
    ("-" * 3900 + "cash", "syntax", "not a valid expression", "-"),
    ("cash " * 1000, "syntax", "an expression has at most", "c"),
    ("cahs", "name", "unknown name `cahs`; did you mean `cash`?", "cahs"),
    ("zzz", "name", "unknown name `zzz`", "zzz"),
    ("print", "name", "unknown name `print`", "print"),
    ("__import__(cash)", "name", "unknown built-in `__import__`", "__import__(cash)"),
    ("eval(cash)", "name", "unknown built-in `eval`", "eval(cash)"),
    ("group", "name", "`group` is a label, not a value", "group"),
    ("max", "name", "`max` is a built-in and needs arguments", "max"),
    ("i", "name", "unknown name `i`", "i"),
    ("equity", "name", "unknown name `equity`", "equity"),
    ("root(cash)", "name", "unknown built-in `root`", "root(cash)"),
    ("maxx(cash, 0)", "name", "unknown built-in `maxx`; did you mean `max`?", "maxx(cash, 0)"),
    ("rising(rate, over=t)", "name", "`rising` stands alone under `conditions`", "rising(rate, over=t)"),
    ("max(cash)", "syntax", "`max` is written max(x, y, ...) or max(x, over=axis)", "max(cash)"),
    ("max()", "syntax", "`max` is written", "max()"),
    ("max(cash, 0, over=i)", "syntax", "`max` is written", "max(cash, 0, over=i)"),
    ("sum(size)", "syntax", "`sum` is written sum(x, over=axis) or sum(x, by=label)", "sum(size)"),
    ("sum(size, over=i, by=group)", "syntax", "`sum` is written", "sum(size, over=i, by=group)"),
    ("sum(size, axis=i)", "syntax", "`sum` is written", "sum(size, axis=i)"),
    ("abs(size, cash)", "syntax", "`abs` is written abs(x)", "abs(size, cash)"),
    ("positive(size, over=i)", "syntax", "`positive` is written positive(x)", "positive(size, over=i)"),
    ("sum(size, over=i, over=i)", "syntax", "`over` is given twice", "over=i"),
    ("sum(size, over=1)", "axis", "`over=` takes the name of an axis", "over=1"),
    ("sum(size, over=[])", "axis", "`over=` takes the name of an axis", "over=[]"),
    ("sum(size, over=[i, i])", "axis", "axis `i` is named twice", "i"),
    ("sum(size, over=max(i, i))", "syntax", "a keyword takes a name", "over=max(i, i)"),
    ("sum(size, by=[group])", "axis", "`by=` takes one label", "by=[group]"),
    ("sum(size, over=j)", "axis", "unknown axis `j`", "j"),
    ("sum(size, by=i)", "axis", "unknown label `i`", "i"),
    ("sum(size, over=s)", "axis", "`size` has axes [i]; it has no axis `s`", "s"),
    ("sum(cash, over=i)", "axis", "`cash` has no axes; it has no axis `i`", "i"),
    ("sum(pnl, over=[i, g])", "axis", "`pnl` has axes [i, s]; it has no axis `g`", "g"),
    (
        "sum(swing, by=group)",
        "axis",
        "`swing` has axes [s]; `sum` by this label needs `i`",
        "sum(swing, by=group)",
    ),
    (
        "sum(size * fee, by=group)",
        "axis",
        "`size * fee` already has the axis `g`",
        "sum(size * fee, by=group)",
    ),
    ("at(size, by=group)", "axis", "`size` has axes [i]; `at` by this label needs `g`", "at(size, by=group)"),
    ("at(fee * size, by=group)", "axis", "`fee * size` already has the axis `i`", "at(fee * size, by=group)"),
    ("cash + sum(size, over=i)", "unit", "cannot add usd and lot", "sum(size, over=i)"),
    ("cash - 1", "unit", "cannot subtract usd and 1", "1"),
    ("max(cash, factor)", "unit", "cannot compare usd and 1", "factor"),
    ("min(0, cash, tilt)", "unit", "cannot compare usd and 1", "tilt"),
    (
        "max(size, over=i)",
        "pad",
        "`i` is padded with zeros: max would gain a branch 0; use pad: repeat or size",
        "i",
    ),
    ("min(size, over=i)", "pad", "`i` is padded with zeros: min would gain a branch 0", "i"),
    ("sum(cut, over=t)", "pad", "`t` repeats its last row: sum would count its last row again", "t"),
    ("sum(size * price + cash, over=i)", "pad", "the sum over `i` would depend on its padding", "sum("),
    (
        "sum(max(abs(size) * price, cash), over=i)",
        "pad",
        "the sum over `i` would depend on its padding",
        "sum(",
    ),
    ("sum(weight + 1, over=i) * cash", "pad", "the sum over `i` would depend on its padding", "sum("),
    ("sum(size * price + sum(size * price, over=i), over=i)", "pad", "the sum over `i` would depend", "sum("),
    ("size * price", "pad", "the claim holds for every `i`, and equity is not 0 on its padded rows", "size"),
    ("1e75 * cash", "field", "value may reach 2^263.1", "1e75"),
]


@pytest.mark.parametrize(("text", "kind", "message", "marked"), REFUSED, ids=[entry[0][:50] for entry in REFUSED])
def test_refused(text: str, kind: str, message: str, marked: str) -> None:
    quoted = '"' + text.replace("\\", "\\\\") + '"' if text.startswith(("-", "[", "*")) else text
    found = [p for p in problems_of(sample(maintenance=quoted)) if p.kind != "unit" or kind == "unit"]
    assert [(p.kind, p.message[: len(message)]) for p in found] == [(kind, message)]
    span = found[0].span
    assert span.text == f"  maintenance: {quoted}"
    assert span.text[span.column - 1 :][: len(marked)] == marked
    assert span.column > len("  maintenance: ")


CONDITIONS: list[tuple[str, str, str]] = [
    ("cash >= 0", "visibility", "a condition reads the tables, not the account"),
    ("rising(size, over=i)", "visibility", "a condition reads the tables, not the account"),
    ("factor", "syntax", "a condition is a comparison, rising(...) or falling(...)"),
    ("factor != 1", "syntax", "character '!' is not allowed"),
    ("factor in rate", "syntax", "a condition compares with <= < == >= >"),
    ("not factor <= 1", "syntax", "not part of the rule language"),
    ("factor <= price", "unit", "cannot compare 1 and usd/lot"),
    ("rising(rate)", "syntax", "`rising` is written rising(x, over=axis)"),
    ("rising(rate, over=s)", "axis", "`rate` has axes [t]; it has no axis `s`"),
    ("rising(pnl, over=[i, s])", "axis", "`rising` runs over one axis"),
    ("max(factor, tilt)", "syntax", "a condition is a comparison, rising(...) or falling(...)"),
    ("rising(rising(rate, over=t), over=t)", "name", "`rising` stands alone under `conditions`"),
    ("sum(rate, over=t) <= 1", "pad", "`t` repeats its last row: sum would count its last row again"),
]


@pytest.mark.parametrize(("text", "kind", "message"), CONDITIONS, ids=[entry[0] for entry in CONDITIONS])
def test_refused_conditions(text: str, kind: str, message: str) -> None:
    found = problems_of(sample(conditions=["tilt <= 3", text]))
    assert {(p.kind, p.message.removesuffix("; use pad: zero or size")) for p in found} == {(kind, message)}
    assert found[0].span.text == f"  - {text}"


def test_cycles_are_named() -> None:
    text = sample({"a": "b + cash", "b": "max(c, cash)", "c": "-a", "d": "d"}, maintenance="a")
    found = [(p.kind, p.message, p.span.text) for p in problems_of(text)]
    assert found == [
        ("cycle", "a definition cannot use itself: `a` uses `b` uses `c` uses `a`", "  c: -a"),
        ("cycle", "a definition cannot use itself: `d` uses `d`", "  d: d"),
    ]


def test_one_mistake_is_reported_once_and_others_with_it() -> None:
    text = sample(
        {
            "loss": "-sum(size * pnl, over=i) + cash * cash",
            "scan": "max(loss, over=s)",
            "other": "cash + size",
        },
        maintenance="scan * factor",
        equity="cash + factor",
    )
    found = [(p.kind, p.span.text.strip().partition(":")[0]) for p in problems_of(text)]
    assert found == [("unit", "loss"), ("unit", "other"), ("unit", "equity")]


def test_units_of_equity_and_requirement_must_agree() -> None:
    (problem,) = problems_of(sample(equity="sum(size, over=i)", maintenance="cash"))
    assert (problem.kind, problem.message) == ("unit", "maintenance is in usd, equity in lot")


def test_deep_definitions_are_no_deep_recursion() -> None:
    chain = {"d0": "cash"} | {f"d{n + 1}": f"max(d{n} + cash, 0)" for n in range(900)}
    assert problems_of(sample(chain, maintenance="d900")) == []
    doubling = {"d0": "tilt"} | {f"d{n + 1}": f"d{n} * d{n}" for n in range(200)}
    found = problems_of(sample(doubling, maintenance="d200 * cash"))
    assert [p.kind for p in found] == ["field"]


@pytest.mark.parametrize("name", [*FUNCTION_NAMES, "equity", "maintenance", "initial", "over", "by"])
def test_words_of_the_language_are_not_free(name: str) -> None:
    assert [p.kind for p in problems_of(sample({name: "cash"}))] == ["name"]
    text = sample().replace("  tilt: {", f"  {name}: {{")
    assert [p.kind for p in problems_of(text)] == ["name"]


@pytest.mark.parametrize("name", ["print", "eval", "type", "list", "sorted", "__builtins__", "object", "i", "g"])
def test_names_of_python_mean_nothing_here(name: str) -> None:
    assert name in dir(builtins) or name in ("__builtins__", "i", "g")
    rules = rules_of(definitions={name: "cash + cash"}, maintenance=name)
    assert rules.definitions[name] is not None


def test_every_error_shows_line_caret_kind_and_help() -> None:
    from zkmargin.circuits.rules import RuleProblems, parse_rules

    with pytest.raises(RuleProblems) as caught:
        parse_rules(sample(maintenance="root(cash)").encode(), "sample.yaml")
    line = caught.value.problems[0].span.line
    assert str(caught.value) == (
        "E_RULE: not a valid rule set\n"
        f"sample.yaml:{line} maintenance: root(cash)\n"
        f"{' ' * len(f'sample.yaml:{line} maintenance: ')}^^^^^^^^^^\n"
        "  error[name]: unknown built-in `root`\n"
        "  help: built-ins are sum, at, max, min, positive, abs, div, floor, ceil, nearest, sqrt, step, value_at_risk, "
        "expected_shortfall, match, pick"
    )
