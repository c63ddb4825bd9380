"""specs/errors.md is what the classes say, and every code in it is provoked here."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from chain_refusals import CHAINS
from clock_refusals import CLOCK
from collateral_refusals import COLLATERAL
from contract_refusals import CONTRACTS
from evidence_refusals import EVIDENCE
from parties import (
    DOMAIN,
    KEYS,
    NOW,
    PUBLISHER,
    STRANGER,
    VENUE,
    World,
    small_market,
)
from passphrase import PASSPHRASE
from registry_refusals import REGISTRY
from service_refusals import OVER_A_SOCKET, SERVICE

from zkmargin import backend
from zkmargin.attestations.backup import seed_of
from zkmargin.attestations.context import (
    Claim,
    ClaimKind,
    compute_context_input,
    compute_statements_hash,
    party_id,
)
from zkmargin.attestations.documents import DomainFile, OfflineDomain, Signers
from zkmargin.attestations.eip712 import SigningDomain
from zkmargin.attestations.sealed import Sealed
from zkmargin.attestations.signatures import recover, require_quorum
from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.determinism.analysis import check_determinism
from zkmargin.circuits.rules import check_tables, parse_rules
from zkmargin.circuits.run import StatementRun
from zkmargin.cli.error_table import error_classes, error_table
from zkmargin.cli.main import run
from zkmargin.cli.passphrase import passphrase
from zkmargin.cli.stage import Stage
from zkmargin.encoding import keccak256, parse_bytes, parse_decimal, parse_uint, write_atomic
from zkmargin.errors import SchemaType, UsageWrong, ZkMarginError
from zkmargin.field import FR_MODULUS, encode_elements, require_canonical
from zkmargin.formats import read_wtns, read_zkey, write_wtns
from zkmargin.formats.layouts import layout
from zkmargin.margin.account import Account
from zkmargin.margin.compact import parse_chain
from zkmargin.margin.optional import optional_package
from zkmargin.margin.schema import AxisSchema
from zkmargin.prover.key_check import check_key
from zkmargin.prover.prove import Prover
from zkmargin.prover.setup import PROVING_KEY_FILE
from zkmargin.verifier.policy import VenuePolicy

SPECIFIED = {
    "E_SCHEMA_UNKNOWN_FIELD", "E_SCHEMA_TYPE", "E_INT_FORMAT", "E_BYTES_LENGTH", "E_FIELD_RANGE",
    "E_ID_CANONICAL", "E_VERSION", "E_DOMAIN", "E_SIG_FORMAT", "E_SIG_HIGH_S", "E_SIG_ORDER",
    "E_SIG_DUPLICATE", "E_SIG_NOT_ATTESTOR", "E_QUORUM", "E_EPOCH", "E_TREE_ROOT", "E_CHALLENGE",
    "E_VENUE", "E_TARGET", "E_VK", "E_POLICY", "E_EXPIRY", "E_PLEDGE_TOO_LONG", "E_CONTEXT", "E_SCOPE",
    "E_MARKET", "E_CLAIM", "E_PROOF_POINT", "E_PROOF_INVALID", "E_PRICE_STALE", "E_PRICE_FUTURE",
    "E_HEADER_HASH", "E_HEADER_RLP", "E_PROOF_EMPTY", "E_PROOF_TRUNCATED", "E_PROOF_EXTRA", "E_NODE_HASH", "E_NODE_RLP",
    "E_NODE_SHAPE", "E_NODE_FLAG", "E_ACCOUNT_MISMATCH", "E_SLOT_KEYS", "E_STORAGE_VALUE", "E_PRICE_SIGNER",
    "E_PRICE_QUORUM", "E_PRICE_CONF", "E_PRICE_TIMESTAMPS", "E_PRICE_TRAILING", "E_PRICE_MISSING",
    "E_PRICE_GUARDIAN_SET", "E_ATTESTOR_SET", "E_ROOT_EXPIRED", "E_ROOT_NOT_YET_VALID", "E_ROOT_REVOKED", "E_ROOT_SEQ",
    "E_ROOT_CHAIN", "E_EQUIVOCATION", "E_LEAVES_HASH", "E_LEAF_COUNT", "E_LEAF_ORDER", "E_CID_DUPLICATE",
    "E_CID_MISMATCH", "E_CHECKPOINT_MISSING", "E_FINALITY", "E_STALE_BLOCK", "E_PROOF_KIND", "E_BALANCE_SHORT",
    "E_BINDING_MISSING", "E_BINDING_SIG", "E_BINDING_CONFLICT", "E_BINDING_MIDEPOCH", "E_ALLOC_SIG", "E_ALLOC_RAISED",
    "E_ALLOC_MOVED", "E_LOCK", "E_LINE_DUPLICATE", "E_OWNER_MIXED", "E_POCKET_MIXED", "E_RPC_CHAIN_ID",
    "E_RPC_PROOF_WINDOW", "E_REORG", "E_CHECKPOINT_CHAIN", "E_ADDRESS", "E_CODE_HASH", "E_LAYOUT_UNKNOWN",
    "E_CUSTODY_OVERLAP", "E_DOUBLE_PLEDGE", "E_REPLAY", "E_LOG_HEAD", "E_LOG_INCLUSION", "E_LOG_FORK", "E_RECEIPT",
}  # fmt: skip
"""The failure cases of the attestation specification (its section 3)."""

OWN = {
    "E_INTERNAL", "E_DEMO", "E_ENGINE", "E_PACKAGE", "E_FILE", "E_USAGE", "E_LISTING", "E_STATEMENT",
    "E_STATEMENT_STALE", "E_STATEMENT_TWICE", "E_VENUE_COUNT",
    "E_CONDITION", "E_RULE", "E_CIRCUIT", "E_DETERMINISM", "E_WITNESS", "E_KEY_CIRCUIT",
    "E_KEY_INCONSISTENT", "E_LAYOUT",
    "E_ACCOUNT", "E_INSTRUMENT", "E_DECIMALS", "E_BOUND", "E_MARKET_SOURCE", "E_CAPACITY",
    "E_MARGIN_SHORT", "E_OPENING", "E_FILE_MAGIC", "E_FILE_VERSION", "E_FILE_TRUNCATED",
    "E_FILE_SECTION", "E_KEY_LOCKED", "E_PASSPHRASE", "E_PASSPHRASE_WEAK", "E_BACKUP_WORDS", "E_PRICE_FORMAT",
    "E_PRICE_PROOF",
    "E_PRICE_SEQ", "E_PRICE_EVIDENCE", "E_PRICE_FEED", "E_PRICE_CELL", "E_PRICE_TABLE", "E_PRICE_DISAGREE",
    "E_CHECKPOINTS", "E_RPC", "E_RPC_ANSWER", "E_SPV", "E_LOCK_SLOT", "E_EQUIVOCATION_UNPROVEN",
    "E_CLOCK", "E_ACCOUNT_UNKNOWN", "E_ACCOUNT_ENROLLED", "E_PROOF_SUPERSEDED",
    "E_PLEDGE_REFRESH", "E_PLEDGE_MISSING", "E_STORE", "E_CONTRACT", "E_CONTRACT_CODE", "E_TRANSACTION",
    "E_RATE_LIMIT", "E_BUSY", "E_SERVICE", *OVER_A_SOCKET,
}  # fmt: skip
"""Codes beyond that list: positions, rule sets, accounts, markets, files, this program itself."""

TABLE = Path(__file__).resolve().parents[1] / "specs" / "errors.md"
DIGEST = keccak256(b"signed")
LISTING = small_market().listing

Provoke = Callable[["Spine"], object]


class Spine:
    """A valid proof, and ways to break one thing of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = World(folder / "key")
        self.envelope = self.world.prove()

    @property
    def signing(self) -> SigningDomain:
        return self.world.domain.signing()

    def judge(self, part: str = "", at: int = NOW, **changes: Any) -> None:
        """Verify with changed fields of one part: envelope, context, public_inputs, proof, market, statement."""
        envelope = self.envelope
        if part in ("context", "public_inputs", "proof", "market"):
            changes = {part: getattr(envelope, part).model_copy(update=changes)}
        if part:
            envelope = envelope.model_copy(update=changes)
        self.world.verify(envelope, at=at)

    def judge_policy(self, **changes: Any) -> None:
        """Verify under another policy that the context names; its digests are made to fit."""
        policy = self.world.policy(**changes)
        context = self.envelope.context.model_copy(update={"policy_id": policy.policy_id})
        self.world.verify(self.envelope.model_copy(update={"context": context}), policy=policy)

    def rebound(self, **context: Any) -> None:
        """Verify a proof whose context has other fields and the digest of them, as a forger would have it."""
        envelope = self.envelope
        changed = envelope.context.model_copy(update=context)
        publics = envelope.public_inputs.model_copy(
            update={"context": compute_context_input(changed, self.world.domain.signing())}
        )
        self.world.verify(envelope.model_copy(update={"context": changed, "public_inputs": publics}))

    def restated(self, **statement: Any) -> None:
        """Prove over a position statement with other terms."""
        self.world.prove(account=self.world.statement(**statement))

    def file(self, name: str, content: bytes | str) -> Path:
        path = self.folder / name
        write_atomic(path, content)
        return path


