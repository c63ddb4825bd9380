"""Bundles that lie: each fails the step that it lies about, with the code and the path of the lie, and no other."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from attesting import ATTESTOR_KEYS, ATTESTORS, DOMAIN, EPOCH, NOW, OTHER_OWNER, allocation, binding
from audit_world import (
    BASE,
    MAINNET,
    SOL,
    SOLANA,
    Stage,
    audited_rules,
    chain_rule,
    failed,
    lying,
    observed_bundle,
    only,
    policy,
    priced,
    registry_of,
    rooted,
    same,
    signed,
    sol_checkpoint,
    sol_evidence,
    sol_layout,
    sol_line,
    successor,
    verdicts,
    with_lines,
)
from chain_world import GENESIS, HOLDER
from parties import STRANGER
from priced_world import ETH, OURS, cell, pyth_update
from priced_world import rules as price_rules
from proof_tampers import PROOF_TAMPERS, Tamper

from zkmargin.attestations.collateral.bundle import Bundle
from zkmargin.attestations.collateral.documents import (
    EIP1186,
    SAFE,
    LeafOpeningsDocument,
    Note,
    RevokeRoot,
    RevokeRootDocument,
)
from zkmargin.attestations.collateral.identifiers import compute_cid
from zkmargin.attestations.documents import DomainFile, sign
from zkmargin.attestations.eip712 import encode_uint
from zkmargin.attestations.price_evidence import PriceEvidence
from zkmargin.attestations.signatures import CURVE_ORDER
from zkmargin.margin.market import Source
from zkmargin.verifier.audit.report import Finding

pytestmark = pytest.mark.chain


@dataclass(frozen=True)
class Lie:
    """A bundle, what the auditor holds against it, and what must be found: codes by step, paths by a pattern."""

    bundle: Bundle
    found: Mapping[str, set[str]]
    path: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)


def _place(bundle: Bundle, cid: int) -> int:
    return next(at for at, line in enumerate(bundle.openings.leaves) if line.cid == cid)


def _at(bundle: Bundle, cid: int) -> str:
    return re.escape(f"leaves[{_place(bundle, cid)}]")


# --- A2, A3: signatures and succession ------------------------------------------------------------------------------


def _quorum(stage: Stage) -> Lie:
    return Lie(signed(stage.first, ATTESTOR_KEYS[:1]), {"A2": {"E_QUORUM"}}, "root")


def _stranger(stage: Stage) -> Lie:
    return Lie(signed(stage.first, sorted([*ATTESTOR_KEYS[:2], STRANGER], key=lambda key: key.address)),
               {"A2": {"E_SIG_NOT_ATTESTOR"}}, r"root\.signatures\[\d\]")  # fmt: skip


def _high_s(stage: Stage) -> Lie:
    document = stage.first.document
    first, *rest = document.signatures
    s = CURVE_ORDER - int.from_bytes(first.signature[32:64], "big")
    raw = first.signature[:32] + s.to_bytes(32, "big") + bytes([55 - first.signature[64]])
    upper = (first.model_copy(update={"signature": raw}), *rest)
    bundle = replace(stage.first, document=document.model_copy(update={"signatures": upper}))
    return Lie(bundle, {"A2": {"E_SIG_HIGH_S", "E_QUORUM"}}, r"root(\.signatures\[0\])?")


def _twice(stage: Stage) -> Lie:
    document = stage.first.document
    doubled = (document.signatures[0], document.signatures[0])
    bundle = replace(stage.first, document=document.model_copy(update={"signatures": doubled}))
    return Lie(bundle, {"A2": {"E_SIG_DUPLICATE", "E_QUORUM"}}, "root")


def _altered(stage: Stage) -> Lie:
    root = stage.first.document.root.model_copy(update={"issued_at": NOW - 1})
    bundle = replace(stage.first, document=stage.first.document.model_copy(update={"root": root}))
    return Lie(bundle, {"A2": {"E_SIG_NOT_ATTESTOR", "E_QUORUM"}}, r"root(\.signatures\[\d\])?")


def _own_set(stage: Stage) -> Lie:
    """The attestors that the bundle brings along are not those of the policy."""
    other = policy(attestors=ATTESTORS.model_copy(update={"set_nonce": 2}))
    return Lie(stage.first, {"A2": {"E_ATTESTOR_SET"}}, r"root\.attestorSetId", {"policy": other})


def _elsewhere(stage: Stage) -> Lie:
    other = policy(domain=DomainFile(name="elsewhere", epoch_length=86400).domain())
    found = {"A2": {"E_DOMAIN", "E_SIG_NOT_ATTESTOR", "E_QUORUM"}, "A11": {"E_DOMAIN", "E_BINDING_MISSING"}}
    return Lie(stage.first, found, "", {"policy": other})


def _outlives(stage: Stage) -> Lie:
    end = (EPOCH + 1) * 86400
    return Lie(rooted(stage.first, expires_at=end + 1), {"A2": {"E_PLEDGE_TOO_LONG"}}, r"root\.expiresAt")


def _epoch(stage: Stage) -> Lie:
    """Of an epoch that has not come, in which the bindings hold too."""
    return Lie(rooted(stage.first, epoch=EPOCH + 1), {"A2": {"E_EPOCH"}}, r"root\.epoch")


def _revoked(stage: Stage) -> Lie:
    words = RevokeRoot(root_digest=stage.first.document.digest, reason=2, at=NOW + 5)
    taken = RevokeRootDocument(domain=DOMAIN, revocation=words, signatures=sign(words, DOMAIN.signing(), ATTESTOR_KEYS))
    return Lie(stage.first, {"A2": {"E_ROOT_REVOKED"}}, "root", {"revocations": [taken]})


def _no_previous(stage: Stage) -> Lie:
    return Lie(stage.second, {"A3": {"E_ROOT_CHAIN"}}, r"root\.prevDigest")


def _seq(stage: Stage) -> Lie:
    earlier = rooted(stage.second, seq=1, epoch=EPOCH)
    return Lie(rooted(earlier, seq=0), {"A3": {"E_ROOT_SEQ"}}, r"root\.seq", {"previous": stage.first})


def _unsigned_previous(stage: Stage) -> Lie:
    bare = signed(stage.first, [])
    return Lie(stage.second, {"A3": {"E_QUORUM"}}, "previous: root", {"previous": bare})


def _other_previous_openings(stage: Stage) -> Lie:
    """More in the root before than was signed: then more could be in this one."""
    token = stage.line(BASE, "token")
    fatter = tuple(line.model_copy(update={"amount": 10**6}) if line.cid == token.cid else line
                   for line in stage.first.openings.leaves)  # fmt: skip
    bundle = replace(stage.first, openings=LeafOpeningsDocument(leaves=fatter))
    return Lie(stage.second, {"A3": {"E_LEAVES_HASH"}}, "previous: openings", {"previous": bundle})


def _passed_over(stage: Stage) -> Lie:
    between = signed(stage.second)
    third = rooted(stage.second, seq=3)
    return Lie(third, {"A3": {"E_ROOT_CHAIN"}}, r"root\.prevDigest",
               {"previous": stage.first, "seen": [between.document]})  # fmt: skip


# --- A4, A5: openings and tree --------------------------------------------------------------------------------------


def _openings(stage: Stage) -> Lie:
    """Another salt, its leaf made to fit, and a root over it: only the hash of the file is the old one."""
    cid = stage.line(MAINNET, "native").cid
    made = lying(stage.first, only(cid, salt=5))
    return Lie(rooted(made, leaves_hash=bytes(32)), {"A4": {"E_LEAVES_HASH"}}, "openings")


def _tampered_openings(stage: Stage) -> Lie:
    token = stage.line(BASE, "token")
    leaves = tuple(line.model_copy(update={"amount": line.amount - 1}) if line.cid == token.cid else line
                   for line in stage.first.openings.leaves)  # fmt: skip
    bundle = replace(stage.first, openings=LeafOpeningsDocument(leaves=leaves))
    return Lie(bundle, {"A4": {"E_LEAVES_HASH"}, "A5": {"E_CID_MISMATCH", "E_TREE_ROOT"}},
               f"openings|root\\.root|{_at(bundle, token.cid)}")  # fmt: skip


def _count(stage: Stage) -> Lie:
    return Lie(rooted(stage.first, leaf_count=9), {"A4": {"E_LEAF_COUNT"}}, "openings")


def _cid(stage: Stage) -> Lie:
    token = stage.line(BASE, "token")
    return Lie(lying(stage.first, only(token.cid, cid=token.cid + 1)), {"A5": {"E_CID_MISMATCH"}},
               _at(stage.first, token.cid))  # fmt: skip


def _doubled(stage: Stage) -> Lie:
    """The same coins in two lines: the id is there twice, and their sum is more than the balance."""
    line = stage.first.openings.leaves[3]
    bundle = with_lines(stage.first, line)
    return Lie(bundle, {"A5": {"E_CID_DUPLICATE"}, "A10": {"E_BALANCE_SHORT"}}, r"leaves\[[34]\]")


def _order(stage: Stage) -> Lie:
    turned = replace(stage.first, openings=LeafOpeningsDocument(leaves=stage.first.openings.leaves[::-1]))
    return Lie(lying(turned, same), {"A5": {"E_LEAF_ORDER"}}, r"leaves\[[1-7]\]")


def _root(stage: Stage) -> Lie:
    return Lie(rooted(stage.first, root=5), {"A5": {"E_TREE_ROOT"}}, r"root\.root")


def _depth(stage: Stage) -> Lie:
    return Lie(rooted(stage.first, depth=8), {"A5": {"E_TREE_ROOT"}}, r"root\.depth")


# --- A6, A7: blocks -------------------------------------------------------------------------------------------------


def _checkpoints(stage: Stage) -> Lie:
    return Lie(rooted(stage.first, checkpoints_hash=bytes(32)), {"A6": {"E_CHECKPOINTS"}}, "checkpoints")


def _marked(stage: Stage, chain: str, **changes: Any) -> Bundle:
    marks = tuple(entry.model_copy(update=changes) if entry.chain == chain else entry
                  for entry in stage.first.document.checkpoints)  # fmt: skip
    return lying(stage.first, same, checkpoints=marks)


def _unfinalised(stage: Stage) -> Lie:
    return Lie(_marked(stage, BASE, finality=SAFE), {"A6": {"E_FINALITY"}}, f"checkpoints.{BASE}")


def _overstated(stage: Stage) -> Lie:
    """More final than the auditor's own node says."""
    return Lie(_marked(stage, BASE, finality=3), {"A6": {"E_FINALITY"}}, f"checkpoints.{BASE}",
               {"nodes": {BASE: stage.world.readers()[BASE]}})  # fmt: skip


