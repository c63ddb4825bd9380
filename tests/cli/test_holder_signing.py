"""``collateral bind|allocate|request|sign``: by a key, by a wallet of each chain, and what is refused."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from calling import Called, call, ok
from coincurve import PrivateKey
from collateral_world import (
    ACCOUNT,
    DOMAIN,
    EPOCH,
    HOLDER,
    KEYS,
    MAINNET,
    NOW,
    STRANGER,
    allocation,
    binding,
    signed_binding,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eth_account import Account
from passphrase import PASSPHRASE

from zkmargin.attestations.chains.bip322 import message_digest
from zkmargin.attestations.chains.bitcoin import MAINNET as BITCOIN
from zkmargin.attestations.collateral.bindings import (
    owner_in_epoch,
    require_allocation,
    require_binding,
    require_in_time,
)
from zkmargin.attestations.collateral.documents import AllocationDocument, Note, OwnerBinding, OwnerBindingDocument
from zkmargin.attestations.documents import DomainFile, HomeDomain
from zkmargin.attestations.keyfiles import OwnerKeyFile, SigningKeyFile
from zkmargin.attestations.owner import OwnerKeys
from zkmargin.attestations.schema import Document
from zkmargin.attestations.signatures import CURVE_ORDER

SEED = bytes([61]) * 32
OWNER = OwnerKeys.of_seed(SEED).owner
ASSET = f"{MAINNET}/slip44:60"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
WPKH = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"  # of the secp256k1 key 1, BIP-173
SOLANA_KEY = Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32)


def base58(raw: bytes) -> str:
    number, text = int.from_bytes(raw, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + text


SOLANA = f"solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:{base58(SOLANA_KEY.public_key().public_bytes_raw())}"


class Desk:
    """A holder's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("domain.json", DomainFile(name="collateral", epoch_length=86400))
        self.write("elsewhere.json", DomainFile(name="elsewhere", epoch_length=86400))
        self.write("owner.key", OwnerKeyFile.of_seed(SEED, PASSPHRASE))
        self.write("wallet.key", SigningKeyFile.of_key(HOLDER, PASSPHRASE))
        self.write("stranger.key", SigningKeyFile.of_key(STRANGER, PASSPHRASE))
        (folder / "known").mkdir()
        self.files = sorted(os.listdir(folder))

    def __getitem__(self, name: str) -> Path:
        return self.folder / name

    def write(self, name: str, document: Document) -> Path:
        self[name].write_bytes(document.to_bytes())
        return self[name]

    def bind(self, *more: object, account: str = ACCOUNT, out: str = "out.json", at: int = NOW) -> Called:
        return call("collateral", "bind", account, "--owner-key", self["owner.key"], "--domain", self["domain.json"],
                    "--at", at, "--out", self[out], "--json", *more)  # fmt: skip

    def allocate(self, *more: object, account: str = ACCOUNT, asset: str = ASSET, out: str = "out.json") -> Called:
        notes = () if "--note" in more else ("--note", "0:0:60", "--note", "3:1:40")
        return call("collateral", "allocate", account, "--asset", asset, *notes, "--domain", self["domain.json"],
                    "--at", NOW, "--out", self[out], "--json", *more)  # fmt: skip

    def request(self, draft: str, *more: object, domain: str = "domain.json") -> Called:
        return call("collateral", "request", self[draft], "--domain", self[domain], *more)

    def sign(self, draft: str, *more: object, domain: str = "domain.json", at: int = NOW) -> Called:
        return call("collateral", "sign", self[draft], "--domain", self[domain], "--at", at, "--out",
                    self["signed.json"], "--json", *more)  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def refused(called: Called) -> str:
    assert called.code in (1, 2), called.out
    return str(called.json["error"]["code"])


def done(called: Called) -> Any:
    assert called.code == 0, called.out
    return called.json


# --- EVM ------------------------------------------------------------------------------------------------------------