@pytest.fixture(scope="module")
def spine(tmp_path_factory: pytest.TempPathFactory) -> Spine:
    return Spine(tmp_path_factory.mktemp("errors"))


def _one_venue_more(spine: Spine) -> None:
    """The policy lists a venue that the rule set has no place for."""
    other = VenuePolicy(venue_id=b"\x7f" * 32, name="other", signers=Signers.of(STRANGER.address))
    spine.judge_policy(venues=(*spine.world.policy().venues, other))


def _claim_run(spine: Spine) -> None:
    """The circuit's own answer to an account that falls short."""
    world = spine.world
    private = {
        "size": [0] * 8, "cash": -1, "ask": KEYS.ask, "nk": KEYS.nk, "pocket": 0, "subject": 0, "listing": 0,
        "salt": 1, "blind": 1,
    }  # fmt: skip
    public = {"context": 1, "claim": Claim(ClaimKind.MAINTENANCE, 1, 1).pack(), "scope": 1}
    compiled = world.prover.compiled
    StatementRun(compiled, private, public, compiled.plan.bind(small_market().tables)).finish(5)


def _free_wire(_: Spine) -> None:
    """A private input that nothing constrains."""
    system = ConstraintSystem()
    system.private("x")
    check_determinism(system)


def _other_key(spine: Spine) -> None:
    """A proving key of another rule set's circuit."""
    world = spine.world
    _ = world.prover
    rules = parse_rules(world.text.replace(b"capacity: 8", b"capacity: 9"), "other.yaml")
    Prover(rules, world.folder)