def _stale(stage: Stage) -> Lie:
    strict = policy(chains=(chain_rule(MAINNET), chain_rule(BASE, maximum_age=1)))
    return Lie(stage.first, {"A6": {"E_STALE_BLOCK"}}, f"checkpoints.{BASE}", {"policy": strict})


def _unlisted(stage: Stage) -> Lie:
    return Lie(stage.first, {"A6": {"E_CHECKPOINT_MISSING"}}, f"checkpoints.{BASE}",
               {"policy": policy(chains=(chain_rule(MAINNET),))})  # fmt: skip


def _reorganised(stage: Stage) -> Lie:
    """Everything fits together, under a block that the chain does not have."""
    number = stage.first.document.checkpoints[0].block_number
    marks = tuple(entry.model_copy(update={"block_number": number - 1}) for entry in stage.first.document.checkpoints)
    bundle = lying(stage.first, same, checkpoints=marks)
    return Lie(bundle, {"A6": {"E_REORG"}, "A7": {"E_HEADER_RLP"}}, r"eip155:1 on .*|leaves.*\.headerRlp",
               {"nodes": {MAINNET: stage.world.readers()[MAINNET]}})  # fmt: skip


def _other_chain(stage: Stage) -> Lie:
    """Evidence of one chain under the other, whose block has the same hash."""
    marks = {entry.chain: entry.block_hash for entry in stage.first.document.checkpoints}
    assert marks[MAINNET] == marks[BASE]
    ours, theirs = stage.line(BASE, "vault"), stage.line(MAINNET, "vault")
    swapped = {ours.evidence: stage.first.evidence[theirs.evidence]}
    bundle = replace(stage.first, evidence={**stage.first.evidence, **swapped})
    return Lie(bundle, {"A7": {"E_CHECKPOINT_CHAIN"}}, f"{_at(bundle, ours.cid)}: {ours.evidence}.chain")