def test_a_key_binds_at_once(desk: Desk) -> None:
    made = done(desk.bind("--key", desk["wallet.key"]))
    document = OwnerBindingDocument.read(desk["out.json"])
    require_binding(document, DOMAIN)
    assert made == {"file": str(desk["out.json"]), "binding": document.binding.to_json(), "signed": True}
    words = document.binding
    assert (words.owner, words.nonce, words.from_epoch, words.to_epoch) == (OWNER, 1, EPOCH, EPOCH + 364)
    shown = ok("collateral", "bind", ACCOUNT, "--owner-key", desk["owner.key"], "--domain", desk["domain.json"], "--at",
               NOW, "--out", desk["out.json"], "--force", "--key", desk["wallet.key"])  # fmt: skip
    assert "every attestor" in shown.out


def test_a_key_allocates_at_once(desk: Desk) -> None:
    done(desk.allocate("--key", desk["wallet.key"]))
    document = AllocationDocument.read(desk["out.json"])
    require_allocation(document, DOMAIN, EPOCH + 1)
    assert document.notes == (Note(note=0, pocket=0, amount=60), Note(note=3, pocket=1, amount=40))


@pytest.mark.parametrize("home", [False, True], ids=["offline", "home"])
@pytest.mark.parametrize("kind", ["binding", "allocation"])
def test_a_wallet_signs_the_typed_data(desk: Desk, kind: str, home: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """eth-account, as any wallet, hashes what `request` shows to our digest, and its signature is ours."""
    if home:
        domain = HomeDomain(chain_id=8453, verifying_contract=bytes(range(20)))
        monkeypatch.setattr("zkmargin.attestations.documents.DomainFile.domain", lambda _: domain)
    done(desk.bind() if kind == "binding" else desk.allocate())
    found = done(desk.request("out.json", "--json"))
    assert found["scheme"] == "eip712"
    typed = json.loads(desk.request("out.json").out)
    assert typed == found["typedData"]
    assert desk.request("out.json", "--digest").out == found["digest"] + "\n"
    signed = Account.sign_typed_data(HOLDER.secret(), full_message=typed)
    assert "0x" + signed.message_hash.hex() == found["digest"]
    done(desk.sign("out.json", "--signature", "0x" + signed.signature.hex()))
    by_wallet = desk["signed.json"].read_bytes()
    done(desk.sign("out.json", "--key", desk["wallet.key"], "--force"))
    assert desk["signed.json"].read_bytes() == by_wallet


def test_a_draft_counts_for_nobody(desk: Desk) -> None:
    assert done(desk.bind())["signed"] is False
    done(desk.allocate(out="two.json"))
    for name, judge in (
        ("out.json", lambda path: require_binding(OwnerBindingDocument.read(path), DOMAIN)),
        ("two.json", lambda path: require_allocation(AllocationDocument.read(path), DOMAIN, EPOCH + 1)),
    ):
        with pytest.raises(Exception, match="E_SIG_FORMAT"):
            judge(desk[name])
    assert "collateral request" in ok(
        "collateral", "bind", ACCOUNT, "--owner-key", desk["owner.key"], "--domain", desk["domain.json"], "--out",
        desk["three.json"],
    ).out  # fmt: skip


# --- Bitcoin, Solana ------------------------------------------------------------------------------------------------


def bitcoin_witness(text: str) -> bytes:
    """As a wallet signs a message in BIP-322's simple form: key 1, the program of WPKH."""
    key = PrivateKey((1).to_bytes(32, "big"))
    program = bytes.fromhex("751e76e8199196d454941c45d1b3a323f1433bd6")
    signature = key.sign(message_digest(program, text.encode()), hasher=None) + b"\x01"
    public = key.public_key.format()
    return bytes([2, len(signature)]) + signature + bytes([len(public)]) + public


@pytest.mark.parametrize("kind", ["binding", "allocation"])
def test_bitcoin(desk: Desk, kind: str) -> None:
    account = f"{BITCOIN}:{WPKH}"
    made = desk.bind if kind == "binding" else desk.allocate
    more: Mapping[str, Any] = {} if kind == "binding" else {"asset": f"{BITCOIN}/slip44:0"}
    done(made(account=account, **more))
    text = desk.request("out.json").out.strip()
    assert text == done(desk.request("out.json", "--json"))["digest"]
    witness = bitcoin_witness(text)
    for signature in ("0x" + witness.hex(), base64.b64encode(witness).decode()):
        done(desk.sign("out.json", "--signature", signature, "--force"))
    desk["signed.json"].unlink()
    other = bitcoin_witness(text.upper())
    code = "E_BINDING_SIG" if kind == "binding" else "E_ALLOC_SIG"
    assert refused(desk.sign("out.json", "--signature", "0x" + other.hex())) == code
    for wrong in ("not base64!", "AAAA AAAA", base58(witness[:64]) + "0"):
        assert refused(desk.sign("out.json", "--signature", wrong)) in ("E_SIG_FORMAT", code)
    assert refused(desk.sign("out.json", "--key", desk["wallet.key"])) == "E_USAGE"
    assert not desk["signed.json"].exists()


def test_solana(desk: Desk) -> None:
    done(desk.bind(account=SOLANA))
    shown = desk.request("out.json").out.strip()
    signature = SOLANA_KEY.sign(bytes.fromhex(shown[2:]))
    for text in ("0x" + signature.hex(), base58(signature)):
        done(desk.sign("out.json", "--signature", text, "--force"))
    desk["signed.json"].unlink()
    of_the_text = SOLANA_KEY.sign(shown.encode())
    assert refused(desk.sign("out.json", "--signature", base58(of_the_text))) == "E_BINDING_SIG"
    assert refused(desk.sign("out.json", "--signature", base58(signature[:63]))) == "E_SIG_FORMAT"
    assert refused(desk.sign("out.json", "--signature", "0" * 88)) == "E_SIG_FORMAT"
    assert not desk["signed.json"].exists()


@pytest.mark.parametrize(
    "account",
    [
        f"{BITCOIN}:bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",  # taproot
        f"{BITCOIN}:1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH",
        "bip122:000000000933ea01ad0ee984209779ba:tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
        "cosmos:cosmoshub-4:cosmos1vqpjljwsynsn58dugz0w8ut7kun7t8ls2qkmsq",
        "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:So1111111111111111111111111111111111111111",
        "eip155:1:0xAB16A96D359eC26a11e2C2b3d8f8B8942d5Bfcdb",
        "eip155:01:0x" + "00" * 20,
        "0x" + "00" * 20,
    ],
)
def test_accounts_that_sign_nothing(desk: Desk, account: str) -> None:
    assert refused(desk.bind(account=account)) == "E_ID_CANONICAL"
    assert refused(desk.allocate(account=account)) == "E_ID_CANONICAL"
    assert sorted(os.listdir(desk.folder)) == desk.files


# --- signatures that do not hold ------------------------------------------------------------------------------------


def test_signatures_of_others(desk: Desk) -> None:
    assert refused(desk.bind("--key", desk["stranger.key"])) == "E_BINDING_SIG"
    assert refused(desk.allocate("--key", desk["stranger.key"])) == "E_ALLOC_SIG"
    assert sorted(os.listdir(desk.folder)) == desk.files
    done(desk.bind())
    assert done(desk.bind("--nonce", 2, out="two.json"))["binding"]["fromEpoch"] == str(EPOCH + 1)
    done(desk.allocate(out="three.json"))
    digests = {name: done(desk.request(name, "--json"))["digest"] for name in ("out.json", "two.json", "three.json")}
    assert len(set(digests.values())) == 3
    for name, digest in digests.items():
        signature = "0x" + HOLDER.sign(bytes.fromhex(digest[2:])).hex()
        for draft in set(digests) - {name}:
            code = "E_ALLOC_SIG" if draft == "three.json" else "E_BINDING_SIG"
            assert refused(desk.sign(draft, "--signature", signature)) == code
        stranger = "0x" + STRANGER.sign(bytes.fromhex(digest[2:])).hex()
        assert refused(desk.sign(name, "--signature", stranger)) in ("E_BINDING_SIG", "E_ALLOC_SIG")
    assert not desk["signed.json"].exists()


def test_forms_of_signatures(desk: Desk) -> None:
    done(desk.bind())
    good = HOLDER.sign(bytes.fromhex(done(desk.request("out.json", "--json"))["digest"][2:]))
    s = CURVE_ORDER - int.from_bytes(good[32:64], "big")
    high = good[:32] + s.to_bytes(32, "big") + bytes([55 - good[64]])
    for raw, code in (
        (high, "E_SIG_HIGH_S"),
        (good[:64], "E_SIG_FORMAT"),
        (good[:64] + bytes([good[64] - 27]), "E_SIG_FORMAT"),
        (good + b"\0", "E_SIG_FORMAT"),
        (b"", "E_SIG_FORMAT"),
    ):
        assert refused(desk.sign("out.json", "--signature", "0x" + raw.hex())) == code
    for text, code in (
        ("0X" + good.hex(), "E_SIG_FORMAT"), ("0x" + good.hex().upper(), "E_BYTES_LENGTH"), ("", "E_SIG_FORMAT"),
        ("A" * 5000, "E_SIG_FORMAT"),
    ):  # fmt: skip
        assert refused(desk.sign("out.json", "--signature", text)) == code
    assert desk.sign("out.json").code == 2  # neither
    assert desk.sign("out.json", "--signature", "0x", "--key", desk["wallet.key"]).code == 2  # both
    assert not desk["signed.json"].exists()
    done(desk.sign("out.json", "--signature", f" 0x{good.hex()}\n"))


def test_another_pledge_domain(desk: Desk) -> None:
    """Neither asked of a wallet, nor signed: a signature for one domain is worth nothing in another."""
    for make in (desk.bind, desk.allocate):
        done(make("--force"))
        assert refused(desk.request("out.json", "--json", domain="elsewhere.json")) == "E_DOMAIN"
        for how in (("--key", desk["wallet.key"]), ("--signature", "0x" + "11" * 65)):
            assert refused(desk.sign("out.json", *how, domain="elsewhere.json")) == "E_DOMAIN"
        document = json.loads(desk["out.json"].read_text())
        elsewhere = DomainFile(name="elsewhere", epoch_length=86400).domain().salt.hex()
        document["domain"]["salt"] = "0x" + elsewhere  # replayed: the words still name the first domain
        desk["replayed.json"].write_text(json.dumps(document))
        assert refused(desk.sign("replayed.json", "--key", desk["wallet.key"], domain="elsewhere.json")) == "E_DOMAIN"
    desk.write("known/1.json", signed_binding(binding()).model_copy(update={
        "domain": DomainFile(name="elsewhere", epoch_length=86400).domain()}))  # fmt: skip
    assert refused(desk.bind("--known", desk["known"], "--force")) == "E_DOMAIN"


def test_altered_drafts(desk: Desk) -> None:
    done(desk.allocate())
    document = json.loads(desk["out.json"].read_text())
    document["notes"][0]["amount"] = "61"
    desk["altered.json"].write_text(json.dumps(document))
    assert refused(desk.request("altered.json", "--json")) == "E_ALLOC_SIG"
    assert refused(desk.sign("altered.json", "--key", desk["wallet.key"])) == "E_ALLOC_SIG"
    document = json.loads(desk["out.json"].read_text())
    document["signed"]["scheme"] = "ed25519"  # the account says how it signs, not the file
    desk["altered.json"].write_text(json.dumps(document))
    done(desk.sign("altered.json", "--key", desk["wallet.key"]))
    assert AllocationDocument.read(desk["signed.json"]).signed.scheme == "eip712"


# --- nonces and epochs ----------------------------------------------------------------------------------------------


@pytest.fixture
def bound(desk: Desk) -> Desk:
    """The account is bound to owner 7 by nonce 3, to the end of epoch 20 from now."""
    desk.write("known/1.json", signed_binding(binding(7, 3, EPOCH - 5, EPOCH + 20)))
    return desk


def test_a_second_binding_comes_after(bound: Desk) -> None:
    known = ("--known", bound["known"], "--key", bound["wallet.key"])
    done(bound.bind(*known))
    document = OwnerBindingDocument.read(bound["out.json"])
    words, first = document.binding, OwnerBindingDocument.read(bound["known/1.json"]).binding
    assert (words.nonce, words.from_epoch, words.to_epoch) == (4, EPOCH + 1, EPOCH + 365)
    require_in_time(words, [first], EPOCH)
    owners = [owner_in_epoch(ACCOUNT, epoch, [first, words]).owner for epoch in (EPOCH, EPOCH + 1, EPOCH + 300)]
    assert owners == [7, OWNER, OWNER]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (("--from-epoch", EPOCH), "E_BINDING_MIDEPOCH"),
        (("--from-epoch", EPOCH - 1), "E_BINDING_MIDEPOCH"),
        (("--nonce", 3), "E_BINDING_CONFLICT"),
        (("--nonce", 2, "--from-epoch", EPOCH + 5), "E_BINDING_CONFLICT"),
        (("--to-epoch", EPOCH + 19), "E_BINDING_CONFLICT"),  # owner 7 would be back
        (("--from-epoch", EPOCH + 40, "--to-epoch", EPOCH + 39), "E_BINDING_SIG"),
        (("--from-epoch", (1 << 64) - 1), "E_INT_FORMAT"),
    ],
)
def test_bindings_that_attestors_would_leave_out(bound: Desk, more: tuple[object, ...], code: str) -> None:
    assert refused(bound.bind("--known", bound["known"], "--key", bound["wallet.key"], *more)) == code
    assert sorted(os.listdir(bound.folder)) == bound.files