def _altered_key(spine: Spine) -> None:
    """A proving key with one point of A exchanged for another one."""
    world = spine.world
    compiled = world.prover.compiled
    key = read_zkey((world.folder / PROVING_KEY_FILE).read_bytes())
    check_key(compiled.r1cs, replace(key, a=key.a[64:128] + key.a[64:]), backend.engine())


def _two_signatures(*order: int) -> None:
    signed = sorted((key.address, key.sign(DIGEST)) for key in (PUBLISHER, VENUE))
    members = tuple(address for address, _ in signed)
    signers = SimpleNamespace(members=members, threshold=1)
    require_quorum(DIGEST, [signed[index] for index in order], signers, "test")  # type: ignore[arg-type]


def _usage(capsys: pytest.CaptureFixture[str]) -> ZkMarginError:
    assert run(["verify", "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == UsageWrong.code
    return UsageWrong(error["message"])


def _high_s(_: Spine) -> None:
    signature = VENUE.sign(DIGEST)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = order - int.from_bytes(signature[32:64], "big")
    recover(DIGEST, signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]]))


def _swapped_proof(spine: Spine) -> None:
    """Two points that are valid and not the proof's: the equation fails."""
    proof = spine.envelope.proof
    spine.judge("proof", a=proof.c, c=proof.a)


def _wtns(at: int, content: bytes) -> Callable[[Spine], object]:
    whole = write_wtns(encode_elements([1, 2]))
    return lambda _: read_wtns(whole[:at] + content + whole[at + len(content) :])


SEALED = Sealed.seal(bytes(32), PASSPHRASE, "owner 1")


def _without_passphrase() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ZKMARGIN_PASSPHRASE")
        passphrase()