def _header(stage: Stage) -> Lie:
    line = stage.line(BASE, "token")
    evidence = stage.first.evidence[line.evidence].model_copy(update={"header_rlp": b"\xc0"})
    bundle = replace(stage.first, evidence={**stage.first.evidence, line.evidence: evidence})
    return Lie(bundle, {"A7": {"E_HEADER_HASH"}}, f"{_at(bundle, line.cid)}: {line.evidence}.headerRlp")


# --- A8, A9: evidence, layouts, what is observed --------------------------------------------------------------------


def _foreign_layouts(stage: Stage) -> Lie:
    return Lie(stage.first, {"A8": {"E_LAYOUT_UNKNOWN"}}, r"layouts\.json", {"registry": None})


def _smuggled_layout(stage: Stage) -> Lie:
    """A registry in the bundle that reads another contract as the token: only the auditor's own counts."""
    layouts = list(stage.registry.layouts)
    at = next(n for n, layout in enumerate(layouts) if layout.name == f"{BASE} vault")
    own = [*layouts[:at], layouts[at].model_copy(update={"code_hash": bytes(32)}), *layouts[at + 1 :]]
    line = stage.line(BASE, "vault")
    return Lie(stage.first, {"A8": {"E_CODE_HASH"}}, f"{_at(stage.first, line.cid)}: {line.evidence}.codeHash",
               {"registry": registry_of(*own)})  # fmt: skip


