"""What one attestor collects: its nodes, the accounts it reads, the set it signs in."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from zkmargin.attestations.collateral.documents import Attestors
from zkmargin.attestations.collateral.identifiers import require_chain
from zkmargin.attestations.collateral.roots import ChainRule
from zkmargin.attestations.documents import AnyDomain
from zkmargin.attestations.schema import U8, U64, Model, Private, PrivateDocument, Sequence, Text, strictly_ascending
from zkmargin.errors import SchemaType, ZkMarginError


class ChainSource(Private):
    """A chain and the attestor's own node; addresses of nodes often hold a key. Ages in seconds."""

    chain: Text
    url: Text
    finality: U8
    maximum_age: U64
    observed: Literal["allowed", "refused"]

    @model_validator(mode="after")
    def _named(self) -> Self:
        try:
            require_chain(self.chain)
        except ZkMarginError as error:
            raise PydanticCustomError(error.code, error.message) from None
        return self

    @property
    def rule(self) -> ChainRule:
        """What the attestor asks of the chain's checkpoint."""
        return ChainRule(self.maximum_age, self.finality, observed=self.observed == "allowed")


class AccountSource(Model):
    """An account whose balance is read as the layout of this name says."""

    layout: Text
    account: Text


class AttestorConfig(PrivateDocument):
    """``*.attestor.json``: chains by strictly ascending name, one node each. ``root_ttl``: seconds a root holds."""

    TYPE: ClassVar[str] = "zkmargin/attestor-config"
    LIMIT: ClassVar[int] = 1 << 26
    type: Literal["zkmargin/attestor-config"] = "zkmargin/attestor-config"
    version: Literal["1"] = "1"
    domain: AnyDomain
    attestors: Attestors
    epoch_length: U64
    root_ttl: U64
    chains: Annotated[
        tuple[ChainSource, ...], Sequence, strictly_ascending(lambda entry: entry.chain.encode(), "chains")
    ]
    accounts: Annotated[
        tuple[AccountSource, ...], Sequence, strictly_ascending(lambda e: (e.layout, e.account), "accounts")
    ]

    @model_validator(mode="after")
    def _lasting(self) -> Self:
        if self.epoch_length < 1 or self.root_ttl < 1:
            raise PydanticCustomError(SchemaType.code, "epochs and roots last a second or more")
        return self

    @property
    def rules(self) -> dict[str, ChainRule]:
        """What the attestor asks of each chain's checkpoint."""
        return {source.chain: source.rule for source in self.chains}
