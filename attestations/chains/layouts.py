"""The reviewed registry of storage layouts: where a contract keeps a balance, an owner, a lock.

Somebody read the contract's code before its hash was entered: that a balance cannot rise by itself, that a vault holds
what it says, that a lock holds. The registry says where the numbers stand.           specs/collateral.md#layouts
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from zkmargin.attestations.chains.errors import CustodyOverlap, LayoutUnknown
from zkmargin.attestations.collateral.identifiers import EIP155, EOA, require_custody, split_account, split_asset
from zkmargin.attestations.eip712 import encode_address, encode_uint
from zkmargin.attestations.faults import Report, stop
from zkmargin.attestations.schema import U256, Bytes, Document, Model, Text, strictly_ascending
from zkmargin.attestations.schema import Sequence as Array
from zkmargin.encoding import keccak256
from zkmargin.errors import SchemaType, ZkMarginError

BALANCE: Final = "balanceOf[account]"
OWNER: Final = "ownerOf[account]"
LOCK: Final = "lockUntil[account]"
IMPLEMENTATION: Final = "implementation"
Meaning = Literal["balanceOf[account]", "ownerOf[account]", "lockUntil[account]", "implementation"]
_MEANINGS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "native": ((),),
    "observed": ((),),
    "erc20": ((BALANCE,), (BALANCE, IMPLEMENTATION)),
    "vault": ((BALANCE, OWNER, LOCK), (BALANCE, OWNER, LOCK, IMPLEMENTATION)),
}
"""Slots of each kind, in the order in which evidence proves them."""


class SlotRule(Model):
    """A slot: of a mapping by account, or (``plain``) itself, whose ``value`` is then pinned.

    ``solidity``: ``keccak256(abi.encode(account, slot))``; ``vyper``: ``keccak256(abi.encode(slot, account))``.
    """

    meaning: Meaning
    form: Literal["solidity", "vyper", "plain"]
    slot: U256
    value: U256

    @model_validator(mode="after")
    def _pinned(self) -> Self:
        if (self.meaning == IMPLEMENTATION) != (self.form == "plain") or (self.form != "plain" and self.value):
            raise PydanticCustomError(SchemaType.code, "an implementation alone is a plain slot with its value")
        return self

    def key(self, address: bytes) -> bytes:
        """The 32-byte key for an account's address."""
        slot = encode_uint(self.slot)
        if self.form == "plain":
            return slot
        holder = encode_address(address)
        return keccak256(holder + slot if self.form == "solidity" else slot + holder)


class Layout(Model):
    """How one asset in one custody is read. ``code_hash`` is empty where no contract is read (native, observed).

    ``receipt_of``: custodies for whose coins this asset is a receipt; nobody attests both.
    """

    name: Text
    asset: Text
    custody: Text
    kind: Literal["native", "erc20", "vault", "observed"]
    code_hash: Bytes
    slots: Annotated[tuple[SlotRule, ...], Array]
    receipt_of: Annotated[tuple[Text, ...], Array, strictly_ascending(str, "receipted custodies")]

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        try:
            chain, namespace, _ = split_asset(self.asset)
            require_custody(self.custody)
            for custody in self.receipt_of:
                require_custody(custody)
            vault = self.custody.startswith("vault:")
            if vault and split_account(self.custody.removeprefix("vault:"))[0] != chain:
                raise PydanticCustomError(SchemaType.code, "a vault is on the chain of its asset")
        except ZkMarginError as error:
            raise PydanticCustomError(error.code, error.message) from None
        evm = chain.startswith(f"{EIP155}:")
        fits = {
            "native": evm and namespace == "slip44" and self.custody == EOA,
            "erc20": evm and namespace == "erc20" and self.custody == EOA,
            "vault": evm and vault,
            "observed": not evm,
        }
        if not fits[self.kind]:
            raise PydanticCustomError(SchemaType.code, "kind, asset and custody do not go together")
        if tuple(slot.meaning for slot in self.slots) not in _MEANINGS[self.kind]:
            raise PydanticCustomError(SchemaType.code, "a kind has its slots: balance, owner, lock, implementation")
        if len(self.code_hash) != (32 if self.kind in ("erc20", "vault") else 0):
            raise PydanticCustomError(SchemaType.code, "a contract's code hash has 32 bytes; others have none")
        return self

    @property
    def chain(self) -> str:
        """The chain of the asset."""
        return split_asset(self.asset)[0]

    def address(self, account: str) -> bytes:
        """Where the balance of an account is kept: the account itself, the token, the vault (20 bytes)."""
        if self.kind == "native":
            return bytes.fromhex(split_account(account)[1][2:])
        if self.kind == "erc20":
            return bytes.fromhex(split_asset(self.asset)[2].partition("/")[0][2:])
        if self.kind == "vault":
            return bytes.fromhex(split_account(self.custody.removeprefix("vault:"))[1][2:])
        raise LayoutUnknown("an observed balance has no contract", where="layout", got=self.name)

    def keys(self, account: str) -> tuple[bytes, ...]:
        """The slots that are read for an account, 32 bytes each, in order."""
        if not self.slots:
            return ()
        holder = bytes.fromhex(split_account(account)[1][2:])
        return tuple(slot.key(holder) for slot in self.slots)