def _unknown_layout(stage: Stage) -> Lie:
    own = [layout for layout in stage.registry.layouts if layout.name != f"{BASE} vault"]
    line = stage.line(BASE, "vault")
    return Lie(stage.first, {"A8": {"E_LAYOUT_UNKNOWN"}}, _at(stage.first, line.cid), {"registry": registry_of(*own)})


def _one_evidence_for_two(stage: Stage) -> Lie:
    """The token's file stands for the vault's line too."""
    token, vault = stage.line(BASE, "token"), stage.line(BASE, "vault")
    bundle = lying(stage.first, only(vault.cid, evidence=token.evidence))
    evidence = {name: entry for name, entry in bundle.evidence.items() if name != vault.evidence}
    return Lie(replace(bundle, evidence=evidence), {"A8": {"E_LAYOUT_UNKNOWN"}},
               f"{_at(bundle, vault.cid)}: {token.evidence}.layout")  # fmt: skip


def _two_evidences(stage: Stage) -> Lie:
    """Two notes of one balance, each with a file of its own."""
    token = stage.registry.named(f"{BASE} token")
    notes = (Note(note=0, pocket=0, amount=300), Note(note=4, pocket=2, amount=200))
    shared = signed(stage.world.collect(allocations=[allocation(token, *notes)]).bundle)
    line = next(entry for entry in shared.openings.leaves if entry.note == 4)
    own = {"ev/777.json": shared.evidence[line.evidence]}
    bundle = lying(replace(shared, evidence={**shared.evidence, **own}), only(line.cid, evidence="ev/777.json"))
    return Lie(bundle, {"A8": {"E_CHECKPOINT_CHAIN"}}, r"leaves\[\d\]\.evidence")


def _observed_refused(stage: Stage) -> Lie:
    strict = policy(chains=(chain_rule(MAINNET), chain_rule(BASE), chain_rule(SOLANA)))
    return Lie(observed_bundle(stage.first), {"A9": {"E_PROOF_KIND"}}, f"checkpoints.{SOLANA}", {"policy": strict})


def _observed_as_proven(stage: Stage) -> Lie:
    bundle = observed_bundle(stage.first, checkpoint=sol_checkpoint(proof_kind=EIP1186))
    return Lie(bundle, {"A9": {"E_PROOF_KIND"}}, r"ev/900000\.json")


def _observed_elsewhere(stage: Stage) -> Lie:
    bundle = observed_bundle(stage.first, evidence=sol_evidence(block_hash=b"\x06" * 32))
    return Lie(bundle, {"A7": {"E_CHECKPOINT_CHAIN"}}, r"leaves\[\d\]: ev/900000\.json\.blockHash")


# --- A10 to A14 -----------------------------------------------------------------------------------------------------


def _short(stage: Stage) -> Lie:
    token = stage.line(BASE, "token")
    return Lie(lying(stage.first, only(token.cid, amount=501)),
               {"A10": {"E_BALANCE_SHORT"}, "A12": {"E_ALLOC_RAISED"}},
               _at(stage.first, token.cid) + r"(\.amount)?")  # fmt: skip


def _unbound(stage: Stage) -> Lie:
    return Lie(replace(stage.first, bindings=stage.first.bindings[:1]), {"A11": {"E_BINDING_MISSING"}}, r"leaves\[\d\]")


def _forged_binding(stage: Stage) -> Lie:
    """The second binding altered: the account then has none, but for its vault, which names the owner itself."""
    altered = stage.first.bindings[1]
    words = altered.binding.model_copy(update={"to_epoch": EPOCH + 31})
    bundle = replace(stage.first, bindings=(stage.first.bindings[0], altered.model_copy(update={"binding": words})))
    return Lie(bundle, {"A11": {"E_BINDING_SIG", "E_BINDING_MISSING"}}, r"bindings\[1\]\.signed|leaves\[\d\]")


