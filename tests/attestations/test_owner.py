"""ATTESTATION §1.12: owner keys, identifiers, pledge domain, scope, nullifier."""

from __future__ import annotations

import pytest

from zkmargin.attestations.context import compute_scope
from zkmargin.attestations.eip712 import SigningDomain, Structure
from zkmargin.attestations.owner import OwnerKeys, hkdf_sha256, new_seed, nullifier
from zkmargin.encoding import identifier, u248
from zkmargin.errors import BytesLength, IntFormat

ASSET = "eip155:1/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
REGISTRY = bytes.fromhex("5fbdb2315678afecb367f032d93f642f64180aa3")
KEYS = OwnerKeys(ask=17, nk=34)


def test_owner_vectors() -> None:
    assert KEYS.ak == 18069657878991158901394556336286551313575388032459580500775306268929897205925
    assert KEYS.owner == 7074161979495468804951766973291391217732283536832806246717334695024940297184


def test_identifier_vectors() -> None:
    asset_id = 125903486152787274354942409682287496409892315065477696520472691337835636277
    assert identifier(ASSET) == asset_id
    collateral = Structure("CollateralId(string chain,string account,string asset,string custody,uint32 note)")
    cid = collateral.hash(
        {
            "chain": "eip155:1",
            "account": "eip155:1:0xab16a96d359ec26a11e2c2b3d8f8b8942d5bfcdb",
            "asset": ASSET,
            "custody": "vault:eip155:1:0x" + REGISTRY.hex(),
            "note": 0,
        }
    )
    assert u248(cid) == 319105858702820879637854315428412673210556493670134898772651946085400937400


def test_scope_and_nullifier_vectors() -> None:
    domain = SigningDomain(chain_id=1, verifying_contract=REGISTRY)
    expected = "286d85e85c0e383adfa9f1dc00e800f5c4a6a582354d4243e397ebb9b54e09e8"
    assert domain.pledge_domain.hex() == expected
    scope = compute_scope(domain.pledge_domain, 20777)
    assert scope == 355589315896058899818201223005167949749780803936040390004414414820093327296
    value = 6654644372711019061175972173182219764722501924559451761564280694219409109587
    assert KEYS.nullifier(scope, 1) == nullifier(34, scope, 1) == value


def test_an_offline_domain_pledges_under_its_salt() -> None:
    assert SigningDomain(salt=bytes(range(32))).pledge_domain == bytes(range(32))


def test_hkdf_rfc5869_vectors() -> None:
    """RFC 5869, appendix A.1 and A.3 (SHA-256; with and without salt and info)."""
    long = hkdf_sha256(bytes([11]) * 22, bytes(range(0xF0, 0xFA)), 42, bytes(range(13)))
    assert long.hex() == ("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
    bare = hkdf_sha256(bytes([11]) * 22, b"", 42)
    assert bare.hex() == ("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8")
    for length in (0, 8161):
        with pytest.raises(BytesLength):
            hkdf_sha256(b"", b"", length)


def test_seeds_give_distinct_keys_in_range() -> None:
    keys = OwnerKeys.of_seed(bytes(32))
    assert 0 < keys.ask < 2**248
    assert 0 < keys.nk < 2**248
    assert keys.ask != keys.nk
    assert OwnerKeys.of_seed(bytes(32)) == keys
    assert OwnerKeys.of_seed(new_seed()) != keys
    with pytest.raises(BytesLength):
        OwnerKeys.of_seed(bytes(31))


@pytest.mark.parametrize("keys", [(0, 1), (1, 0), (2**248, 1), (1, 2**248), (True, 1), (-1, 1)])
def test_keys_out_of_range_are_refused(keys: tuple[int, int]) -> None:
    with pytest.raises(IntFormat):
        OwnerKeys(*keys)


@pytest.mark.parametrize("pocket", [-1, 256, True])
def test_pockets_out_of_range_are_refused(pocket: int) -> None:
    with pytest.raises(IntFormat):
        KEYS.nullifier(1, pocket)


def test_keys_do_not_show() -> None:
    keys = OwnerKeys(ask=123456789, nk=987654321)
    assert "123456789" not in repr(keys) + str(keys)
    assert "987654321" not in repr(keys) + str(keys)
