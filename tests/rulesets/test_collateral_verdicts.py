"""Proofs over attested collateral at the verifier: what root counts, for how long, and what a prover may not select."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from attested_lines import LOCKED, collateral_of
from collateral_world import KEYS as ATTESTORS_KEYS
from collateral_world import revocation
from parties import CHALLENGE, DOMAIN, KEYS, NOW
from rule_parties import Parties

from zkmargin.attestations.collateral.documents import OBSERVED, RevokeRootDocument, hash_checkpoints
from zkmargin.attestations.context import compute_context_input
from zkmargin.attestations.documents import sign
from zkmargin.attestations.owner import OwnerKeys
from zkmargin.circuits.compile import compile_rules
from zkmargin.circuits.rules import RuleSet, parse_rules
from zkmargin.errors import ZkMarginError
from zkmargin.margin.tables import Column, Tables
from zkmargin.prover.collateral import Collateral
from zkmargin.prover.prove import Request
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.policy import Policy
from zkmargin.verifier.verdict import Verdict
from zkmargin.verifier.verify import verify

pytestmark = pytest.mark.prove

RULES = b"""\
rules: 1
name: backed
binding: public
lines: 2
axes:
  asset: {capacity: 2}
public:
  price: {axes: [asset], unit: usd/atom, decimals: 6, min: 0, max: 1000}
private:
  held: {axes: [asset], unit: atom, decimals: 0, min: 0, max: 1e12, from: chain}
  debt: {unit: usd, decimals: 0, min: 0, max: 1e12, from: venue}
equity: sum(held * price, over=asset)
requirements:
  maintenance: debt
