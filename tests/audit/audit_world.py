"""Signed bundles over two real chains with equal blocks and a chain that is only observed, and audits of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from attesting import (
    ATTESTOR_KEYS,
    ATTESTORS,
    DAY,
    DOMAIN,
    EPOCH,
    NOW,
    OWNER,
    PLEDGE_DOMAIN,
    Attesting,
    forged,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from parties import PUBLISHER, VENUE

from zkmargin.attestations.chains.documents import Evidence, ObservedEvidence
from zkmargin.attestations.chains.layouts import Layout, LayoutRegistry
from zkmargin.attestations.collateral.bundle import Bundle
from zkmargin.attestations.collateral.documents import (
    FINALIZED,
    OBSERVED,
    AccountSignature,
    Checkpoint,
    LeafOpening,
    LeafOpeningsDocument,
    OwnerBinding,
    OwnerBindingDocument,
)
from zkmargin.attestations.collateral.identifiers import compute_cid
from zkmargin.attestations.collateral.roots import leaf_of
from zkmargin.attestations.documents import Signers, sign
from zkmargin.attestations.market import MarketSnapshotDocument, sign_snapshot
from zkmargin.attestations.signatures import SigningKey
from zkmargin.circuits.rules import RuleSet, parse_rules
from zkmargin.margin.market import Market
from zkmargin.margin.tables import Column, Listing, Tables
from zkmargin.verifier.audit.audit import Outcome, audit
from zkmargin.verifier.audit.report import AuditReport
from zkmargin.verifier.policy import (
    AcceptedRuleSet,
    ChainPolicy,
    CollateralPolicy,
    LeastClaim,
    MaximumAge,
    Policy,
    VenuePolicy,
)

MAINNET, BASE = "eip155:1", "eip155:8453"
SOLANA = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
SOL = f"{SOLANA}/slip44:501"
SOL_KEY = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)
LAMPORTS = 5_000
RULES_TEXT = b"""\
rules: 1
name: audited
lines: 2
axes: {asset: {capacity: 8}}
public: {unit_value: {axes: [asset], unit: usd/atom, decimals: 6, min: 0, max: 9}}
private:
  held: {axes: [asset], unit: atom, decimals: 0, min: 0, max: 1e20, from: chain}
  cash: {unit: usd, decimals: 6, min: 0, max: 9, from: venue}
equity: cash + sum(held * unit_value, over=asset)
requirements: {maintenance: 0}
"""


def audited_rules() -> RuleSet:
    """A rule set whose only table is one of unit values."""
    return parse_rules(RULES_TEXT, "audited.yaml")


def base58(raw: bytes) -> str:
    digits, number, text = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", int.from_bytes(raw, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = digits[digit] + text
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + text


SOL_ACCOUNT = f"{SOLANA}:{base58(SOL_KEY.public_key().public_bytes_raw())}"


def policy(**changes: Any) -> Policy:
    """The attestors' chains finalized within half an hour, Solana observed too."""
    chains = {"chains": changes.pop("chains")} if "chains" in changes else {}
    attestors = changes.pop("attestors", ATTESTORS)
    listed = tuple(
        ChainPolicy(chain=chain, maximum_age=1800, finality=FINALIZED, observed=chain == SOLANA)
        for chain in (MAINNET, BASE, SOLANA)
    )
    fields: dict[str, Any] = {
        "name": "auditor",
        "domain": DOMAIN,
        "verifier_id": b"\x01" * 32,
        "target": bytes(32),
        "publishers": Signers.of(PUBLISHER.address),
        "venues": (VenuePolicy(venue_id=b"\x02" * 32, name="venue", signers=Signers.of(VENUE.address)),),
        "rule_sets": (
            AcceptedRuleSet(name="audited", rule_digest=audited_rules().digest, r1cs_digest=bytes(32),
                            vk_hash=b"\x03" * 32, transcript_digest=bytes(32), insecure=True),
        ),
        "maximum_age": MaximumAge(price=60, statement=3600, proof=300),
        "clock_skew": 60,
        "epoch_length": DAY,
        "epoch_lead": 3600,
        "claim": LeastClaim(kind="maintenance", num=1, den=1),
        "challenge_required": False,
        "collateral": CollateralPolicy(attestors=attestors, chains=chains.get("chains", listed), exclusive=False),
    }  # fmt: skip
    return Policy(**fields | changes)