def _two_owners(stage: Stage) -> Lie:
    """The wallet's lines for another owner than its binding says."""
    token = stage.line(BASE, "token")
    return Lie(lying(stage.first, only(token.cid, owner=OTHER_OWNER)), {"A11": {"E_BINDING_CONFLICT"}},
               _at(stage.first, token.cid) + r"\.owner")  # fmt: skip


def _bound_again(stage: Stage) -> Lie:
    late = binding(MAINNET, OTHER_OWNER, nonce=2)
    bundle = replace(stage.second, bindings=(*stage.second.bindings, late))
    return Lie(bundle, {"A11": {"E_BINDING_MIDEPOCH"}}, r"bindings\[2\]", {"previous": stage.first})


def _rebound(stage: Stage) -> Lie:
    """Every line of the account for a new owner, as a binding says that was put in the place of the first."""
    bindings = (binding(MAINNET, OTHER_OWNER), binding(BASE, OTHER_OWNER))
    vaults = {stage.line(chain, "vault").cid for chain in (MAINNET, BASE)}
    evidence = {line.evidence: stage.first.evidence[line.evidence] for line in stage.first.openings.leaves
                if line.cid not in vaults}  # fmt: skip
    bundle = lying(
        replace(successor(stage.first), bindings=bindings, evidence=evidence),
        lambda line: None if line.cid in vaults else {"owner": OTHER_OWNER},
    )
    found = {"A11": {"E_BINDING_MISSING", "E_BINDING_CONFLICT"}, "A12": {"E_ALLOC_MOVED"}}
    return Lie(bundle, found, r"bindings(\[\d\])?|leaves\[\d\](\.owner)?", {"previous": stage.first})


def _registered_again(stage: Stage) -> Lie:
    """The vault's own slot names another owner than in the epoch's earlier root; all of it is proven."""
    chain = stage.world.chains[BASE]
    with chain.undone():
        chain.call(HOLDER, stage.world.deployed.vault, "register(uint256)", encode_uint(OTHER_OWNER))
        config = stage.world.config()
        vault = tuple(entry for entry in config.accounts if entry.layout == f"{BASE} vault")
        alone = stage.world.collect(config=config.model_copy(update={"accounts": vault})).bundle
    bundle = rooted(alone, seq=2, prev_digest=stage.first.document.digest)
    return Lie(bundle, {"A11": {"E_BINDING_MIDEPOCH"}, "A12": {"E_ALLOC_MOVED"}}, r"leaves\[0\]",
               {"previous": stage.first})  # fmt: skip


def _raised(stage: Stage) -> Lie:
    """As much as there is, and more than there was in the epoch's root before."""
    token = stage.line(BASE, "token")
    before = lying(stage.first, only(token.cid, amount=499))
    bundle = lying(successor(before), only(token.cid, amount=500))
    return Lie(bundle, {"A12": {"E_ALLOC_RAISED"}}, _at(bundle, token.cid) + r"\.amount", {"previous": before})


def _appeared(stage: Stage) -> Lie:
    token = stage.line(BASE, "token")
    evidence = {name: entry for name, entry in stage.first.evidence.items() if name != token.evidence}
    before = replace(lying(stage.first, lambda line: None if line.cid == token.cid else {}), evidence=evidence)
    bundle = rooted(stage.second, prev_digest=before.document.digest)
    return Lie(bundle, {"A12": {"E_ALLOC_RAISED"}}, _at(bundle, token.cid), {"previous": before})


def _moved(stage: Stage) -> Lie:
    token = stage.line(BASE, "token")
    bundle = lying(successor(stage.first), only(token.cid, pocket=3))
    return Lie(bundle, {"A12": {"E_ALLOC_MOVED"}}, _at(bundle, token.cid) + r"(\.pocket)?", {"previous": stage.first})


def _forged_allocation(stage: Stage) -> Lie:
    token = stage.registry.named(f"{BASE} token")
    shared = allocation(token, Note(note=0, pocket=0, amount=500))
    forged = shared.model_copy(update={"notes": (Note(note=0, pocket=0, amount=400),)})
    return Lie(replace(stage.first, allocations=(forged,)), {"A12": {"E_ALLOC_SIG"}}, r"allocations\[0\]\.notes")


