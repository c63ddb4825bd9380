"""Two furnished chains, three attestors, one holder: what tests collect from, and ways to lie about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chain_world import GENESIS, HOLDER, Chain, Deployed

from zkmargin.attestations.chains.documents import Evidence
from zkmargin.attestations.chains.evm import EvmReader
from zkmargin.attestations.chains.layouts import IMPLEMENTATION, Layout, LayoutRegistry, SlotRule
from zkmargin.attestations.chains.reader import Holding
from zkmargin.attestations.collateral.bundle import Bundle
from zkmargin.attestations.collateral.bundle_checks import require_bundle
from zkmargin.attestations.collateral.collecting import Collection, collect
from zkmargin.attestations.collateral.config import AccountSource, AttestorConfig, ChainSource
from zkmargin.attestations.collateral.documents import (
    AccountSignature,
    Allocation,
    AllocationDocument,
    Attestors,
    Checkpoint,
    CollateralRootDocument,
    LeafOpening,
    LeafOpeningsDocument,
    Note,
    OwnerBinding,
    OwnerBindingDocument,
    hash_checkpoints,
    hash_notes,
)
from zkmargin.attestations.collateral.roots import leaf_of
from zkmargin.attestations.collateral.tree import Tree
from zkmargin.attestations.documents import DomainFile, Signers
from zkmargin.attestations.signatures import SigningKey

DAY = 86400
DOMAIN = DomainFile(name="chains", epoch_length=DAY).domain()
PLEDGE_DOMAIN = DOMAIN.signing().pledge_domain
ATTESTOR_KEYS = sorted((SigningKey(bytes([n]) * 32) for n in (71, 72, 73)), key=lambda key: key.address)
ATTESTORS = Attestors(set_nonce=1, signers=Signers.of(*(key.address for key in ATTESTOR_KEYS), threshold=2))
OWNER, OTHER_OWNER = 7, 8
EPOCH = GENESIS // DAY
NOW = GENESIS + 120
EIP1967 = 0x360894A13BA1A3210667C828492DB98DCA3E2076CC3735A920A3CA505D382BBC


@dataclass
class Attesting:
    """The two chains and what the attestors know of them."""

    chains: Mapping[str, Chain]
    deployed: Deployed
    bindings: list[OwnerBindingDocument] = field(default_factory=list)
    allocations: list[AllocationDocument] = field(default_factory=list)

    @property
    def registry(self) -> LayoutRegistry:
        layouts = [layout for chain in self.chains.values() for layout in self.layouts(chain)]
        return LayoutRegistry(layouts=tuple(sorted(layouts, key=lambda layout: layout.name)))

    def layouts(self, chain: Chain) -> list[Layout]:
        name, at = chain.name, self.deployed
        token, proxy, vault = (f"0x{address.hex()}" for address in (at.token, at.proxy, at.vault))

        def slot(meaning: Any, number: int) -> SlotRule:
            return SlotRule(meaning=meaning, form="solidity", slot=number, value=0)

        balance = slot("balanceOf[account]", 0)
        pinned = SlotRule(meaning=IMPLEMENTATION, form="plain", slot=EIP1967, value=int.from_bytes(at.token, "big"))
        common: dict[str, Any] = {"receipt_of": ()}
        return [
            Layout(name=f"{name} native", asset=f"{name}/slip44:60", custody="eoa", kind="native", code_hash=b"",
                   slots=(), **common),
            Layout(name=f"{name} token", asset=f"{name}/erc20:{token}", custody="eoa", kind="erc20",
                   code_hash=chain.code_hash(at.token), slots=(balance,), **common),
            Layout(name=f"{name} proxy", asset=f"{name}/erc20:{proxy}", custody="eoa", kind="erc20",
                   code_hash=chain.code_hash(at.proxy), slots=(balance, pinned), **common),
            Layout(name=f"{name} vault", asset=f"{name}/erc20:{token}", custody=f"vault:{name}:{vault}", kind="vault",
                   code_hash=chain.code_hash(at.vault),
                   slots=(balance, slot("ownerOf[account]", 1), slot("lockUntil[account]", 2)), **common),
        ]  # fmt: skip

    def config(self, **changes: Any) -> AttestorConfig:
        accounts = sorted((layout.name, f"{layout.chain}:0x{HOLDER.address.hex()}") for layout in self.registry.layouts)
        fields: dict[str, Any] = {
            "domain": DOMAIN,
            "attestors": ATTESTORS,
            "epoch_length": DAY,
            "root_ttl": 3600,
            "chains": tuple(
                ChainSource(chain=name, url=chain.url, finality=2, maximum_age=1800, observed="refused")
                for name, chain in sorted(self.chains.items())
            ),
            "accounts": tuple(AccountSource(layout=layout, account=account) for layout, account in accounts),
        }
        return AttestorConfig(**fields | changes)

    def readers(self, blocks_later: int = 2) -> dict[str, MiningReader]:
        return {name: MiningReader(chain, blocks_later) for name, chain in self.chains.items()}

    def collect(self, previous: Bundle | None = None, at: int = NOW, **changes: Any) -> Collection:
        fields: dict[str, Any] = {
            "bindings": self.bindings, "allocations": self.allocations, "previous": previous, "clock": lambda: at,
        }  # fmt: skip
        config, registry = changes.pop("config", self.config()), changes.pop("registry", self.registry)
        readers = changes.pop("readers", self.readers())
        return collect(config, registry, readers, **fields | changes)

    def judge(self, bundle: Bundle, previous: Bundle | None = None) -> None:
        require_bundle(bundle, self.registry, DOMAIN, previous)


class MiningReader(EvmReader):
    """A reader of a chain that goes on while it reads."""

    def __init__(self, chain: Chain, blocks_later: int) -> None:
        super().__init__(chain.name, chain.url)
        self._mining, self._later = chain, blocks_later

    def read(self, holdings: Any, checkpoint: Checkpoint) -> list[Evidence]:
        found: list[Evidence] = super().read(holdings, checkpoint)
        self._mining.mine(self._later)
        return found


def evidence_of(chain: Chain, layout: Layout) -> tuple[Evidence, Checkpoint, str]:
    """Evidence of the holder at the tip, its checkpoint, the account."""
    reader = EvmReader(chain.name, chain.url)
    account = f"{chain.name}:0x{HOLDER.address.hex()}"
    checkpoint = reader.tip()
    return reader.read([Holding(layout, account)], checkpoint)[0], checkpoint, account


def forged(
    bundle: Bundle, change: Callable[[LeafOpening], dict[str, Any] | None], checkpoints: Any = None, **parts: Any
) -> Bundle:
    """The bundle with lines changed (None: dropped) and hashes and root made to fit, as lying attestors would."""
    lines = []
    for line in bundle.openings.leaves:
        if (changes := change(line)) is not None:
            line = line.model_copy(update=changes)
            lines.append(line.model_copy(update={"leaf": leaf_of(line).digest}))
    leaves = tuple(line.model_copy(update={"index": at}) for at, line in enumerate(lines))
    openings = LeafOpeningsDocument(leaves=leaves)
    marks = bundle.document.checkpoints if checkpoints is None else checkpoints
    root = bundle.document.root.model_copy(
        update={
            "root": Tree([line.leaf for line in leaves]).root,
            "leaf_count": len(leaves),
            "leaves_hash": openings.digest,
            "checkpoints_hash": hash_checkpoints(marks),
        }
    )
    document = CollateralRootDocument(domain=DOMAIN, root=root, checkpoints=marks, attestors=ATTESTORS, signatures=())
    return replace(bundle, document=document, openings=openings, **parts)


def binding(
    chain: str, owner: int = OWNER, nonce: int = 1, first: int = EPOCH, key: SigningKey = HOLDER
) -> OwnerBindingDocument:
    words = OwnerBinding(
        account=f"{chain}:0x{key.address.hex()}", owner=owner, pledge_domain=PLEDGE_DOMAIN, nonce=nonce,
        from_epoch=first, to_epoch=EPOCH + 30,
    )  # fmt: skip
    signature = key.sign(words.digest(DOMAIN.signing()))
    return OwnerBindingDocument(
        domain=DOMAIN, binding=words, signed=AccountSignature(scheme="eip712", signature=signature)
    )


def allocation(layout: Layout, *notes: Note, epoch: int = EPOCH) -> AllocationDocument:
    words = Allocation(
        account=f"{layout.chain}:0x{HOLDER.address.hex()}", asset=layout.asset, custody=layout.custody,
        pledge_domain=PLEDGE_DOMAIN, epoch=epoch, notes_hash=hash_notes(notes),
    )  # fmt: skip
    signature = HOLDER.sign(words.digest(DOMAIN.signing()))
    return AllocationDocument(
        domain=DOMAIN, allocation=words, notes=notes, signed=AccountSignature(scheme="eip712", signature=signature)
    )


def lines_of(bundle: Bundle) -> dict[tuple[str, str, int], LeafOpening]:
    """Lines by chain, kind of holding and note."""
    kinds = {"eoa": "token", "vault": "vault"}
    return {
        (
            line.chain,
            "native" if "slip44" in line.asset else kinds[line.custody.partition(":")[0]],
            line.note,
        ): line
        for line in bundle.openings.leaves
    }


def receipt_token(world: Attesting, chain: str) -> tuple[AttestorConfig, LayoutRegistry]:
    """What attests a vault and beside it the vault's own shares as a token, a receipt for what lies in the vault."""
    vault, holder = world.registry.named(f"{chain} vault"), f"{chain}:0x{HOLDER.address.hex()}"
    shares = Layout(
        name=f"{chain} shares", asset=f"{chain}/erc20:0x{world.deployed.vault.hex()}", custody="eoa", kind="erc20",
        code_hash=vault.code_hash, slots=vault.slots[:1], receipt_of=(vault.custody,),
    )  # fmt: skip
    layouts = sorted([*world.registry.layouts, shares], key=lambda layout: layout.name)
    accounts = [*world.config().accounts, AccountSource(layout=shares.name, account=holder)]
    config = world.config(accounts=tuple(sorted(accounts, key=lambda entry: (entry.layout, entry.account))))
    return config, LayoutRegistry(layouts=tuple(layouts))