def chain_rule(chain: str, **changes: Any) -> ChainPolicy:
    return ChainPolicy(**{"chain": chain, "maximum_age": 1800, "finality": FINALIZED, "observed": False} | changes)


def signed(bundle: Bundle, keys: Sequence[SigningKey] = ATTESTOR_KEYS[:2]) -> Bundle:
    """The bundle whose root these attestors signed, as it stands."""
    signatures = sign(bundle.document.root, DOMAIN.signing(), list(keys))
    return replace(bundle, document=bundle.document.model_copy(update={"signatures": signatures}))


def rooted(bundle: Bundle, **changes: Any) -> Bundle:
    """Other words in the root, signed."""
    root = bundle.document.root.model_copy(update=changes)
    return signed(replace(bundle, document=bundle.document.model_copy(update={"root": root})))


def lying(bundle: Bundle, change: Callable[[LeafOpening], dict[str, Any] | None], **parts: Any) -> Bundle:
    """Lines changed, hashes and root made to fit, signed by a quorum of liars."""
    kept = bundle.document.root
    made = forged(bundle, change, **parts)
    root = made.document.root.model_copy(update={"seq": kept.seq, "prev_digest": kept.prev_digest})
    return signed(replace(made, document=made.document.model_copy(update={"root": root})))


def same(_: LeafOpening) -> dict[str, Any]:
    return {}


def only(target: int, **changes: Any) -> Callable[[LeafOpening], dict[str, Any]]:
    """One line changed."""
    return lambda line: changes if line.cid == target else {}


def successor(bundle: Bundle, **changes: Any) -> Bundle:
    """The same lines as the epoch's next root, signed."""
    root = bundle.document.root
    return rooted(
        bundle, **{"seq": root.seq + 1, "prev_digest": bundle.document.digest, "issued_at": NOW + 10} | changes
    )


def with_lines(bundle: Bundle, *lines: LeafOpening, **parts: Any) -> Bundle:
    """The bundle with more lines, in order, everything signed."""
    leaves = tuple(sorted((*bundle.openings.leaves, *lines), key=lambda line: line.cid))
    return lying(replace(bundle, openings=LeafOpeningsDocument(leaves=leaves)), same, **parts)


def sol_line(amount: int = LAMPORTS, **changes: Any) -> LeafOpening:
    fields: dict[str, Any] = {
        "index": 0, "chain": SOLANA, "account": SOL_ACCOUNT, "asset": SOL, "custody": "eoa", "note": 0, "pocket": 0,
        "owner": OWNER, "amount": amount, "lock_until": 0, "salt": 77, "cid": 0, "leaf": 0,
        "evidence": "ev/900000.json",
    } | changes  # fmt: skip
    cid = compute_cid(SOLANA, fields["account"], fields["asset"], fields["custody"], fields["note"])
    line = LeafOpening(**fields | {"cid": cid})
    return line.model_copy(update={"leaf": leaf_of(line).digest})


def sol_checkpoint(**changes: Any) -> Checkpoint:
    fields: dict[str, Any] = {
        "chain": SOLANA, "block_number": 300_000_000, "block_hash": b"\x05" * 32, "state_root": bytes(32),
        "block_time": NOW - 30, "finality": FINALIZED, "proof_kind": OBSERVED,
    }  # fmt: skip
    return Checkpoint(**fields | changes)


def sol_layout(**changes: Any) -> Layout:
    fields: dict[str, Any] = {
        "name": "solana native", "asset": SOL, "custody": "eoa", "kind": "observed", "code_hash": b"", "slots": (),
        "receipt_of": (),
    }  # fmt: skip
    return Layout(**fields | changes)