class LayoutRegistry(Document):
    """``*.layouts.json``: reviewed layouts by strictly ascending name; one for each asset and custody."""

    TYPE: ClassVar[str] = "zkmargin/layout-registry"
    type: Literal["zkmargin/layout-registry"] = "zkmargin/layout-registry"
    version: Literal["1"] = "1"
    layouts: Annotated[tuple[Layout, ...], Array, strictly_ascending(lambda entry: entry.name.encode(), "layouts")]

    @model_validator(mode="after")
    def _once(self) -> Self:
        held = [(entry.asset, entry.custody) for entry in self.layouts]
        if len(set(held)) != len(held):
            raise PydanticCustomError(SchemaType.code, "an asset in a custody has one layout")
        return self

    def find(self, asset: str, custody: str, where: str = "line") -> Layout:
        """The layout of an asset in a custody. Raises LayoutUnknown."""
        for entry in self.layouts:
            if (entry.asset, entry.custody) == (asset, custody):
                return entry
        raise LayoutUnknown("no reviewed layout", where=where, got=f"{asset} in {custody}")

    def named(self, name: str, where: str = "layout") -> Layout:
        """The layout of a name. Raises LayoutUnknown."""
        for entry in self.layouts:
            if entry.name == name:
                return entry
        raise LayoutUnknown("no reviewed layout of this name", where=where, got=name)


def require_apart(
    lines: Iterable[tuple[Layout, str]],
    where: str = "lines",
    report: Report = stop,
    places: Sequence[str] | None = None,
) -> None:
    """Raise CustodyOverlap where two of these (layout, account) stand for the same coins.

    A receipt token beside a custody that it stands for; one balance slot, or one account's coins, under two names.
    ``places``: where each of them is, in the same order.
    """
    held = list(lines)
    named = [where] * len(held) if places is None else list(places)
    custodies = {layout.custody: layout.name for layout, _ in held if layout.custody != EOA}
    sources: dict[tuple[object, ...], str] = {}
    for (layout, account), place in zip(held, named, strict=True):
        for custody in layout.receipt_of:
            if custody in custodies:
                both = f"{layout.name} and {custodies[custody]}"
                report(
                    CustodyOverlap("a receipt token and what it stands for are both attested", where=place, got=both)
                )
        if (other := sources.setdefault(_source(layout, account), layout.name)) != layout.name:
            both = f"{layout.name} and {other}"
            report(CustodyOverlap("two layouts read one balance", where=place, got=both))


def _source(layout: Layout, account: str) -> tuple[object, ...]:
    """What a balance is read from: a slot of a contract, or the account itself."""
    if layout.kind == "observed":
        return layout.asset, account
    return layout.chain, layout.address(account), next(iter(layout.keys(account)), b"")
