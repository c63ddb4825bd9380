"""Rule files made from others: the same text but for name, binding and capacities."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from zkmargin.circuits.rules import RuleProblems, list_rules, load_rules
from zkmargin.circuits.rules.variants import variant
from zkmargin.errors import RuleError

FOLDER = Path(__file__).parents[2] / "specs" / "rules"
MADE = {
    "cross_bracket": ({"instrument": 8}, None),
    "portfolio_scan": ({"instrument": 64}, None),
    "cross_chain": ({"instrument": 16, "asset": 8, "risk": 4}, 4),
}


def made(name: str) -> bytes:
    capacities, lines = MADE[name]
    text = (FOLDER / f"{name}.yaml").read_bytes()
    title = f"{name}_committed"
    return variant(text, f"{name}.yaml", name=title, binding="committed", capacities=capacities, lines=lines)


@pytest.mark.parametrize("name", MADE)
def test_the_shipped_variants_are_what_their_originals_give(name: str) -> None:
    assert (FOLDER / f"{name}_committed.yaml").read_bytes() == made(name)


def test_all_that_are_committed_are_among_them() -> None:
    committed = {name for name in list_rules() if load_rules(name).binding == "committed"}
    assert committed == {f"{name}_committed" for name in MADE}


@pytest.mark.parametrize("name", MADE)
def test_all_else_is_the_original(name: str) -> None:
    one, other = (yaml.safe_load(text) for text in ((FOLDER / f"{name}.yaml").read_bytes(), made(name)))
    assert (one.pop("binding"), other.pop("binding")) == ("public", "committed")
    assert (one.pop("name"), other.pop("name")) == (name, f"{name}_committed")
    one.pop("lines", None)
    assert other.pop("lines", None) == MADE[name][1]
    for axis, size in MADE[name][0].items():
        one["axes"][axis]["capacity"] = size
    assert one == other
    assert list(one["axes"]) == list(other["axes"])


def test_back_to_the_original() -> None:
    """Both ways: the text below the opening comment is again the original's."""
    original = (FOLDER / "cross_bracket.yaml").read_bytes()
    back = variant(
        made("cross_bracket"), "x.yaml", name="cross_bracket", binding="public", capacities={"instrument": 64}
    )
    below = re.compile(rb"^rules: .*", re.MULTILINE | re.DOTALL)
    assert below.findall(back) == below.findall(original)


def test_a_text_that_states_no_binding() -> None:
    text = re.sub(rb"(?m)^binding: public\n", b"", (FOLDER / "isolated_fee.yaml").read_bytes())
    assert yaml.safe_load(variant(text, "x.yaml", name="x", binding="committed"))["binding"] == "committed"


def test_an_exact_size() -> None:
    text = (FOLDER / "portfolio_scan.yaml").read_bytes()
    changed = variant(text, "x.yaml", name="x", binding="public", capacities={"scenario": 27})
    assert yaml.safe_load(changed)["axes"]["scenario"] == {"size": 27}


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("portfolio_scan", {"capacities": {"tier": 5}}, "no axis `tier`"),
        ("portfolio_scan", {"lines": 3}, "states no `lines`"),
        ("simm_equity", {"capacities": {"other": 5}}, "no axis `other`"),  # a copy of another
    ],
)
def test_what_the_text_does_not_state(name: str, changes: dict[str, dict[str, int]], words: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_bytes()
    with pytest.raises(RuleError, match=words):
        variant(text, f"{name}.yaml", name="x", binding="committed", **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("written", ["'64'", '"64"', "64  # of them", "!!str 64", "|-\n        64", ">-\n      64\n"])
def test_however_a_value_is_written(written: str) -> None:
    """The variant says the same but for what was asked, or there is none."""
    text = (FOLDER / "cross_bracket.yaml").read_text()
    block = f"instrument:\n    capacity: {written}"
    given = text.replace("instrument: {capacity: 64}", block).replace("name: cross_bracket", "name: 'cross_bracket'")
    try:
        changed = variant(given.encode(), "x.yaml", name="x", binding="committed", capacities={"instrument": 8})
    except (RuleError, RuleProblems):
        assert written[0] in "!|>'\""  # the language takes plain numbers
        return
    one, other = yaml.safe_load(given), yaml.safe_load(changed)
    assert int(one["axes"]["instrument"].pop("capacity")) == 64
    assert int(other["axes"]["instrument"].pop("capacity")) == 8
    assert (other.pop("name"), other.pop("binding")) == ("x", "committed")
    assert one == {**other, "name": "cross_bracket", "binding": "public"}


@pytest.mark.parametrize("start", ["\ufeff", "# \u4e2d\U0001f600 wide\n", "\r\n", "---\n"])
def test_places_are_counted_in_characters(start: str) -> None:
    text = start + (FOLDER / "isolated_fee.yaml").read_text()
    try:
        changed = variant(text.encode(), "x.yaml", name="x", binding="committed")
    except (RuleError, RuleProblems):
        assert start in ("\ufeff", "---\n")
        return
    assert yaml.safe_load(changed) == {**yaml.safe_load(text), "name": "x", "binding": "committed"}


@pytest.mark.parametrize("changes", [{"name": "No Name"}, {"capacities": {"instrument": 0}}, {"binding": "secret"}])
def test_the_variant_is_a_rule_set_or_refused(changes: dict[str, object]) -> None:
    text = (FOLDER / "portfolio_scan.yaml").read_bytes()
    with pytest.raises(RuleProblems):
        variant(text, "x.yaml", **{"name": "x", "binding": "committed"} | changes)  # type: ignore[arg-type]