def _receipt(stage: Stage) -> Lie:
    """Shares of a vault as tokens, and beside them what lies in the vault."""
    layout, evidence = stage.shares
    vault, name = stage.line(BASE, "vault"), "ev/800000.json"
    cid = compute_cid(BASE, vault.account, layout.asset, layout.custody, 0)
    renamed = {"evidence": name, "asset": layout.asset, "custody": "eoa", "lock_until": 0, "cid": cid}
    line = vault.model_copy(update=renamed)
    bundle = with_lines(replace(stage.first, evidence={**stage.first.evidence, name: evidence}), line)
    own = registry_of(*stage.registry.layouts, layout)
    return Lie(bundle, {"A13": {"E_CUSTODY_OVERLAP"}}, r"leaves\[\d\]", {"registry": own})


def _two_names(stage: Stage) -> Lie:
    """One observed account under two custodies."""
    custody = "custodian:friend"
    other = sol_layout(name="solana friend", custody=custody)
    line = sol_line(custody=custody, evidence="ev/900001.json")
    base = observed_bundle(stage.first)
    bundle = with_lines(
        replace(base, evidence={**base.evidence, line.evidence: sol_evidence(layout="solana friend")}), line,
        checkpoints=base.document.checkpoints,
    )  # fmt: skip
    own = registry_of(*stage.registry.layouts, sol_layout(), other)
    return Lie(bundle, {"A13": {"E_CUSTODY_OVERLAP"}}, r"leaves\[\d\]", {"registry": own})


def _lock(stage: Stage) -> Lie:
    vault = stage.line(BASE, "vault")
    return Lie(lying(stage.first, only(vault.cid, lock_until=GENESIS + 10**6)), {"A14": {"E_LOCK_SLOT"}},
               _at(stage.first, vault.cid) + r"\.lockUntil")  # fmt: skip


# --- A16 ------------------------------------------------------------------------------------------------------------


def _market(
    code: set[str], path: str, given: Callable[[], Mapping[str, Any]] = dict, **changes: Any
) -> Callable[[Stage], Lie]:
    def lie(stage: Stage) -> Lie:
        market = {"market": priced({SOL: 5}, **changes)}
        return Lie(stage.first, {"A16": code}, path, market | dict(given()))

    return lie


def _tables(stage: Stage) -> Lie:
    honest = priced({SOL: 5})
    tables = {**honest.tables, "columns": priced({SOL: 6}).tables["columns"]}
    market = honest.model_copy(update={"tables": tables})
    return Lie(stage.first, {"A16": {"E_MARKET"}}, r"snapshot\.marketDigest", {"market": market})


CASES: Mapping[str, Callable[[Stage], Lie]] = {
    "no quorum": _quorum,
    "a stranger's signature": _stranger,
    "a high s": _high_s,
    "one signature twice": _twice,
    "words altered after they were signed": _altered,
    "attestors of the bundle's own": _own_set,
    "another pledge domain": _elsewhere,
    "a root that outlives its epoch": _outlives,
    "a root of another epoch": _epoch,
    "a root that was taken back": _revoked,
    "the bundle before is kept back": _no_previous,
    "a number that does not rise": _seq,
    "a root before that nobody signed": _unsigned_previous,
    "other openings of the root before": _other_previous_openings,
    "a published root is passed over": _passed_over,
    "another hash of the openings": _openings,
    "openings tampered with": _tampered_openings,
    "more lines than there are": _count,
    "another id of a line": _cid,
    "a line twice": _doubled,
    "lines in another order": _order,
    "another root": _root,
    "another depth": _depth,
    "another hash of the checkpoints": _checkpoints,
    "a block that is not final": _unfinalised,
    "a finality that the own node does not see": _overstated,
    "a stale block": _stale,
    "a chain that the policy does not list": _unlisted,
    "a reorganised block": _reorganised,
    "evidence of another chain under an equal block hash": _other_chain,
    "another header": _header,
    "no layouts but the bundle's": _foreign_layouts,
    "a layout smuggled in": _smuggled_layout,
    "a custody that nobody reviewed": _unknown_layout,
    "one evidence for two lines": _one_evidence_for_two,
    "two evidences of one balance": _two_evidences,
    "observed where the policy wants proofs": _observed_refused,
    "observed and called proven": _observed_as_proven,
    "observed in another block": _observed_elsewhere,
    "more than the balance": _short,
    "an account without a binding": _unbound,
    "a binding that was altered": _forged_binding,
    "a line of another owner": _two_owners,
    "an owner bound again within the epoch": _bound_again,
    "an account under a new owner within the epoch": _rebound,
    "a vault that names a new owner within the epoch": _registered_again,
    "a note that was raised": _raised,
    "a line that appeared": _appeared,
    "a note that was moved": _moved,
    "an allocation that was altered": _forged_allocation,
    "a receipt token beside what it stands for": _receipt,
    "one observed account under two custodies": _two_names,
    "a lock that is not in the vault": _lock,
    "a market of a stranger": _market(
        {"E_SIG_NOT_ATTESTOR", "E_QUORUM"}, r"market(\.signatures\[0\])?", keys=[STRANGER]
    ),
    "a market that nobody signed": _market({"E_QUORUM"}, "market", keys=[]),
    "old prices": _market({"E_PRICE_STALE"}, r"market\.snapshot\.priceTime", price_time=NOW - 61),
    "prices of the future": _market({"E_PRICE_FUTURE"}, r"market\.snapshot\.priceTime", price_time=NOW + 61),
    "a market that has expired": _market({"E_PRICE_STALE"}, r"market\.snapshot\.expiresAt", expires_at=NOW),
    "tables that were not signed": _tables,
    "a market for another rule set": _market({"E_VK"}, r"market\.snapshot\.ruleDigest", rule_digest=bytes(32)),
    "a table commitment that is none": _market(
        {"E_MARKET"}, r"market\.snapshot\.tableCommitment", lambda: {"rules": audited_rules()}, table_commitment=5
    ),
    "evidence of prices that the policy does not ask for": _market(
        {"E_PRICE_EVIDENCE"}, r"policy\.prices", lambda: {"prices": _evidence()}
    ),
}  # fmt: skip