"""
BARE = RULES.replace(b"lines: 2\n", b"").replace(b"from: chain", b"from: venue").replace(b"backed", b"bare")
ASSETS = ("eip155:1/slip44:60", "eip155:8453/slip44:60")
TABLES = Tables(
    {"asset": 2}, {"asset": ASSETS}, {"price": Column.of("price", ["asset"], 6, [2_000_000, 3_000_000])}, {}, {}
)
ACCOUNT: dict[str, Any] = {"held": [100, 50], "debt": 350}  # worth exactly 350


@dataclass
class Backed:
    """A rule set with lines, an account that meets its claim exactly, and its proof."""

    parties: Parties

    @property
    def rules(self) -> RuleSet:
        return self.parties.rules

    @cached_property
    def collateral(self) -> Collateral:
        found = collateral_of(self.rules, TABLES, ACCOUNT, KEYS.owner, 0)
        assert found is not None
        return found

    @cached_property
    def envelope(self) -> Envelope:
        return self.prove(self.collateral)

    def prove(
        self, collateral: Collateral | None, *, at: int = NOW, debt: int = 350, policy: Policy | None = None
    ) -> Envelope:
        snapshot = self.parties.snapshot(TABLES)
        _ = self.parties.prover
        statement, opening = self.parties.attest(0, {**ACCOUNT, "debt": debt}, snapshot)
        request = Request(policy or self.parties.policy, snapshot, (statement,), at, None, CHALLENGE, collateral)
        return self.parties.prover.prove(request, opening, KEYS)

    def verify(self, envelope: Envelope, *, at: int = NOW, policy: Policy | None = None, **more: Any) -> Verdict:
        from zkmargin.prover.setup import read_verifying_key

        return verify(
            envelope,
            policy=policy or self.parties.policy,
            market=self.parties.snapshot(TABLES),
            rules=self.rules,
            verifying_key=read_verifying_key(self.parties.folder),
            at=at,
            challenge=CHALLENGE,
            **more,
        )

    def rebound(self, envelope: Envelope, **context: Any) -> Envelope:
        """With other fields of the context, and the public input that fits them."""
        changed = envelope.context.model_copy(update=context)
        stated = {"context": compute_context_input(changed, DOMAIN.domain().signing())}
        publics = envelope.public_inputs.model_copy(update=stated)
        return envelope.model_copy(update={"context": changed, "public_inputs": publics})

    def resigned(self, **changes: Any) -> Collateral:
        """The root with other terms, signed by its attestors."""
        root = self.collateral.root.root.model_copy(update=changes)
        signatures = sign(root, DOMAIN.domain().signing(), ATTESTORS_KEYS[:2])
        document = self.collateral.root.model_copy(update={"root": root, "signatures": signatures})
        return replace(self.collateral, root=document)

    def rechained(self, **changes: Any) -> Collateral:
        """The root over other checkpoints."""
        first, *rest = self.collateral.root.checkpoints
        checkpoints = (first.model_copy(update=changes), *rest)
        root = self.collateral.root.root.model_copy(update={"checkpoints_hash": hash_checkpoints(checkpoints)})
        document = self.collateral.root.model_copy(
            update={
                "root": root,
                "checkpoints": checkpoints,
                "signatures": sign(root, DOMAIN.domain().signing(), ATTESTORS_KEYS[:2]),
            }
        )
        return replace(self.collateral, root=document)


@pytest.fixture(scope="module")
def backed(tmp_path_factory: pytest.TempPathFactory) -> Backed:
    rules = parse_rules(RULES, "backed.yaml")
    return Backed(Parties(rules, compile_rules(rules), "maintenance", tmp_path_factory.mktemp("backed")))


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(ZkMarginError) as caught:
        act()
    return caught.value.code


def test_it_holds_exclusively(backed: Backed) -> None:
    verdict = backed.verify(backed.envelope)
    assert verdict.exclusive
    assert verdict.claim.min_lock == backed.envelope.context.expires_at
    assert verdict.collateral is not None
    assert (verdict.collateral.chains, verdict.collateral.observed) == (("eip155:1", "eip155:8453"), ())
    assert not any("not exclusive" in warning for warning in verdict.warnings)
    assert Envelope.parse(backed.envelope.to_bytes()) == backed.envelope
    for engine in ("python", "reference"):
        assert backed.verify(backed.envelope, engine=engine).exclusive
    shown = backed.envelope.to_text()
    for secret in (KEYS.owner, *(line.opening.salt for line in backed.collateral.lines)):
        assert f'"{secret}"' not in shown
    for line in backed.collateral.lines:
        assert line.opening.account not in shown


def test_one_unit_more_debt_is_not_backed(backed: Backed) -> None:
    assert code_of(lambda: backed.prove(backed.collateral, debt=351)) == "E_MARGIN_SHORT"
    assert code_of(lambda: backed.prove(None)) == "E_MARGIN_SHORT"
    empty = backed.prove(None, debt=0)
    relaxed = backed.verify(empty)
    assert relaxed.collateral is None
    assert not relaxed.exclusive


def test_a_root_counts_only_as_its_attestors_signed_it(backed: Backed) -> None:
    envelope = backed.envelope
    signed = envelope.collateral
    assert signed is not None
    without = envelope.model_copy(update={"collateral": None})
    assert code_of(lambda: backed.verify(without)) == "E_TREE_ROOT"
    unnamed = backed.rebound(without, root_digest=bytes(32))
    assert code_of(lambda: backed.verify(unnamed)) == "E_TREE_ROOT"
    zero = unnamed.model_copy(
        update={
            "public_inputs": unnamed.public_inputs.model_copy(update={"collateral_root": 0, "claim": 1 << 8 | 1 << 24})
        }
    )
    assert code_of(lambda: backed.verify(zero)) == "E_PROOF_INVALID"
    fewer = signed.model_copy(update={"signatures": signed.signatures[:1]})
    assert code_of(lambda: backed.verify(envelope.model_copy(update={"collateral": fewer}))) == "E_QUORUM"
    altered = signed.model_copy(update={"root": signed.root.model_copy(update={"seq": 2})})
    assert code_of(lambda: backed.verify(envelope.model_copy(update={"collateral": altered}))) == "E_SIG_NOT_ATTESTOR"
    other = backed.resigned(seq=2)
    swapped = envelope.model_copy(
        update={"collateral": signed.model_copy(update={"root": other.root.root, "signatures": other.root.signatures})}
    )
    assert code_of(lambda: backed.verify(swapped)) == "E_TREE_ROOT"
    renamed = backed.rebound(swapped, root_digest=other.root.digest)
    assert code_of(lambda: backed.verify(renamed)) == "E_PROOF_INVALID"
    richer = backed.resigned(root=5)
    borrowed = envelope.model_copy(
        update={
            "collateral": signed.model_copy(update={"root": richer.root.root, "signatures": richer.root.signatures})
        }
    )
    # the proof opens leaves of a tree of its owner's; the root beside it is one that attestors signed
    assert code_of(lambda: backed.verify(backed.rebound(borrowed, root_digest=richer.root.digest))) == "E_TREE_ROOT"
    forged = backed.rebound(
        envelope.model_copy(
            update={
                "collateral": signed.model_copy(
                    update={"root": richer.root.root, "signatures": richer.root.signatures}
                ),
                "public_inputs": envelope.public_inputs.model_copy(update={"collateral_root": 5}),
            }
        ),
        root_digest=richer.root.digest,
    )
    assert code_of(lambda: backed.verify(forged)) == "E_PROOF_INVALID"


def test_roots_and_chains_age(backed: Backed) -> None:
    assert code_of(lambda: backed.prove(backed.resigned(expires_at=NOW))) == "E_ROOT_EXPIRED"
    assert code_of(lambda: backed.prove(backed.resigned(issued_at=NOW + 61))) == "E_ROOT_NOT_YET_VALID"
    assert code_of(lambda: backed.prove(backed.resigned(epoch=1))) == "E_EPOCH"
    assert code_of(lambda: backed.prove(backed.rechained(block_time=NOW - 1801))) == "E_STALE_BLOCK"
    assert code_of(lambda: backed.prove(backed.rechained(finality=1))) == "E_FINALITY"
    assert code_of(lambda: backed.prove(backed.rechained(proof_kind=OBSERVED))) == "E_PROOF_KIND"
    verdict = backed.verify(backed.envelope)
    soon = backed.prove(backed.resigned(expires_at=NOW + 20))
    assert backed.verify(soon).valid_until == NOW + 20 < verdict.valid_until
    assert code_of(lambda: backed.verify(soon, at=NOW + 20)) == "E_ROOT_EXPIRED"
    ageing = backed.prove(backed.rechained(block_time=NOW - 1790))
    assert backed.verify(ageing).valid_until == NOW + 11
    assert code_of(lambda: backed.verify(ageing, at=NOW + 11)) == "E_STALE_BLOCK"


def test_observed_chains_where_the_policy_allows_them(backed: Backed) -> None:
    accepted = backed.parties.policy.collateral
    assert accepted is not None
    chains = tuple(entry.model_copy(update={"observed": True}) for entry in accepted.chains)
    policy = backed.parties.policy.model_copy(update={"collateral": accepted.model_copy(update={"chains": chains})})
    envelope = backed.prove(backed.rechained(proof_kind=OBSERVED), policy=policy)
    verdict = backed.verify(envelope, policy=policy)
    assert verdict.collateral is not None
    assert verdict.collateral.observed == ("eip155:1",)
    assert any(warning.startswith("observed, not proven: lines on eip155:1") for warning in verdict.warnings)


def _revoked(backed: Backed, reason: int = 3) -> RevokeRootDocument:
    words = revocation(backed.collateral.root.digest, ATTESTORS_KEYS, reason)
    domain = DOMAIN.domain()
    signatures = sign(words.revocation, domain.signing(), ATTESTORS_KEYS)
    return words.model_copy(update={"domain": domain, "signatures": signatures})


def test_a_root_that_was_taken_back(backed: Backed) -> None:
    taken = _revoked(backed)
    assert code_of(lambda: backed.verify(backed.envelope, revocations=[taken])) == "E_ROOT_REVOKED"
    known = replace(backed.collateral, revocations=(taken,))
    assert code_of(lambda: backed.prove(known)) == "E_ROOT_REVOKED"


def test_policies_say_whose_collateral_counts(backed: Backed) -> None:
    policy = backed.parties.policy
    none = policy.model_copy(update={"collateral": None})
    assert code_of(lambda: backed.prove(backed.collateral, policy=none)) == "E_ATTESTOR_SET"
    accepted = policy.collateral
    assert accepted is not None
    others = accepted.attestors.model_copy(update={"set_nonce": 9})
    elsewhere = policy.model_copy(update={"collateral": accepted.model_copy(update={"attestors": others})})
    assert code_of(lambda: backed.prove(backed.collateral, policy=elsewhere)) == "E_ATTESTOR_SET"
    (first, _) = accepted.chains
    fewer = policy.model_copy(update={"collateral": accepted.model_copy(update={"chains": (first,)})})
    assert code_of(lambda: backed.prove(backed.collateral, policy=fewer)) == "E_CHECKPOINT_MISSING"
    with pytest.raises(ZkMarginError):
        accepted.model_copy(update={"chains": (first, first)})


def test_locks_outlast_the_proof_where_exclusivity_is_asked(backed: Backed) -> None:
    assert code_of(lambda: backed.prove(replace(backed.collateral, locked=False))) == "E_LOCK"
    accepted = backed.parties.policy.collateral
    assert accepted is not None
    lax = backed.parties.policy.model_copy(update={"collateral": accepted.model_copy(update={"exclusive": False})})
    verdict = backed.verify(backed.prove(replace(backed.collateral, locked=False), policy=lax), policy=lax)
    assert not verdict.exclusive
    assert any(warning.startswith("not exclusive") for warning in verdict.warnings)
    short = tuple(
        replace(line, opening=line.opening.model_copy(update={"lock_until": LOCKED + 1}))
        for line in backed.collateral.lines
    )
    assert code_of(lambda: backed.prove(replace(backed.collateral, lines=short))) == "E_CAPACITY"


def test_what_a_selection_may_not_hold(backed: Backed) -> None:
    one, two = backed.collateral.lines

    def code(*lines: Any) -> str:
        return code_of(lambda: backed.prove(replace(backed.collateral, lines=lines), debt=0))

    assert code(one, one) == "E_LINE_DUPLICATE"
    assert code(one, two, one) == "E_CAPACITY"
    assert code() == "E_CAPACITY"
    assert code(replace(one, opening=one.opening.model_copy(update={"owner": 5}))) == "E_OWNER_MIXED"
    assert code(replace(one, opening=one.opening.model_copy(update={"pocket": 1}))) == "E_POCKET_MIXED"
    assert code(replace(one, opening=one.opening.model_copy(update={"asset": "eip155:10/slip44:60"}))) == "E_INSTRUMENT"
    assert code(replace(one, opening=one.opening.model_copy(update={"amount": 1}))) == "E_CAPACITY"
    elsewhere = backed.resigned(root=5)
    assert code_of(lambda: backed.prove(elsewhere, debt=0)) == "E_TREE_ROOT"
    assert "100" not in repr(one) + repr(backed.collateral.lines)


def test_a_rule_set_without_lines_takes_no_collateral(backed: Backed, tmp_path: Path) -> None:
    rules = parse_rules(BARE, "bare.yaml")
    bare = Backed(Parties(rules, compile_rules(rules), "maintenance", tmp_path))
    snapshot = bare.parties.snapshot(TABLES)
    _ = bare.parties.prover
    statement, opening = bare.parties.attest(0, ACCOUNT, snapshot)
    policy = bare.parties.policy.model_copy(update={"collateral": backed.parties.policy.collateral})
    request = Request(policy, snapshot, (statement,), NOW, None, CHALLENGE, backed.collateral)
    assert code_of(lambda: bare.parties.prover.prove(request, opening, KEYS)) == "E_TREE_ROOT"


def test_another_owner_cannot_use_the_lines(backed: Backed) -> None:
    """The nullifier, the positions and the lines are of one owner: stolen openings prove nothing without the keys."""
    thief = OwnerKeys.of_seed(b"\x35" * 32)
    snapshot = backed.parties.snapshot(TABLES)
    statement, opening = backed.parties.attest(0, {**ACCOUNT, "debt": 0}, snapshot)
    request = Request(backed.parties.policy, snapshot, (statement,), NOW, None, CHALLENGE, backed.collateral)
    assert code_of(lambda: backed.parties.prover.prove(request, opening, thief)) == "E_OPENING"
