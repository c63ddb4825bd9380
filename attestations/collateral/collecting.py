"""From nodes to an unsigned root: read at the tip, hold until final, then put lines into a tree.

What is wrong with one account leaves out its lines and is told; what is wrong with a chain stops the collection. Lines
of the epoch's earlier root keep or lower their amounts, and no new ones come.     specs/collateral.md#collecting
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from zkmargin.attestations.chains.documents import Evidence, Reading
from zkmargin.attestations.chains.errors import RpcChainId
from zkmargin.attestations.chains.layouts import LayoutRegistry, require_apart
from zkmargin.attestations.chains.reader import ChainReader, Holding
from zkmargin.attestations.collateral.bindings import DEFAULT_NOTES, require_binding, require_in_time, share_balance
from zkmargin.attestations.collateral.bundle import Bundle
from zkmargin.attestations.collateral.bundle_checks import (
    Held,
    by_account,
    notes_by_balance,
    owner_of,
    owners_before,
    read_evidence_of,
    require_bundle,
    require_same_owner,
)
from zkmargin.attestations.collateral.config import AttestorConfig
from zkmargin.attestations.collateral.documents import (
    AllocationDocument,
    Checkpoint,
    CollateralRoot,
    CollateralRootDocument,
    LeafOpening,
    LeafOpeningsDocument,
    Note,
    OwnerBindingDocument,
    hash_checkpoints,
)
from zkmargin.attestations.collateral.errors import AllocationSignature
from zkmargin.attestations.collateral.identifiers import compute_cid, split_account
from zkmargin.attestations.collateral.roots import leaf_of, require_chains
from zkmargin.attestations.collateral.tree import DEPTH, Tree, hash_leaves
from zkmargin.attestations.context import epoch_of
from zkmargin.errors import VerificationError

POLL_SECONDS = 1.0


@dataclass(frozen=True)
class LeftOut:
    """An account, binding or allocation that got no line, and why."""

    what: str
    error: VerificationError


@dataclass
class Collection:
    """An unsigned bundle and what was left out of it."""

    bundle: Bundle
    left_out: list[LeftOut] = field(default_factory=list)


def collect(
    config: AttestorConfig,
    registry: LayoutRegistry,
    readers: Mapping[str, ChainReader],
    *,
    bindings: Sequence[OwnerBindingDocument] = (),
    allocations: Sequence[AllocationDocument] = (),
    previous: Bundle | None = None,
    least_seq: int = 1,
    wait: float = 0.0,
    clock: Callable[[], int] = lambda: int(time.time()),
) -> Collection:
    """Read all accounts of the configuration at the chains' tips and make a bundle, issued when the blocks are final.

    ``readers``: one for each chain. ``wait``: seconds to wait for finality. ``least_seq``: the root's number at least,
    for where a root was signed and never published. Raises Finality, StaleBlock, Reorganised,
    CustodyOverlap, LayoutUnknown, and what nodes' errors are.
    """
    holdings = [Holding(registry.named(source.layout), source.account) for source in config.accounts]
    require_apart((holding.layout, holding.account) for holding in holdings)
    checkpoints, evidence = _read_chains(config, readers, holdings)
    checkpoints = hold(config, readers, checkpoints, wait, clock)
    work = _Work(config, registry, {entry.chain: entry for entry in checkpoints}, previous, clock(), least_seq)
    work.accept(bindings, allocations)
    for holding, proof in zip(holdings, evidence, strict=True):
        work.read(holding, proof)
    return work.finish()


def _read_chains(
    config: AttestorConfig, readers: Mapping[str, ChainReader], holdings: Sequence[Holding]
) -> tuple[list[Checkpoint], list[Evidence]]:
    named = {source.chain for source in config.chains}
    if strange := sorted({holding.layout.chain for holding in holdings} - named):
        raise RpcChainId("an account is on a chain without a node", where="accounts", got=strange[0])
    checkpoints, found = [], dict[int, Evidence]()
    for source in config.chains:
        checkpoint = readers[source.chain].tip()
        here = [index for index, holding in enumerate(holdings) if holding.layout.chain == source.chain]
        read = readers[source.chain].read([holdings[index] for index in here], checkpoint)
        found.update(zip(here, read, strict=True))
        checkpoints.append(checkpoint)
    return checkpoints, [found[index] for index in range(len(holdings))]


def hold(
    config: AttestorConfig,
    readers: Mapping[str, ChainReader],
    checkpoints: Sequence[Checkpoint],
    wait: float,
    clock: Callable[[], int],
) -> list[Checkpoint]:
    """The same blocks once all are final enough; nodes are asked again for ``wait`` seconds at most.

    Raises Reorganised at once, Finality, StaleBlock and ProofKindRefused at the end.
    """
    until = time.monotonic() + wait
    while True:
        now = [readers[entry.chain].confirm(entry) for entry in checkpoints]
        late = [entry for entry in now if entry.finality < config.rules[entry.chain].finality]
        if not late or time.monotonic() >= until:
            require_chains(now, config.rules, clock(), skew=60)
            return now
        time.sleep(min(POLL_SECONDS, max(0.0, until - time.monotonic())))


@dataclass
class _Work:
    config: AttestorConfig
    registry: LayoutRegistry
    checkpoints: dict[str, Checkpoint]
    previous: Bundle | None
    at: int
    least_seq: int
    left_out: list[LeftOut] = field(default_factory=list)
    bindings: list[OwnerBindingDocument] = field(default_factory=list)
    allocations: list[AllocationDocument] = field(default_factory=list)
    notes: dict[Held, tuple[Note, ...]] = field(default_factory=dict)
    readings: dict[Held, Reading] = field(default_factory=dict)
    evidence: dict[Held, Evidence] = field(default_factory=dict)

    @property
    def epoch(self) -> int:
        return epoch_of(self.at, self.config.epoch_length)

    @property
    def same_epoch(self) -> Bundle | None:
        """The bundle before, where it is of this epoch."""
        if self.previous is not None and self.previous.document.root.epoch == self.epoch:
            return self.previous
        return None

    def accept(self, bindings: Sequence[OwnerBindingDocument], allocations: Sequence[AllocationDocument]) -> None:
        """Keep what was known; take what is signed and comes in time; leave out the rest."""
        domain = self.config.domain
        self.bindings = list(self.previous.bindings) if self.previous is not None else []
        known = by_account(document.binding for document in self.bindings)
        for number, document in sorted(enumerate(bindings), key=lambda pair: pair[1].binding.nonce):
            before = known.setdefault(document.binding.account, [])
            if document.binding in before:
                continue
            try:
                require_binding(document, domain, f"bindings[{number}]")
                require_in_time(document.binding, before, self.epoch, f"bindings[{number}]")
            except VerificationError as error:
                self.left_out.append(LeftOut(f"binding of {document.binding.account}", error))
                continue
            self.bindings.append(document)
            before.append(document.binding)
        self.allocations = list(self.same_epoch.allocations) if self.same_epoch is not None else []
        self.notes = notes_by_balance(self.allocations, domain, self.epoch)
        known_allocations = set(self.allocations)
        for given in allocations:
            if given.allocation.epoch != self.epoch or given in known_allocations:
                continue
            try:
                ((held, notes),) = notes_by_balance([given], domain, self.epoch).items()
                if self.notes.setdefault(held, notes) != notes:
                    raise AllocationSignature("two allocations of one balance in one epoch", where="allocations")
            except VerificationError as error:
                self.left_out.append(LeftOut(f"allocation of {given.allocation.account}", error))
                continue
            known_allocations.add(given)
            self.allocations.append(given)

    def read(self, holding: Holding, evidence: Evidence) -> None:
        """Take what the evidence shows."""
        layout = holding.layout
        held = (holding.account, layout.asset, layout.custody)
        where = f"{layout.name}, {holding.account}"
        try:
            reading = read_evidence_of(evidence, self.checkpoints[layout.chain], self.registry, held, where)
        except VerificationError as error:
            self.left_out.append(LeftOut(where, error))
            return
        self.readings[held], self.evidence[held] = reading, evidence

    def finish(self) -> Collection:
        """The bundle, judged as every other attestor will judge it."""
        owners = self._owners()
        names = {held: f"ev/{at:06}.json" for at, held in enumerate(self.readings)}
        lines = self._lines(owners, names)
        used = {line.evidence for line in lines}
        openings = LeafOpeningsDocument(
            leaves=tuple(line.model_copy(update={"index": at}) for at, line in enumerate(lines))
        )
        bundle = Bundle(
            document=self._root(openings),
            openings=openings,
            registry=self.registry,
            evidence={names[held]: entry for held, entry in self.evidence.items() if names[held] in used},
            bindings=tuple(self.bindings),
            allocations=tuple(self.allocations),
        )
        require_bundle(bundle, self.registry, self.config.domain, self.previous)
        return Collection(bundle, self.left_out)

    def _owners(self) -> dict[str, int]:
        """Owners by account; accounts without one, or with two, are left out whole."""
        before = owners_before(self.same_epoch, self.epoch)
        bindings = by_account(document.binding for document in self.bindings)
        owners: dict[str, int] = {}
        refused: set[str] = set()
        for held, reading in self.readings.items():
            try:
                require_same_owner(
                    held[0], owner_of(held, reading, self.epoch, bindings.get(held[0], ())), owners, before
                )
            except VerificationError as error:
                refused.add(held[0])
                self.left_out.append(LeftOut(held[0], error))
        return {account: owner for account, owner in owners.items() if account not in refused}

    def _lines(self, owners: Mapping[str, int], names: Mapping[Held, str]) -> list[LeafOpening]:
        """Lines by ascending cid, not yet numbered."""
        earlier = None if self.same_epoch is None else {line.cid: line for line in self.same_epoch.openings.leaves}
        lines = []
        for held, reading in self.readings.items():
            if held[0] not in owners:
                continue
            notes = self.notes.get(held, DEFAULT_NOTES)
            shares = share_balance(reading.balance, notes)
            for note in notes:
                cid = compute_cid(self.registry.find(*held[1:]).chain, *held, note.note)
                amount = shares[note.note]
                if earlier is not None:  # deposits and new notes wait for the next epoch
                    before = earlier.get(cid)
                    amount = min(amount, before.amount) if before and before.pocket == note.pocket else 0
                if amount:
                    lines.append(_open(held, note, owners[held[0]], amount, reading.lock_until, cid, names[held]))
        leaves = hash_leaves([leaf_of(line) for line in lines])
        hashed = [line.model_copy(update={"leaf": leaf}) for line, leaf in zip(lines, leaves, strict=True)]
        return sorted(hashed, key=lambda line: line.cid)

    def _root(self, openings: LeafOpeningsDocument) -> CollateralRootDocument:
        config, previous = self.config, self.previous
        checkpoints = tuple(self.checkpoints[source.chain] for source in config.chains)
        tree = Tree([line.leaf for line in openings.leaves])
        root = CollateralRoot(
            root=tree.root,
            epoch=self.epoch,
            seq=max(self.least_seq, 1 if self.same_epoch is None else self.same_epoch.document.root.seq + 1),
            leaf_count=len(openings.leaves),
            depth=DEPTH,
            checkpoints_hash=hash_checkpoints(checkpoints),
            leaves_hash=openings.digest,
            prev_digest=bytes(32) if previous is None else previous.document.digest,
            pledge_domain=config.domain.signing().pledge_domain,
            attestor_set_id=config.attestors.identity,
            issued_at=self.at,
            expires_at=min(self.at + config.root_ttl, (self.epoch + 1) * config.epoch_length),
        )
        return CollateralRootDocument(
            domain=config.domain, root=root, checkpoints=checkpoints, attestors=config.attestors, signatures=()
        )


def _open(held: Held, note: Note, owner: int, amount: int, lock_until: int, cid: int, evidence: str) -> LeafOpening:
    """A line with a fresh salt; its place and hash come later."""
    account, asset, custody = held
    return LeafOpening(
        index=0, chain=split_account(account)[0], account=account, asset=asset, custody=custody, note=note.note,
        pocket=note.pocket, owner=owner, amount=amount, lock_until=lock_until, salt=secrets.randbits(248), cid=cid,
        leaf=0, evidence=evidence,
    )  # fmt: skip
