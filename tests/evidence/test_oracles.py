"""Pyth updates and RedStone packages: real ones hold; nothing of what was signed can be changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from random import Random

import pytest
from chain_figures import figures, guardians, raw

from zkmargin.attestations.evidence.oracle import OraclePrice, price_of
from zkmargin.attestations.evidence.pyth import EMITTER, Guardians, require_later, verify_pyth
from zkmargin.attestations.evidence.redstone import MARKER, read_packages, verify_redstone
from zkmargin.attestations.signatures import SigningKey
from zkmargin.encoding import keccak256
from zkmargin.errors import ZkMarginError

BTC = "0xe62df6c8b4a85fe1a67db44dc12de5db330f7ac66b72dc658afedf0f4a415b43"
ETH = "0xff61491a931112ddf1bd8147cd1b641375f79f5825126d665480874634fd0ace"
UPDATES = {entry["name"]: entry for entry in figures("pyth")["updates"]}
PAYLOADS = {entry["name"]: entry for entry in figures("redstone")["payloads"]}
SIGNERS = {name: [raw(text) for text in each] for name, each in figures("redstone")["signerSets"].items()}


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(ZkMarginError) as caught:
        act()
    assert caught.value.exit_code == 1
    return caught.value.code


# --- Pyth -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", UPDATES)
def test_real_updates_hold(name: str) -> None:
    found = verify_pyth(raw(UPDATES[name]["update"]), guardians())
    stated = {entry["feedId"]: entry for entry in UPDATES[name]["prices"]}
    assert found.prices.keys() == stated.keys()
    for feed, price in found.prices.items():
        says = (price.value, price.confidence, price.exponent, price.time)
        assert says == tuple(int(stated[feed][key]) for key in ("price", "conf", "expo", "publishTime"))


def _with_a_bit_flipped(content: bytes, step: int = 1) -> Iterator[bytes]:
    """A bit of each byte in turn, or of each ``step``-th one."""
    for place in range(0, len(content), step):
        yield content[:place] + bytes([content[place] ^ (1 << place % 8)]) + content[place + 1 :]


@pytest.mark.parametrize("name", UPDATES)
def test_any_byte_of_an_update_counts(name: str) -> None:
    step = 1 if name.startswith("HERMES_BTC_ETH") else 5
    codes = {code_of(lambda changed=changed: verify_pyth(changed, guardians()))
             for changed in _with_a_bit_flipped(raw(UPDATES[name]["update"]), step)}  # fmt: skip
    assert {"E_PRICE_FORMAT", "E_PRICE_SIGNER", "E_PRICE_PROOF"} <= codes


def test_two_updates_of_one_publish_time_are_told_apart() -> None:
    one, other = (
        verify_pyth(raw(UPDATES[name]["update"]), guardians())
        for name in ("HERMES_BTC_ETH_UPDATE", "HERMES_BTC_ETH_UNIQUE_UPDATE")
    )
    assert one.prices[ETH].time == other.prices[ETH].time
    assert one.prices[ETH].value != other.prices[ETH].value
    assert one.sequence == other.sequence + 1
    require_later(one, other.sequence)
    for last in (one.sequence, one.sequence + 1):
        assert code_of(lambda last=last: require_later(one, last)) == "E_PRICE_SEQ"
    assert code_of(lambda: require_later(other, one.sequence)) == "E_PRICE_SEQ"


def test_guardians_that_count() -> None:
    update, honest = raw(UPDATES["HERMES_BTC_ETH_UPDATE"]["update"]), guardians()
    assert honest.quorum == 13
    assert code_of(lambda: verify_pyth(update, Guardians(5, honest.addresses))) == "E_PRICE_GUARDIAN_SET"
    assert code_of(lambda: verify_pyth(update, Guardians(4, honest.addresses[::-1]))) == "E_PRICE_SIGNER"
    more = (*honest.addresses, bytes(20))
    assert code_of(lambda: verify_pyth(update, Guardians(4, more))) == "E_PRICE_QUORUM"
    for bad in ((), (bytes(19),), (bytes(20), bytes(20))):
        with pytest.raises(ZkMarginError):
            Guardians(4, bad)


def _signed(body: bytes, keys: list[SigningKey], order: list[int]) -> bytes:
    digest = keccak256(keccak256(body))
    parts = []
    for index in order:
        signature = keys[index].sign(digest)
        parts.append(bytes([index]) + signature[:64] + bytes([signature[64] - 27]))
    return b"\x01" + (4).to_bytes(4, "big") + bytes([len(parts)]) + b"".join(parts) + body


def _update(vaa: bytes, messages: list[tuple[bytes, list[bytes]]]) -> bytes:
    parts = [
        len(message).to_bytes(2, "big") + message + bytes([len(path)]) + b"".join(path) for message, path in messages
    ]
    return b"PNAU\x01\x00\x00\x00" + len(vaa).to_bytes(2, "big") + vaa + bytes([len(parts)]) + b"".join(parts)


def _message(value: int = 5, exponent: int = -8, kind: int = 0, time: int = 9) -> bytes:
    numbers = [(value, 8), (1, 8), (exponent, 4), (time, 8), (0, 8), (0, 8), (0, 8)]
    return bytes([kind]) + b"f" * 32 + b"".join(number.to_bytes(size, "big", signed=True) for number, size in numbers)


def _body(message: bytes, chain: int = 26, emitter: bytes = EMITTER, behind: bytes = b"") -> bytes:
    root = keccak256(b"\x00" + message)[:20]
    head = (7).to_bytes(4, "big") + bytes(4) + chain.to_bytes(2, "big") + emitter + (3).to_bytes(8, "big") + b"\x01"
    return head + b"AUWV\x00" + bytes(12) + root + behind


def test_made_up_updates_fail_by_name() -> None:
    """By guardians whose keys the test has: what they sign is still held to its form."""
    keys = [SigningKey(bytes([n]) * 32) for n in (1, 2, 3, 4)]
    ours = Guardians(4, tuple(key.address for key in keys))
    everyone = [0, 1, 2, 3]

    def code(vaa: bytes, messages: list[tuple[bytes, list[bytes]]], behind: bytes = b"") -> str:
        return code_of(lambda: verify_pyth(_update(vaa, messages) + behind, ours))

    good = _message()
    vaa = _signed(_body(good), keys, everyone)
    assert verify_pyth(_update(vaa, [(good, [])]), ours).prices["0x" + b"f".hex() * 32].value == 5
    assert verify_pyth(_update(_signed(_body(good), keys, [0, 2, 3]), [(good, [])]), ours).sequence == 3
    assert code(_signed(_body(good), keys, [0, 2]), [(good, [])]) == "E_PRICE_QUORUM"
    assert code(_signed(_body(good), keys, [0, 2, 2]), [(good, [])]) == "E_PRICE_SIGNER"
    assert code(_signed(_body(good), keys, [2, 1, 0]), [(good, [])]) == "E_PRICE_SIGNER"
    assert code(_signed(_body(good, chain=1), keys, everyone), [(good, [])]) == "E_PRICE_SIGNER"
    assert code(_signed(_body(good, emitter=bytes(32)), keys, everyone), [(good, [])]) == "E_PRICE_SIGNER"
    assert code(_signed(_body(good, behind=b"x"), keys, everyone), [(good, [])]) == "E_PRICE_TRAILING"
    assert code(vaa, [(good, [])], b"\x00") == "E_PRICE_TRAILING"
    assert code(vaa, [(good, []), (good, [])]) == "E_PRICE_FORMAT"
    assert code(vaa, [(_message(6), [])]) == "E_PRICE_PROOF"
    assert code(vaa, [(good, [bytes(20)])]) == "E_PRICE_PROOF"
    for bad in (_message(exponent=-31), _message(exponent=13), _message(kind=1), good[:-1], _message(time=-1)):
        assert code(_signed(_body(bad), keys, everyone), [(bad, [])]) == "E_PRICE_FORMAT"
    longer = good + b"\x00"
    assert code(_signed(_body(longer), keys, everyone), [(longer, [])]) == "E_PRICE_TRAILING"
    assert code_of(lambda: verify_pyth(bytes(1 << 17), ours)) == "E_PRICE_FORMAT"
    assert code_of(lambda: verify_pyth(b"", ours)) == "E_PRICE_FORMAT"


# --- RedStone -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAYLOADS)
def test_real_payloads_hold(name: str) -> None:
    entry = PAYLOADS[name]
    payload, signers = raw(entry["payload"]), SIGNERS[entry["signerSet"]]
    packages = list(read_packages(payload))
    for package, stated in zip(packages, entry["packages"], strict=True):
        assert package.signer == raw(stated["signer"])
        assert package.time_ms == int(stated["timestampMs"])
        assert package.values == {feed: int(value) for feed, value in stated["values"].items()}
    by_feed: dict[str, list[int]] = {}
    for package in packages:
        for feed, value in package.values.items():
            by_feed.setdefault(feed, []).append(value)
    least = min(map(len, by_feed.values()))
    for feed, price in verify_redstone(payload, signers, least).items():
        ordered = sorted(by_feed[feed])
        assert price == OraclePrice(feed, ordered[(len(ordered) - 1) // 2], -8, packages[0].time_ms // 1000)
    assert code_of(lambda: verify_redstone(payload, signers, least + 1)) == "E_PRICE_QUORUM"
    assert code_of(lambda: verify_redstone(payload, signers[1:2], 1)) == "E_PRICE_SIGNER"


@pytest.mark.parametrize("name", PAYLOADS)
def test_any_signed_byte_of_a_payload_counts(name: str) -> None:
    entry = PAYLOADS[name]
    payload, signers = raw(entry["payload"]), SIGNERS[entry["signerSet"]]
    first = next(iter(read_packages(payload)))
    threshold = sum(first.values.keys() == package.values.keys() for package in read_packages(payload))
    assert verify_redstone(payload, signers, threshold)
    for changed in _with_a_bit_flipped(payload, 1 if len(payload) < 1000 else 5):
        code_of(lambda changed=changed: verify_redstone(changed, signers, threshold))


def _package(key: SigningKey, values: dict[str, int], time_ms: int = 5000, width: int = 32) -> bytes:
    points = b"".join(feed.encode().ljust(32, b"\0") + value.to_bytes(width, "big") for feed, value in values.items())
    body = points + time_ms.to_bytes(6, "big") + width.to_bytes(4, "big") + len(values).to_bytes(3, "big")
    return body + key.sign(keccak256(body))


def _payload(packages: list[bytes], metadata: bytes = b"", before: bytes = b"") -> bytes:
    tail = metadata + len(metadata).to_bytes(3, "big") + MARKER
    return before + b"".join(packages) + len(packages).to_bytes(2, "big") + tail


def test_made_up_payloads_fail_by_name() -> None:
    keys = [SigningKey(bytes([n]) * 32) for n in (1, 2, 3, 4)]
    signers = [key.address for key in keys]

    def read(payload: bytes, threshold: int = 2) -> dict[str, OraclePrice]:
        return verify_redstone(payload, signers, threshold)

    def code(payload: bytes, threshold: int = 2) -> str:
        return code_of(lambda: read(payload, threshold))

    packages = [_package(key, {"ETH": 10 * n, "BTC": n}) for n, key in enumerate(keys[:3], 1)]
    assert {feed: price.value for feed, price in read(_payload(packages), 3).items()} == {"ETH": 20, "BTC": 2}
    assert read(_payload([*packages, _package(keys[3], {"ETH": 40})]))["ETH"].value == 20
    assert read(_payload(packages, b"1.2.3#sdk"))["ETH"].value == 20
    assert code(_payload(packages, before=b"\x00")) == "E_PRICE_TRAILING"
    assert code(_payload([*packages, packages[0]])) == "E_PRICE_SIGNER"
    assert code(_payload([*packages, _package(SigningKey(bytes([9]) * 32), {"ETH": 1})])) == "E_PRICE_SIGNER"
    assert code(_payload([*packages, _package(keys[3], {"ETH": 1}, time_ms=5001)])) == "E_PRICE_TIMESTAMPS"
    assert code(_payload([*packages, _package(keys[3], {"SOL": 1})])) == "E_PRICE_QUORUM"
    for bad in ({"": 1}, {"\x01": 1}, {"\x00a": 1}, {}):
        assert code(_payload([*packages, _package(keys[3], bad)])) == "E_PRICE_FORMAT"
    twice = (b"ETH".ljust(32, b"\0") + bytes(32)) * 2 + (5000).to_bytes(6, "big") + b"\0\0\0\x20\0\0\x02"
    assert code(_payload([*packages, twice + keys[3].sign(keccak256(twice))])) == "E_PRICE_FORMAT"
    assert code(_payload([*packages, _package(keys[3], {"ETH": 1}, width=33)])) == "E_PRICE_FORMAT"
    assert code(_payload([])) == "E_PRICE_FORMAT"
    assert code(b"") == "E_PRICE_FORMAT"
    assert code(bytes(1 << 19)) == "E_PRICE_FORMAT"
    assert code(_payload(packages)[:-1] + b"\x01") == "E_PRICE_FORMAT"
    assert code(_payload(packages)[70:]) == "E_PRICE_FORMAT"


# --- what a policy asks ---------------------------------------------------------------------------------------------


def test_prices_that_can_be_used() -> None:
    price = OraclePrice("ETH", 200_000, -2, 1000, 100)
    assert price.exact == Fraction(2000)
    price.require_usable(at=1060, maximum_age=60, skew=5, confidence_bps=5)
    price.require_usable(at=995, maximum_age=60, skew=5, confidence_bps=5)

    def code(price: OraclePrice, at: int = 1000, bps: int = 5) -> str:
        return code_of(lambda: price.require_usable(at, 60, 5, bps))

    assert code(price, at=1061) == "E_PRICE_STALE"
    assert code(price, at=994) == "E_PRICE_FUTURE"
    assert code(price, bps=4) == "E_PRICE_CONF"
    assert code(replace(price, confidence=101)) == "E_PRICE_CONF"
    assert code(replace(price, value=0, confidence=0)) == "E_PRICE_CONF"
    assert code(replace(price, value=-1, confidence=0)) == "E_PRICE_CONF"
    assert price_of({"ETH": price}, "ETH") is price
    assert code_of(lambda: price_of({"ETH": price}, "BTC")) == "E_PRICE_MISSING"


def test_random_bytes_are_refused() -> None:
    random = Random(5)
    update, payload = raw(UPDATES["btc_usd_update"]["update"]), raw(PAYLOADS["ETH_PRIMARY_2sig"]["payload"])
    for _ in range(300):
        noise = random.randbytes(random.randrange(200))
        code_of(lambda noise=noise: verify_pyth(random.choice((noise, update[:90] + noise)), guardians()))
        code_of(lambda noise=noise: verify_redstone(noise + random.choice((b"", payload[-14:])), [], 1))
