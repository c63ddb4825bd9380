"""JSON Schemas of bodies and answers, as OpenAPI wants them: all under ``components``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Annotated, Any, Final, Protocol, TypeVar

from fastapi import Path, Query
from starlette.responses import Response

from zkmargin.attestations.collateral.documents import RevokeRootDocument
from zkmargin.attestations.market import MarketSnapshotDocument
from zkmargin.attestations.price_evidence import PriceEvidence
from zkmargin.attestations.schema import Model
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.policy import Policy
from zkmargin.verifier.registry.documents import (
    LogConsistency,
    LogHeadDocument,
    LogPage,
    LogProof,
    PledgeReceiptDocument,
    RegistrationDocument,
    RegistryTerms,
    ReleaseDocument,
)
from zkmargin.verifier.service.messages import MESSAGES

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Response]])


class Route(Protocol):
    """A decorator that adds a handler."""

    def __call__(self, handler: Handler, /) -> Handler:
        """The handler itself."""


_UINT: Final = {"pattern": "^(0|[1-9][0-9]{0,77})$"}
_BYTES32: Final = {"pattern": "^0x[0-9a-f]{64}$"}
_NAME: Final = {"minLength": 1, "maxLength": 200}

# What addresses hold. The schema tells its form; the handler reads it, so that a refusal has the code of what is wrong.
UIntPath = Annotated[str, Path(json_schema_extra=dict(_UINT))]
UIntQuery = Annotated[str, Query(json_schema_extra=dict(_UINT))]
Bytes32Path = Annotated[str, Path(json_schema_extra=dict(_BYTES32))]
NamePath = Annotated[str, Path(json_schema_extra=dict(_NAME))]

_REF: Final = "#/components/schemas/{model}"
_DOCUMENTS: Final[tuple[type[Model], ...]] = (
    Envelope,
    LogConsistency,
    LogHeadDocument,
    LogPage,
    LogProof,
    MarketSnapshotDocument,
    PledgeReceiptDocument,
    Policy,
    PriceEvidence,
    RegistrationDocument,
    RegistryTerms,
    ReleaseDocument,
    RevokeRootDocument,
    *MESSAGES,
)


@cache
def components() -> dict[str, Any]:
    """By name of the class, its parts beside it."""
    found: dict[str, Any] = {}
    for model in _DOCUMENTS:
        schema = model.model_json_schema(by_alias=True, mode="serialization", ref_template=_REF)
        found |= schema.pop("$defs", {})
        found[model.__name__] = schema
    return found


def body(model: type[Model]) -> dict[str, Any]:
    """``openapi_extra`` of a route that takes a document."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": _ref(model)}}}}


def answer(model: type[Model], words: str) -> dict[str, Any]:
    """``responses`` of a route that gives a document: FastAPI's own 200 or 201."""
    return {"description": words, "content": {"application/json": {"schema": _ref(model)}}}


def _ref(model: type[Model]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}
