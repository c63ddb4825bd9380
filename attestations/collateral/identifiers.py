"""Names of chains, accounts, assets and custodies, in one spelling each, and the id of a line.   ATTESTATION §1.0, §1.2

CAIP-2 for chains, CAIP-10 for accounts, CAIP-19 for assets; eip155 in lower-case hex, numbers without leading zeros.
Another spelling is an error and never made canonical in silence: two spellings of one account would be two lines of the
same coins.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from zkmargin.attestations.eip712 import Structure, Value
from zkmargin.encoding import identifier, u248
from zkmargin.errors import IdCanonical

EIP155: Final = "eip155"
EOA: Final = "eoa"
_MANY: Final = 1 << 10  # chains and assets that are read once, not once for each line
_CHAIN = re.compile(r"[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}", re.ASCII)
_EIP155_CHAIN = re.compile(r"eip155:[1-9][0-9]{0,31}", re.ASCII)
_ADDRESS = re.compile(r"0x[0-9a-f]{40}", re.ASCII)
_ACCOUNT_PART = re.compile(r"[-.%a-zA-Z0-9]{1,128}", re.ASCII)
_ASSET_PART = re.compile(r"([-a-z0-9]{3,8}):([-.%a-zA-Z0-9]{1,128})(?:/([-.%a-zA-Z0-9]{1,78}))?", re.ASCII)
_NUMBER = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)
_CUSTODIAN = re.compile(r"custodian:[a-z0-9](?:[-a-z0-9]{0,62}[a-z0-9])?", re.ASCII)
_CID = Structure("CollateralId(string chain,string account,string asset,string custody,uint32 note)")


@lru_cache(maxsize=_MANY)
def require_chain(text: str, where: str = "chain") -> str:
    """A canonical CAIP-2 chain. Raises IdCanonical."""
    pattern = _EIP155_CHAIN if text.startswith(f"{EIP155}:") else _CHAIN
    if not pattern.fullmatch(text):
        raise IdCanonical("not a canonical chain", where=where, expected="CAIP-2, such as eip155:1", got=text[:80])
    return text


def split_account(text: str, where: str = "account") -> tuple[str, str]:
    """Chain and address of a canonical CAIP-10 account. Raises IdCanonical."""
    chain, separator, address = text.rpartition(":")
    require_chain(chain, where)
    pattern = _ADDRESS if chain.startswith(f"{EIP155}:") else _ACCOUNT_PART
    if not separator or not pattern.fullmatch(address):
        raise IdCanonical(
            "not a canonical account", where=where, expected="CAIP-10, eip155 in lower case", got=text[:200]
        )
    return chain, address


@lru_cache(maxsize=_MANY)
def split_asset(text: str, where: str = "asset") -> tuple[str, str, str]:
    """Chain, namespace and reference of a canonical CAIP-19 asset, a token's number being part of the reference.

    Raises IdCanonical. On eip155 chains: ``slip44:<number>`` for the native coin, ``erc20:<address>``.
    """
    chain, separator, rest = text.partition("/")
    require_chain(chain, where)
    found = _ASSET_PART.fullmatch(rest) if separator else None
    if found is None:
        raise IdCanonical("not a canonical asset", where=where, expected="CAIP-19", got=text[:200])
    namespace, reference, token = found.groups()
    if chain.startswith(f"{EIP155}:"):
        wanted = _NUMBER if namespace == "slip44" else _ADDRESS
        if not wanted.fullmatch(reference) or (token is not None and not _NUMBER.fullmatch(token)):
            raise IdCanonical(
                "not a canonical asset", where=where, expected="slip44:<number> or erc20:0x<lower-case>", got=text[:200]
            )
    return chain, namespace, reference if token is None else f"{reference}/{token}"


def require_custody(text: str, where: str = "custody") -> str:
    """``eoa``, ``vault:<CAIP-10>`` or ``custodian:<name>``. Raises IdCanonical."""
    if text.startswith("vault:"):
        split_account(text.removeprefix("vault:"), where)
    elif text != EOA and not _CUSTODIAN.fullmatch(text):
        raise IdCanonical(
            "not a canonical custody", where=where, expected="eoa, vault:<CAIP-10> or custodian:<name>", got=text[:200]
        )
    return text


@lru_cache(maxsize=_MANY)
def asset_id(asset: str) -> int:
    """``u248(keccak256(utf8(asset)))``; it names the chain too."""
    split_asset(asset)
    return identifier(asset)


def compute_cid(chain: str, account: str, asset: str, custody: str, note: int) -> int:
    """The id of a line: the same coins in the same custody under the same note number are one line.

    Raises IdCanonical for a spelling that is not canonical, or an account or asset of another chain.
    """
    require_chain(chain)
    if split_account(account)[0] != chain or split_asset(asset)[0] != chain:
        raise IdCanonical("account and asset are not of this chain", where="line", expected=chain)
    require_custody(custody)
    values: dict[str, Value] = {"chain": chain, "account": account, "asset": asset, "custody": custody, "note": note}
    return u248(_CID.hash(values))


def chain_number(chain: str) -> int:
    """The EIP-155 number of a chain. Raises IdCanonical where it has none."""
    if not _EIP155_CHAIN.fullmatch(chain):
        raise IdCanonical("not an EVM chain", where="chain", expected="eip155:<number>", got=chain[:80])
    return int(chain.removeprefix(f"{EIP155}:"))
