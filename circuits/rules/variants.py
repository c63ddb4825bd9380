"""Another rule file from the same text: another table binding, other capacities.     specs/rules.md#variants

Only the values of ``name``, ``binding``, ``lines`` and of capacities change, where they stand; every other byte below
the opening comment is the original's. So what two bindings say of an account is one text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from zkmargin.circuits.rules.load import parse_rules
from zkmargin.circuits.rules.reader import Reader
from zkmargin.errors import RuleError


def variant(
    text: bytes,
    file: str,
    *,
    name: str,
    binding: str,
    capacities: Mapping[str, int] | None = None,
    lines: int | None = None,
) -> bytes:
    """The bytes of the variant, a valid rule file whose opening comment says where it comes from.

    ``capacities``: by axis; of an axis of exact size, that size. Raises RuleProblems where the text, or the variant, is
    no rule set, RuleError for an axis or a line count that the text does not state.
    """
    parse_rules(text, file)
    decoded = text.decode("utf-8")
    edits: dict[tuple[int, int], str] = {}
    root = Reader(text, file).root
    top, expected = _entries(root), _content(root)

    def replace(entries: Mapping[str, yaml.Node], content: dict[str, Any], key: str, value: str) -> None:
        if key not in entries:
            raise RuleError(f"the text states no `{key}` that could be another", where=file)
        node = entries[key]
        edits[node.start_mark.index, node.end_mark.index] = value
        content[key] = value

    replace(top, expected, "name", name)
    if "binding" in top:
        replace(top, expected, "binding", binding)
    else:
        end = top["name"].end_mark.index
        edits[end, end] = f"\nbinding: {binding}"
        expected["binding"] = binding
    if lines is not None:
        replace(top, expected, "lines", str(lines))
    axes = _entries(top["axes"])
    for axis, size in (capacities or {}).items():
        declared = _entries(axes[axis]) if axis in axes else {}
        if declared.keys().isdisjoint(("size", "capacity")):
            raise RuleError(f"the text has no axis `{axis}` of its own size", where=file, expected=" or ".join(axes))
        replace(declared, expected["axes"][axis], "size" if "size" in declared else "capacity", str(size))
    changed = decoded
    for (start, end), value in sorted(edits.items(), reverse=True):
        changed = changed[:start] + value + changed[end:]
    changed = changed[_opening_comment(changed) :]
    opening = (
        f"# Made by `zkmargin rules variant` from {file}, which tells sources, units and what builds the tables. The\n"
        f"# same text in the binding `{binding}`, but for name, binding and capacities.\n"
    )
    result = (opening + changed).encode("utf-8")
    parse_rules(result, f"{name}.yaml")
    if _content(Reader(result, f"{name}.yaml").root) != expected:
        words = "a value that is to be another does not stand on one line of its own"
        raise RuleError(words, where=file, hint="write name, binding, lines and capacities as plain values")
    return result


def _content(node: yaml.Node) -> Any:
    """What a YAML text says: scalars are text."""
    if isinstance(node, yaml.MappingNode):
        return {key.value: _content(value) for key, value in node.value}
    return [_content(item) for item in node.value] if isinstance(node, yaml.SequenceNode) else node.value


def _entries(node: yaml.Node) -> dict[str, yaml.Node]:
    return {key.value: value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}


def _opening_comment(text: str) -> int:
    """The length of the comment that a text opens with."""
    length = 0
    for line in text.splitlines(keepends=True):
        if not line.startswith("#"):
            break
        length += len(line)
    return length