PROVOKE: Mapping[str, Provoke] = {
    "E_DEMO": lambda s: Stage(s.folder, s.folder, silent=True).run("break", "keys", "show", s.folder / "none"),
    "E_ENGINE": lambda _: backend.engine("abacus"),
    "E_PACKAGE": lambda _: optional_package("quantlib_of_tomorrow", "a test"),
    # documents
    "E_SCHEMA_UNKNOWN_FIELD": lambda _: DomainFile.parse(DOMAIN.to_bytes().replace(b'"name"', b'"note":"x","name"')),
    "E_SCHEMA_TYPE": lambda _: DomainFile.parse(b"[]"),
    "E_INT_FORMAT": lambda _: parse_uint("01", "amount"),
    "E_BYTES_LENGTH": lambda _: parse_bytes("0x" + "00" * 31, "blockHash", 32),
    "E_FIELD_RANGE": lambda _: require_canonical(FR_MODULUS, "commitment"),
    "E_ID_CANONICAL": lambda _: party_id("eip155:1:0xAB16A96D359eC26a11e2C2b3d8f8B8942d5Bfcdb"),
    "E_VERSION": lambda _: DomainFile.parse(DOMAIN.to_bytes().replace(b'"version":"1"', b'"version":"2"')),
    "E_FILE": lambda s: write_atomic(s.folder / "no folder" / "file", b""),
    # signatures
    "E_DOMAIN": lambda s: s.judge("envelope", domain=OfflineDomain(salt=b"\x01" * 32)),
    "E_SIG_FORMAT": lambda _: recover(DIGEST, bytes(64)),
    "E_SIG_HIGH_S": _high_s,
    "E_SIG_ORDER": lambda _: _two_signatures(1, 0),
    "E_SIG_DUPLICATE": lambda _: _two_signatures(0, 0),
    "E_SIG_NOT_ATTESTOR": lambda s: s.judge_policy(publishers=Signers.of(STRANGER.address)),
    "E_QUORUM": lambda s: s.judge("market", signatures=()),
    # statement, policy, proof
    "E_CONTEXT": lambda s: s.judge("public_inputs", context=5),
    "E_SCOPE": lambda s: s.judge("public_inputs", scope=5),
    "E_MARKET": lambda s: s.world.verify(s.envelope, market=small_market(shift=1)),
    "E_PRICE_STALE": lambda s: s.judge(at=NOW + 111),
    "E_PRICE_FUTURE": lambda s: s.world.prove(snapshot=s.world.snapshot(small_market(price_time=NOW + 100)), at=NOW),
    "E_LISTING": lambda s: s.restated(listing_digest=b"\x01" * 32),
    "E_STATEMENT": lambda s: s.judge("public_inputs", positions=(5,)),
    "E_STATEMENT_TWICE": lambda s: compute_statements_hash([s.envelope.statements[0].statement] * 2, s.signing),
    "E_VENUE_COUNT": _one_venue_more,
    "E_STATEMENT_STALE": lambda s: s.restated(as_of=NOW - 7200),
    "E_CLAIM": lambda _: Claim(ClaimKind.MAINTENANCE, 1, 2),
    "E_EPOCH": lambda s: s.restated(epoch=5),
    "E_CHALLENGE": lambda s: s.world.verify(s.envelope, challenge=b"\x01" * 32),
    "E_VENUE": lambda s: s.judge_policy(verifier_id=b"\x01" * 32),
    "E_TARGET": lambda s: s.judge_policy(target=b"\x01" * 32),
    "E_VK": lambda s: s.rebound(vk_hash=b"\x01" * 32),
    "E_POLICY": lambda s: s.judge("context", policy_id=b"\x01" * 32),
    "E_EXPIRY": lambda s: s.judge(at=NOW + 400),
    "E_PLEDGE_TOO_LONG": lambda s: s.rebound(expires_at=NOW + 100_000),
    "E_TREE_ROOT": lambda s: s.judge("public_inputs", collateral_root=5),
    "E_PROOF_POINT": lambda s: s.judge("proof", a=(1, 1)),
    "E_PROOF_INVALID": _swapped_proof,
    "E_CONDITION": lambda s: check_tables(s.world.rules, small_market(im_factor=20_001).tables),
    # rules and circuits
    "E_RULE": lambda s: parse_rules(s.world.text.replace(b"equity: cash", b"equity: cush"), "r.yaml"),
    "E_DETERMINISM": _free_wire,
    "E_CIRCUIT": lambda _: ConstraintSystem().path_of(0),
    "E_WITNESS": _claim_run,
    "E_KEY_CIRCUIT": _other_key,
    "E_KEY_INCONSISTENT": _altered_key,
    "E_LAYOUT": lambda _: layout("sui").proof_files(bytes(9 * 32), bytes(256), backend.engine()),
    # accounts, markets
    "E_ACCOUNT": lambda _: Account.of_csv("instrument,size\n", LISTING),
    "E_INSTRUMENT": lambda _: Account.of_csv("instrument,size\nBTC-C9,1\ncash,0\n", LISTING),
    "E_DECIMALS": lambda _: parse_decimal("1.005", 2, "cash"),
    "E_BOUND": lambda _: Account.of_csv("instrument,size\ncash,9\n", LISTING, cash_bounds=(0, 899)),
    "E_MARKET_SOURCE": lambda _: parse_chain("chain,2\n", "chain.csv"),
    "E_CAPACITY": lambda _: AxisSchema("instrument", capacity=8).check(9),
    "E_MARGIN_SHORT": lambda s: s.restated(cash=-(10**9)),
    "E_OPENING": lambda s: s.world.prove(account=(s.world.statement()[0], s.world.statement()[1])),  # two salts
    "E_KEY_LOCKED": lambda _: SEALED.open("another passphrase", "owner 1"),
    "E_PASSPHRASE": lambda _: _without_passphrase(),
    "E_PASSPHRASE_WEAK": lambda _: Sealed.seal(bytes(32), "short", "owner 1"),
    "E_BACKUP_WORDS": lambda _: seed_of(["abandon"] * 24),
    # files of the proof system
    "E_FILE_MAGIC": _wtns(0, b"rtns"),
    "E_FILE_VERSION": _wtns(4, struct.pack("<I", 3)),
    "E_FILE_TRUNCATED": _wtns(16, struct.pack("<Q", 1 << 60)),
    "E_FILE_SECTION": _wtns(12, struct.pack("<I", 9)),
    **{
        code: lambda _, refuse=refuse: refuse()
        for code, refuse in {**EVIDENCE, **COLLATERAL, **CHAINS, **CLOCK, **CONTRACTS, **REGISTRY, **SERVICE}.items()
    },
}
"""What raises each code. E_USAGE and E_INTERNAL are no exceptions of a library; their tests stand below."""
_ELSEWHERE = {"E_USAGE", "E_INTERNAL", *OVER_A_SOCKET}