def test_after_a_binding_has_ended(desk: Desk) -> None:
    """Nobody's in this epoch: the next one counts at once, which is told from `--known`."""
    desk.write("known/1.json", signed_binding(binding(7, 1, EPOCH - 5, EPOCH - 1)))
    made = done(desk.bind("--known", desk["known"]))["binding"]
    assert (made["nonce"], made["fromEpoch"]) == ("2", str(EPOCH))
    assert refused(desk.sign("out.json", "--key", desk["wallet.key"])) == "E_BINDING_MIDEPOCH"
    done(desk.sign("out.json", "--key", desk["wallet.key"], "--known", desk["known"]))
    desk.write("known/2.json", signed_binding(binding(8, 2, EPOCH, EPOCH)))
    again = desk.sign("out.json", "--key", desk["wallet.key"], "--known", desk["known"], "--force")
    assert refused(again) == "E_BINDING_CONFLICT"


def test_first_bindings(desk: Desk) -> None:
    assert refused(desk.bind("--from-epoch", EPOCH - 1)) == "E_BINDING_MIDEPOCH"
    done(desk.bind("--from-epoch", EPOCH + 3, "--to-epoch", EPOCH + 3, "--nonce", 9))
    done(desk.sign("out.json", "--key", desk["wallet.key"]))
    late = desk.sign("out.json", "--key", desk["wallet.key"], "--force", at=NOW + 3 * 86400)
    assert refused(late) == "E_BINDING_MIDEPOCH"


