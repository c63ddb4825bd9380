"""Sealed keys: they open with their passphrase, and only as they were written."""

from __future__ import annotations

from typing import Any

import pytest
from passphrase import PASSPHRASE

from zkmargin.attestations.keyfiles import OwnerKeyFile, SigningKeyFile
from zkmargin.attestations.owner import OwnerKeys
from zkmargin.attestations.sealed import Sealed
from zkmargin.attestations.signatures import SigningKey
from zkmargin.errors import KeyLocked, PassphraseWeak, SchemaType

SEED = bytes(range(32))


@pytest.fixture(scope="module")
def owner() -> OwnerKeyFile:
    return OwnerKeyFile.of_seed(SEED, PASSPHRASE)


def test_keys_open_with_their_passphrase(owner: OwnerKeyFile) -> None:
    again = OwnerKeyFile.parse(owner.to_bytes())
    assert again.unlock(PASSPHRASE) == OwnerKeys.of_seed(SEED)
    key = SigningKey.generate()
    assert SigningKeyFile.of_key(key, PASSPHRASE).unlock(PASSPHRASE).secret() == key.secret()


def test_the_file_does_not_hold_the_secret(owner: OwnerKeyFile) -> None:
    keys = OwnerKeys.of_seed(SEED)
    for secret in (SEED.hex(), str(keys.ask), str(keys.nk), f"{keys.ask:x}", f"{keys.nk:x}"):
        assert secret not in owner.to_text()
    assert "sealed" not in repr(owner)


def test_a_wrong_passphrase_opens_nothing(owner: OwnerKeyFile) -> None:
    for wrong in ("", PASSPHRASE + " ", PASSPHRASE.upper()):
        with pytest.raises(KeyLocked, match="E_KEY_LOCKED"):
            owner.unlock(wrong)


@pytest.mark.parametrize("field", ["salt", "nonce", "ciphertext"])
def test_a_flipped_bit_opens_nothing(owner: OwnerKeyFile, field: str) -> None:
    for place in (0, -1):
        changed = bytearray(getattr(owner.sealed, field))
        changed[place] ^= 1
        sealed = owner.sealed.model_copy(update={field: bytes(changed)})
        with pytest.raises(KeyLocked):
            owner.model_copy(update={"sealed": sealed}).unlock(PASSPHRASE)


def test_another_name_or_cost_opens_nothing(owner: OwnerKeyFile) -> None:
    with pytest.raises(KeyLocked):
        owner.model_copy(update={"owner": owner.owner + 1}).unlock(PASSPHRASE)
    with pytest.raises(KeyLocked):
        owner.model_copy(update={"sealed": owner.sealed.model_copy(update={"lanes": 2})}).unlock(PASSPHRASE)


def test_a_seed_sealed_under_another_name_is_refused(owner: OwnerKeyFile) -> None:
    """Whoever knows the passphrase can seal any seed under any name; the name must still be the seed's."""
    foreign = Sealed.seal(bytes(32), PASSPHRASE, f"owner {owner.owner}")
    with pytest.raises(KeyLocked, match="another owner"):
        owner.model_copy(update={"sealed": foreign}).unlock(PASSPHRASE)
    key = SigningKeyFile.generate(PASSPHRASE)
    foreign = Sealed.seal(SigningKey.generate().secret(), PASSPHRASE, f"signer 0x{key.address.hex()}")
    with pytest.raises(KeyLocked, match="another signer"):
        key.model_copy(update={"sealed": foreign}).unlock(PASSPHRASE)


def test_files_are_never_the_same_twice() -> None:
    first, second = (Sealed.seal(SEED, PASSPHRASE, "owner 1") for _ in range(2))
    assert len({first.salt, second.salt}) == len({first.nonce, second.nonce}) == 2


def test_a_short_passphrase_is_refused() -> None:
    with pytest.raises(PassphraseWeak, match="at least 8"):
        Sealed.seal(SEED, "1234567", "owner 1")


@pytest.mark.parametrize(
    "change",
    [{"memory": (19 << 10) - 1}, {"memory": (256 << 10) + 1}, {"memory": 19 << 10}, {"memory": 0}, {"passes": 0},
     {"passes": 17}, {"lanes": 0}, {"lanes": 5}, {"nonce": bytes(11)}, {"ciphertext": bytes(47)}],
)  # fmt: skip
def test_parameters_are_bounded(owner: OwnerKeyFile, change: dict[str, Any]) -> None:
    """Cheap ones could be guessed, dear ones would take the reader's memory."""
    with pytest.raises(SchemaType):
        owner.sealed.model_copy(update=change)