def _evidence(price: int = 5, time: int = NOW - 2) -> PriceEvidence:
    """A price of the coin in dollars, signed by guardians of the tests' own."""
    update = pyth_update(ETH, price * 10**8, time)
    return PriceEvidence(pyth=update, cells=(COIN,))


COIN = cell(SOL, decimals=0)
ASKED = price_rules(pyth=OURS, redstone=None, cells=(COIN,), complete=())


def _priced(table: int, evidence: PriceEvidence | None, committed: PriceEvidence | None = None) -> Mapping[str, Any]:
    """A market whose unit value is ``table`` millionths, by a policy that asks for evidence."""
    sources = (committed.source,) if committed is not None else () if evidence is None else (evidence.source,)
    return {"market": priced({SOL: table}, sources=sources), "prices": evidence, "policy": policy(prices=ASKED)}


def test_prices_have_the_evidence_that_the_policy_asks_for(stage: Stage, tmp_path: Path) -> None:
    stage.first.write(tmp_path / "bundle")

    def codes(given: Mapping[str, Any]) -> set[str]:
        report = stage.audit_folder(tmp_path / "bundle", **given).report
        assert set(failed(report)) <= {"A16"}
        assert (report.coverage.value is not None) == report.holds
        return failed(report).get("A16", set())

    assert codes(_priced(5_000_000, _evidence())) == set()
    assert codes(_priced(5_000_001, _evidence())) == {"E_PRICE_TABLE"}
    assert codes(_priced(5_000_000, None)) == {"E_PRICE_MISSING"}
    assert codes(_priced(5_000_000, _evidence(), _evidence(6))) == {"E_PRICE_EVIDENCE"}
    assert codes(_priced(5_000_000, _evidence(time=NOW - 61))) == {"E_PRICE_STALE"}
    broken = bytearray(_evidence().pyth or b"")
    broken[100] ^= 1
    assert codes(_priced(5_000_000, _evidence().model_copy(update={"pyth": bytes(broken)}))) == {"E_PRICE_SIGNER"}


@pytest.mark.parametrize("name", CASES)
def test_each_lie_is_found_where_it_is(name: str, stage: Stage, tmp_path: Path) -> None:
    lie = CASES[name](stage)
    given = {"registry": lie.given["registry"]} if "registry" in lie.given else {}
    report = stage.audit(lie.bundle, tmp_path, **{**lie.given, **given}).report
    assert failed(report) == lie.found, [(entry.step, entry.code, entry.path) for entry in report.findings]
    assert not report.holds
    for step, verdict in verdicts(report).items():
        assert (verdict == "fail") == (step in lie.found)
    for entry in report.findings:
        assert re.fullmatch(lie.path or ".*", entry.path), entry.path
        assert entry.message
        assert entry.hint