def sol_evidence(**changes: Any) -> ObservedEvidence:
    fields: dict[str, Any] = {
        "chain": SOLANA, "block_hash": b"\x05" * 32, "account": SOL_ACCOUNT, "balance": LAMPORTS,
        "layout": "solana native",
    }  # fmt: skip
    return ObservedEvidence(**fields | changes)


def sol_binding() -> OwnerBindingDocument:
    words = OwnerBinding(account=SOL_ACCOUNT, owner=OWNER, pledge_domain=PLEDGE_DOMAIN, nonce=1, from_epoch=EPOCH,
                         to_epoch=EPOCH + 30)  # fmt: skip
    signature = AccountSignature(scheme="ed25519", signature=SOL_KEY.sign(words.digest(DOMAIN.signing())))
    return OwnerBindingDocument(domain=DOMAIN, binding=words, signed=signature)


def registry_of(*layouts: Layout) -> LayoutRegistry:
    return LayoutRegistry(layouts=tuple(sorted(layouts, key=lambda layout: layout.name)))


def observed_bundle(bundle: Bundle, **changes: Any) -> Bundle:
    """The bundle with a line on Solana, which is observed."""
    line = changes.pop("line", sol_line())
    return with_lines(
        replace(
            bundle,
            registry=registry_of(*bundle.registry.layouts, sol_layout()),
            evidence={**bundle.evidence, line.evidence: changes.pop("evidence", sol_evidence())},
            bindings=(*bundle.bindings, sol_binding()),
        ),
        line,
        checkpoints=(*bundle.document.checkpoints, changes.pop("checkpoint", sol_checkpoint())),
    )


def priced(values: Mapping[str, int], **changes: Any) -> MarketSnapshotDocument:
    """A snapshot with unit values in millionths of a dollar for each atomic unit."""
    names = tuple(sorted(values))
    column = Column.of("unit_value", ["asset"], 6, [values[name] for name in names])
    tables = Tables({"asset": len(names)}, {"asset": names}, {"unit_value": column}, {}, {})
    market = Market(Listing((), 0, "usd", 6), tables, changes.pop("price_time", NOW), changes.pop("sources", ()))
    fields: dict[str, Any] = {
        "rule_digest": audited_rules().digest, "issued_at": NOW, "expires_at": NOW + 900, "domain": DOMAIN,
        "keys": [PUBLISHER],
    }  # fmt: skip
    return sign_snapshot(market, **fields | changes)


@dataclass(frozen=True)
class Stage:
    """Two furnished chains and what honest attestors made of them."""

    world: Attesting
    first: Bundle
    second: Bundle
    registry: LayoutRegistry
    shares: tuple[Layout, Evidence]
    """The vault on Base as a token of its shares, and the holder's, at the first root's block."""

    def line(self, chain: str, kind: str, bundle: Bundle | None = None) -> LeafOpening:
        """A line of a chain: ``native``, ``token``, ``proxy`` or ``vault``."""
        layout = self.registry.named(f"{chain} {kind}")
        leaves = (bundle or self.first).openings.leaves
        return next(line for line in leaves if (line.asset, line.custody) == (layout.asset, layout.custody))

    def audit(self, bundle: Bundle, folder: Path, **given: Any) -> Outcome:
        """Write the bundle and audit it, by the auditor's own registry unless told otherwise."""
        bundle.write(folder / "bundle")
        return self.audit_folder(folder / "bundle", **given)

    def audit_folder(self, folder: Path, **given: Any) -> Outcome:
        own = registry_of(*self.registry.layouts, sol_layout())
        fields: dict[str, Any] = {"policy": policy(), "clock": NOW + 20, "registry": own}
        return audit(folder, **fields | given)


def failed(report: AuditReport) -> dict[str, set[str]]:
    """Codes by step."""
    found: dict[str, set[str]] = {}
    for entry in report.findings:
        found.setdefault(entry.step, set()).add(entry.code)
    return found


def verdicts(report: AuditReport) -> dict[str, str]:
    return {step.step: step.verdict for step in report.steps}
