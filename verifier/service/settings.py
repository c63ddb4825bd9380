"""What a service is told: its registry's terms, its venues' policies and keys, its limits.       specs/service.md"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from zkmargin.attestations.schema import U16, U32, Bytes32, Document, Model, Sequence, Text
from zkmargin.errors import SchemaType


class ServedRuleSet(Model):
    """A rule set (bundled name or path) and its ``verification_key.json``."""

    rules: Text
    key: Text


class ServedVenue(Model):
    """A venue: its policy's file, the rule sets that the policy lists, SHA-256 digests of its access tokens."""

    policy: Text
    rule_sets: Annotated[tuple[ServedRuleSet, ...], Field(min_length=1), Sequence]
    tokens: Annotated[tuple[Bytes32, ...], Sequence]


class Limits(Model):
    """Bytes and seconds of a body; requests a minute and waiting verifications, of one client (an address);
    verifications waiting in all; processes that verify; seconds between looks at the margin clock.
    """

    body_bytes: U32
    body_seconds: U16
    per_minute: U32
    waiting_each: U16
    waiting: U16
    workers: U16
    tick_seconds: U16

    @model_validator(mode="after")
    def _positive(self) -> Self:
        if not all(getattr(self, name) for name in type(self).model_fields):
            raise PydanticCustomError(SchemaType.code, "limits are at least 1")
        return self


class ServiceSettings(Document):
    """``*.service.json``. Paths are relative to its folder. ``auditors``: SHA-256 digests of the tokens of who may read
    the whole log. ``documents``: the folder where the service keeps snapshots, evidence of prices and revocations.
    """

    TYPE: ClassVar[str] = "zkmargin/service-settings"
    type: Literal["zkmargin/service-settings"] = "zkmargin/service-settings"
    version: Literal["1"] = "1"
    name: Text
    terms: Text
    """Of the registry (``zkmargin/registry-terms``)."""
    venues: Annotated[tuple[ServedVenue, ...], Field(min_length=1), Sequence]
    auditors: Annotated[tuple[Bytes32, ...], Sequence]
    documents: Text
    limits: Limits
