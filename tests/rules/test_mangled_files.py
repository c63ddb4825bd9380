"""Mangled rule files are accepted or refused with problems; nothing else ever comes out of the front end."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from zkmargin.circuits.rules import Problem, RuleProblems, RuleSet, load_rules, parse_rules
from zkmargin.circuits.rules.tree import LIMIT, walk

TEXT = (Path(__file__).parent / "small_scan.yaml").read_bytes()
PIECES = [
    b"\n", b"  ", b": ", b"- ", b"{", b"}", b"[", b"]", b"#", b"'", b'"', b"|", b">", b"&a ", b"*a ", b"!!x ", b"?",
    b"\xff", b"\x00", "\u2028".encode(), "\u00e9".encode(), b"\r", b"\t", b"%", b"---\n", b"<<: ", b"1e99", b"-", b"*",
    b"/ 3", b"over=", b"by=series", b"max(", b")", b"sum(", b", ", b"size", b"instrument", b"cash", b"0", b"9" * 30,
]  # fmt: skip


def outcome(text: bytes) -> tuple[RuleSet | None, tuple[Problem, ...]]:
    """The rule set, or the problems."""
    try:
        return parse_rules(text), ()
    except RuleProblems as refused:
        return None, refused.problems


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(TEXT)), st.integers(0, 12), st.sampled_from(PIECES)), max_size=4))
def test_mangled(edits: list[tuple[int, int, bytes]]) -> None:
    text = TEXT
    for start, length, piece in edits:
        text = text[:start] + piece + text[start + length :]
    rules, problems = outcome(text)
    for problem in problems:
        assert str(problem)
        shown = any(line.startswith(b"rules:") for line in text.splitlines())  # of another file, nothing is
        assert 1 <= problem.span.column <= (len(problem.span.text) if shown else len(text)) + 1
    assert (rules is None) == bool(problems)
    if rules is None:
        return
    for node in walk(rules.roots):
        assert -LIMIT < node.type.lo <= node.type.hi < LIMIT


@settings(max_examples=120, deadline=None)
@given(st.lists(st.sampled_from([piece.decode("latin-1") for piece in PIECES] + ["a", "(", "1", "<="]), max_size=9))
def test_mangled_expressions(pieces: list[str]) -> None:
    text = TEXT.decode().replace("equity: cash +", "equity: cash + " + "".join(pieces) + " +")
    rules, problems = outcome(text.encode())
    assert (rules is None) == bool(problems)


def test_the_file_itself_loads() -> None:
    assert load_rules(Path(__file__).parent / "small_scan.yaml").text == TEXT
