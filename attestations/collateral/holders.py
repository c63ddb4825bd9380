"""Signatures of the holders of accounts, by the kind of account: EIP-712, BIP-322, Ed25519.     ATTESTATION §1.3"""

from __future__ import annotations

from typing import Final, Literal

from zkmargin.attestations.chains.addresses import decode_base58, segwit_program
from zkmargin.attestations.chains.bip322 import is_signed_message
from zkmargin.attestations.chains.bitcoin import PREFIXES
from zkmargin.attestations.collateral.identifiers import EIP155, split_account
from zkmargin.attestations.signatures import recover
from zkmargin.encoding import hex_bytes
from zkmargin.errors import IdCanonical, VerificationError

Scheme = Literal["eip712", "bip322", "ed25519"]
_NAMESPACES: Final[dict[Scheme, str]] = {"eip712": EIP155, "bip322": "bip122", "ed25519": "solana"}
_SMALL_ORDER: Final = frozenset(
    bytes.fromhex(text)
    for text in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
)
"""Encodings, without the sign bit, of the points of order 1, 2, 4 and 8: anybody signs as these.
Solana's system program is one of them."""


def scheme_of(account: str, where: str = "account") -> Scheme:
    """How an account's own key signs. Raises IdCanonical where it cannot: another chain, or another kind of address."""
    chain, address = split_account(account, where)
    for scheme, namespace in _NAMESPACES.items():
        if not chain.startswith(f"{namespace}:"):
            continue
        if scheme == "bip322":
            program = segwit_program(address, where, PREFIXES[chain]) if chain in PREFIXES else (1, b"")
            if program[0] != 0 or len(program[1]) != 20:
                raise IdCanonical("not an address that signs", where=where, expected="P2WPKH, bc1q..", got=account)
        elif scheme == "ed25519":
            decode_base58(address, 32, where)
        return scheme
    raise IdCanonical("accounts of this chain do not sign documents", where=where,
                      expected=" or ".join(_NAMESPACES.values()), got=chain)  # fmt: skip


def require_holder(
    account: str, digest: bytes, signature: bytes, scheme: str, refusal: type[VerificationError], where: str
) -> None:
    """Raise ``refusal`` unless the account's own key signed the digest in a scheme of its chain.

    ``bip322`` (simple, P2WPKH) signs the text ``0x<digest in hex>``; ``ed25519`` the 32 bytes. A vault's slot is no
    signature: it is in the evidence.
    """
    chain, address = split_account(account, f"{where}.account")
    namespaces: dict[str, str] = dict(_NAMESPACES.items())
    if scheme not in namespaces or not chain.startswith(f"{namespaces[scheme]}:"):
        raise refusal("signed in a way that does not count for this chain", where=f"{where}.signed.scheme",
                      expected=" or ".join(_NAMESPACES), got=scheme)  # fmt: skip
    if scheme == "eip712":
        if (signer := hex_bytes(recover(digest, signature, f"{where}.signed"))) != address:
            raise refusal("not signed by the account's own key, or altered", where=f"{where}.signed",
                          expected=address, got=signer)  # fmt: skip
        return
    if scheme == "bip322":
        text = hex_bytes(digest).encode("ascii")
        held = chain in PREFIXES and is_signed_message(address, text, signature, where, PREFIXES[chain])
    else:
        held = is_ed25519(decode_base58(address, 32, f"{where}.account"), digest, signature)
    if not held:
        raise refusal("not signed by the account's own key, or altered", where=f"{where}.signed", expected=address)


def is_ed25519(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether an Ed25519 signature (RFC 8032) holds, under a key that is not of small order."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if key[:-1] + bytes([key[-1] & 0x7F]) in _SMALL_ORDER:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
