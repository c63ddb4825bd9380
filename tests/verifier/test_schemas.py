"""The published JSON Schemas are the generated ones, and agree with the parsers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from zkmargin.attestations.documents import DomainFile
from zkmargin.verifier.keys import KeyDescription
from zkmargin.verifier.schemas import DOCUMENTS, main, schema_files

SCHEMAS = Path(__file__).parents[2] / "specs" / "schemas"


def test_regeneration_is_clean(tmp_path: Path) -> None:
    main([str(tmp_path)])
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_text() for path in SCHEMAS.iterdir()}, (
        "run `python -m zkmargin.verifier.schemas specs/schemas`"
    )


@pytest.mark.parametrize("name", sorted(schema_files()))
def test_schemas_are_valid_and_closed(name: str) -> None:
    schema = json.loads(schema_files()[name])
    Draft202012Validator.check_schema(schema)

    def objects(node: object) -> list[dict[str, object]]:
        if isinstance(node, list):
            return [found for entry in node for found in objects(entry)]
        if not isinstance(node, dict):
            return []
        inner = [found for entry in node.values() for found in objects(entry)]
        return [*inner, node] if node.get("type") == "object" else inner

    closed = objects(schema)
    assert closed
    for entry in closed:
        assert "additionalProperties" in entry
        if "properties" in entry:
            assert entry["additionalProperties"] is False
            assert set(entry["required"]) == set(entry["properties"])  # type: ignore[call-overload]


def test_documents_fit_their_schemas() -> None:
    domain = DomainFile(name="test", epoch_length=86400)
    key = KeyDescription(
        name="test",
        rule_digest=bytes(32),
        r1cs_digest=bytes(32),
        vk_hash=bytes(32),
        transcript_digest=bytes(32),
        insecure=True,
    )
    for document in (domain, key):
        schema = json.loads(schema_files([type(document)]).popitem()[1])
        tree = document.to_json()
        Draft202012Validator(schema).validate(tree)
        assert not Draft202012Validator(schema).is_valid(tree | {"more": "1"})
        for field in tree:
            fewer = {name: value for name, value in tree.items() if name != field}
            assert not Draft202012Validator(schema).is_valid(fewer)


def test_every_document_has_its_own_name() -> None:
    assert len({document.TYPE for document in DOCUMENTS}) == len(DOCUMENTS)