@pytest.mark.parametrize("lie", [_reorganised, _stale, _unfinalised], ids=lambda lie: lie.__name__)
def test_lines_under_a_block_that_does_not_count_are_not_shown(
    lie: Callable[[Stage], Lie], stage: Stage, tmp_path: Path
) -> None:
    found = lie(stage)
    report = stage.audit(found.bundle, tmp_path, **found.given).report
    doubted = {entry.path.split(" ")[0].removeprefix("checkpoints.") for entry in report.findings if entry.step == "A6"}
    assert len(doubted) == 1
    under = sum(line.chain in doubted for line in stage.first.openings.leaves)
    assert report.coverage.unshown_lines >= under == 4


def test_a_commitment_is_not_judged_without_its_rule_set(stage: Stage, tmp_path: Path) -> None:
    report = stage.audit(stage.first, tmp_path, market=priced({SOL: 5}, table_commitment=5)).report
    assert not report.findings
    assert (report.holds, verdicts(report)["A16"]) == (False, "notJudged")


@pytest.mark.parametrize("name", PROOF_TAMPERS)
def test_tampered_proofs(name: str, stage: Stage, tmp_path: Path) -> None:
    """Of the vault on Base alone, whatever is done to its proof: A8, at that evidence."""
    tamper: Tamper = PROOF_TAMPERS[name]
    line = stage.line(BASE, "vault")
    alone = lying(
        replace(stage.first, evidence={line.evidence: stage.first.evidence[line.evidence]}),
        lambda entry: {} if entry.cid == line.cid else None,
        checkpoints=stage.first.document.checkpoints[1:],
    )
    report = stage.audit(signed(tamper(alone)), tmp_path).report
    assert failed(report) == {"A8": {tamper.code}}
    assert report.findings[0].path.startswith(f"leaves[0]: {line.evidence}")
    for step in ("A10", "A11", "A12", "A14"):
        assert verdicts(report)[step] == "notJudged"
    assert report.coverage.unshown_lines == 1


def test_all_of_several_lies_are_found(stage: Stage, tmp_path: Path) -> None:
    """In one run: a missing signature, two lines of too much, an old block, a foreign chain's evidence, a lock."""
    tokens = {stage.line(chain, "token").cid for chain in (MAINNET, BASE)}
    vault, native = stage.line(BASE, "vault"), stage.line(MAINNET, "native")
    evidence = {**stage.first.evidence, native.evidence: stage.first.evidence[stage.line(BASE, "native").evidence]}
    bundle = lying(
        replace(stage.first, evidence=evidence),
        lambda line: {"amount": 501} if line.cid in tokens else {"lock_until": 5} if line.cid == vault.cid else {},
    )
    strict = policy(chains=(chain_rule(MAINNET), chain_rule(BASE, maximum_age=1)))
    report = stage.audit(signed(bundle, ATTESTOR_KEYS[:1]), tmp_path, policy=strict).report
    assert failed(report) == {
        "A2": {"E_QUORUM"}, "A6": {"E_STALE_BLOCK"}, "A7": {"E_CHECKPOINT_CHAIN"}, "A10": {"E_BALANCE_SHORT"},
        "A12": {"E_ALLOC_RAISED"}, "A14": {"E_LOCK_SLOT"},
    }  # fmt: skip
    short = [entry for entry in report.findings if entry.code == "E_BALANCE_SHORT"]
    assert {entry.path for entry in short} == {f"leaves[{_place(bundle, cid)}]" for cid in tokens}
    assert {(entry.expected, entry.got) for entry in short} == {("500", "501")}
    assert (report.coverage.unshown_lines, report.coverage.proven_lines) == (6, 2)  # four under the old block


def test_findings_hold_no_control_characters() -> None:
    from zkmargin.errors import SchemaType

    entry = Finding.of("A1", SchemaType("bad\x1b[31m\n", where="a\u202eb", got="x" * 5000))
    assert entry.message == "bad\\x1b[31m\\n"
    assert entry.path == "a\\u202eb"
    assert entry.got is not None
    assert len(entry.got) == 2000


def test_sources_of_a_market_are_the_signed_ones(stage: Stage, tmp_path: Path) -> None:
    honest = priced({SOL: 5}, sources=(Source.of("prices", b"real"),))
    report = stage.audit(stage.first, tmp_path, market=honest).report
    assert report.holds
    other = honest.model_copy(update={"sources": priced({SOL: 5}).sources})
    report = stage.audit_folder(tmp_path / "bundle", market=other).report
    assert failed(report) == {"A16": {"E_MARKET"}}
    assert report.coverage.value is None