def test_what_was_signed_before_is_checked(bound: Desk) -> None:
    bound.write("known/2.json", signed_binding(binding(5, 8, EPOCH + 1, EPOCH + 900), STRANGER))
    assert refused(bound.bind("--known", bound["known"])) == "E_BINDING_SIG"
    bound["known/2.json"].write_text("{}")
    assert refused(bound.bind("--known", bound["known"])) == "E_SCHEMA_TYPE"
    assert refused(bound.bind("--known", bound["nowhere"])) == "E_FILE"
    bound["known/2.json"].unlink()
    others = OwnerBinding(**{**dict(binding(5, 8)), "account": f"{MAINNET}:0x{KEYS[0].address.hex()}"})
    bound.write("known/2.json", signed_binding(others, KEYS[0]))
    assert done(bound.bind("--known", bound["known"]))["binding"]["nonce"] == "4"


def test_allocations_are_fixed_before_their_epoch(desk: Desk) -> None:
    for epoch in (EPOCH, EPOCH - 1, 0):
        assert refused(desk.allocate("--epoch", epoch)) == "E_EPOCH"
    done(desk.allocate("--epoch", EPOCH + 5))
    done(desk.sign("out.json", "--key", desk["wallet.key"], at=NOW + 4 * 86400))
    late = desk.sign("out.json", "--key", desk["wallet.key"], "--force", at=NOW + 5 * 86400)
    assert refused(late) == "E_EPOCH"