def _in_table() -> dict[str, int]:
    rows = re.findall(r"^\| `(E_[A-Z_]+)` \| ([0-9]) \|", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    return {code: int(exit_code) for code, exit_code in rows}


def test_regeneration_is_clean() -> None:
    assert TABLE.read_text(encoding="utf-8") == error_table()


def test_the_table_is_the_specification_and_our_own() -> None:
    assert set(_in_table()) == SPECIFIED | OWN
    assert not SPECIFIED & OWN


def test_every_code_is_provoked() -> None:
    assert set(PROVOKE) | _ELSEWHERE == set(_in_table())
    assert not set(PROVOKE) & _ELSEWHERE


@pytest.mark.parametrize("code", list(PROVOKE))
def test_provoked(code: str, spine: Spine) -> None:
    with pytest.raises(ZkMarginError) as caught:
        PROVOKE[code](spine)
    error = caught.value
    assert error.code == code, str(error)
    assert error.exit_code == _in_table()[code]
    _check_message(error)


def _check_message(error: ZkMarginError) -> None:
    """``CODE: what failed; expected X, got Y; where; what to do``, and the same as data."""
    data = error.as_json()
    assert list(data) == ["code", "message", "where", "expected", "got", "hint"]
    assert data["hint"]
    assert str(error).startswith(f"{error.code}: ")
    assert "\x1b" not in str(error)
    assert json.loads(json.dumps(data)) == data


def test_usage_is_a_code_too(capsys: pytest.CaptureFixture[str]) -> None:
    error = _usage(capsys)
    assert error.exit_code == _in_table()["E_USAGE"]
    _check_message(error)


def test_a_defect_is_reported_without_values(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("the secret 12345")

    monkeypatch.setattr("zkmargin.encoding.read_file", broken)
    assert run(["inspect", "file", "--json"]) == _in_table()["E_INTERNAL"]
    printed = capsys.readouterr()
    assert json.loads(printed.out)["error"]["code"] == "E_INTERNAL"
    assert "12345" not in printed.out + printed.err


def test_classes_say_what_they_mean_and_what_to_do() -> None:
    for cls in error_classes():
        assert cls.__doc__, cls
        assert cls.exit_code in (1, 2)
        assert "advice" in vars(cls), f"{cls.__name__} does not say what to do"


def test_a_message_has_its_parts_in_order() -> None:
    error = SchemaType("wrong", where="field", expected=1, got=2, hint="do this")
    assert str(error) == "E_SCHEMA_TYPE: wrong; expected 1, got 2; field; do this"
    assert str(SchemaType("wrong")) == f"E_SCHEMA_TYPE: wrong; {SchemaType.advice}"
