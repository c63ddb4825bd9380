"""docs/rule-sets.md lists every shipped rule set, with the size that the golden file has."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path

from zkmargin.circuits.rules import list_rules

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "rule-sets.md"
ROW = re.compile(r"^\| `(\w+)` \| (.*) \| ([0-9,]+|GOLDEN) \|$", re.MULTILINE)


def test_every_rule_set_is_listed_with_its_size() -> None:
    """``ZKMARGIN_WRITE_GOLDEN=1`` writes the sizes."""
    with (ROOT / "tests" / "golden" / "constraints.csv").open() as file:
        sizes = {row["rules"]: int(row["constraints"]) for row in csv.DictReader(file)}
    text = PAGE.read_text()
    if os.environ.get("ZKMARGIN_WRITE_GOLDEN") == "1":
        text = ROW.sub(lambda row: f"| `{row[1]}` | {row[2]} | {sizes[row[1]]:,} |", text)
        PAGE.write_text(text)
    listed = [(name, size) for name, _, size in ROW.findall(text)]
    assert sorted(name for name, _ in listed) == list(list_rules())
    assert dict(listed) == {name: f"{sizes[name]:,}" for name in list_rules()}