@pytest.mark.parametrize(
    ("notes", "code"),
    [
        (("0:0:61", "3:1:40"), "E_ALLOC_RAISED"),
        (("0:0:60", "1:0:1", "3:1:39"), "E_ALLOC_RAISED"),
        (("0:1:60", "3:1:40"), "E_ALLOC_MOVED"),
        (("0:0:60", "3:2:1"), "E_ALLOC_MOVED"),
        (("0:0:59", "3:1:40"), "E_ALLOC_SIG"),  # lower: still a second one
        (("0:0:60",), "E_ALLOC_SIG"),
    ],
)
def test_a_second_allocation_of_an_epoch(desk: Desk, notes: tuple[str, ...], code: str) -> None:
    desk.write("known/1.json", allocation(epoch=EPOCH + 1))
    words = [word for note in notes for word in ("--note", note)]
    assert refused(desk.allocate("--known", desk["known"], *words)) == code
    assert sorted(os.listdir(desk.folder)) == desk.files
    done(desk.allocate("--known", desk["known"], "--epoch", EPOCH + 2, *words))


def test_the_same_allocation_again(desk: Desk) -> None:
    desk.write("known/1.json", allocation(epoch=EPOCH + 1))
    done(desk.allocate("--known", desk["known"], "--key", desk["wallet.key"]))
    assert AllocationDocument.read(desk["out.json"]) == AllocationDocument.read(desk["known/1.json"])
    desk.write("known/1.json", allocation(epoch=EPOCH + 1, key=STRANGER))
    assert refused(desk.allocate("--known", desk["known"], "--force")) == "E_ALLOC_SIG"


@pytest.mark.parametrize(
    "notes",
    [
        ("0:256:1",), ("4294967296:0:1",), (f"0:0:{1 << 128}",), ("0:0",), ("0:0:1:2",), ("0:0:-1",), ("a:0:1",),
        ("0:0:\u0661",), ("1:0:1", "0:0:1"), ("0:0:1", "0:1:1"), (),
    ],
)  # fmt: skip
def test_notes_that_are_none(desk: Desk, notes: tuple[str, ...]) -> None:
    words = [word for note in notes for word in ("--note", note)] or ["--note"]
    assert refused(desk.allocate(*words)) == "E_USAGE"
    assert sorted(os.listdir(desk.folder)) == desk.files


def test_what_is_allocated_has_one_spelling(desk: Desk) -> None:
    for more in (
        ("--custody", "EOA"),
        ("--custody", "vault:x"),
        ("--asset", "eip155:8453/slip44:60"),
        ("--asset", "x"),
    ):
        assert refused(desk.allocate(*more)) == "E_ID_CANONICAL"
    done(desk.allocate("--custody", f"vault:{MAINNET}:0x{'11' * 20}", "--note", f"4294967295:255:{(1 << 128) - 1}"))


def test_nothing_is_replaced_unasked(desk: Desk) -> None:
    done(desk.bind())
    for again in (desk.bind(), desk.allocate()):
        assert refused(again) == "E_FILE"
    done(desk.sign("out.json", "--key", desk["wallet.key"]))
    assert refused(desk.sign("out.json", "--key", desk["wallet.key"])) == "E_FILE"
