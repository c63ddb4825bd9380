"""One way to meet each refusal of evidence, for the table of errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import rlp
from chain_figures import TAMPERS, deposit_contract, figures, guardians, raw, renode, state_root, with_root
from priced_world import ETH, OUR_SIGNERS, OURS, both_cells, by_pyth, cell, pyth_update, redstone_payload, rules

from zkmargin.attestations.evidence.eip1186 import AccountProof
from zkmargin.attestations.evidence.header import read_header
from zkmargin.attestations.evidence.oracle import OraclePrice, price_of
from zkmargin.attestations.evidence.pyth import require_later, verify_pyth
from zkmargin.attestations.evidence.redstone import verify_redstone
from zkmargin.attestations.price_reading import read_messages
from zkmargin.encoding import keccak256
from zkmargin.margin.market import Source

BLOCK = "mainnet_21925176"
UPDATE = raw(figures("pyth")["updates"][0]["update"])
PAYLOAD = raw(figures("redstone")["payloads"][3]["payload"])
SIGNERS = [raw(text) for text in figures("redstone")["signerSets"]["PRIMARY_SIGNERS"]]
PRICE = OraclePrice("ETH", 100, 0, 1000, 50)


def _tampered(name: str) -> None:
    _, tamper = TAMPERS[name]
    tamper(deposit_contract()).verify(state_root(BLOCK))


def _flagged() -> None:
    def change(node: list[bytes]) -> list[bytes]:
        return [bytes([node[0][0] | 0x40]) + node[0][1:], node[1]]

    proof: AccountProof = deposit_contract()
    forged, root = with_root(renode(proof, len(proof.proof) - 1, change))
    forged.verify(root)


def _later() -> None:
    update = verify_pyth(UPDATE, guardians())
    require_later(update, update.sequence)


def _two_times() -> None:
    one, other = (figures("redstone")["payloads"][at]["payload"] for at in (3, 4))
    packages = [raw(text)[:-14] for text in (one, other)]
    verify_redstone(b"".join(packages) + b"\x00\x06" + PAYLOAD[-12:], SIGNERS, 1)


def _disagreeing() -> None:
    cells = (cell(redstone="ETH"),)
    asked = rules(pyth=OURS, redstone=OUR_SIGNERS, cells=cells)
    read_messages(pyth_update(ETH, 10_000, 9), redstone_payload({"ETH": 10_200}, 9), asked, cells).price(
        cells[0], asked
    )


def _header(content: bytes) -> None:
    read_header(content, keccak256(content))


EVIDENCE: Mapping[str, Callable[[], object]] = {
    **{code: partial(_tampered, name) for name, (code, _) in TAMPERS.items()},
    "E_NODE_FLAG": _flagged,
    "E_HEADER_HASH": lambda: read_header(raw(figures(BLOCK)["headerRlp"]), bytes(32)),
    "E_HEADER_RLP": lambda: _header(rlp.encode([b"", b""])),
    "E_PRICE_FORMAT": lambda: verify_pyth(UPDATE[:-1], guardians()),
    "E_PRICE_TRAILING": lambda: verify_pyth(UPDATE + b"\x00", guardians()),
    "E_PRICE_GUARDIAN_SET": lambda: verify_pyth(UPDATE, replace(guardians(), index=5)),
    "E_PRICE_SIGNER": lambda: verify_redstone(PAYLOAD, SIGNERS[:1], 1),
    "E_PRICE_QUORUM": lambda: verify_redstone(PAYLOAD, SIGNERS, 4),
    "E_PRICE_PROOF": lambda: verify_pyth(UPDATE[:-1] + bytes([UPDATE[-1] ^ 1]), guardians()),
    "E_PRICE_SEQ": _later,
    "E_PRICE_TIMESTAMPS": _two_times,
    "E_PRICE_MISSING": lambda: price_of({}, "ETH"),
    "E_PRICE_EVIDENCE": lambda: by_pyth().but(sources=(Source.of("other", b""),)).judge(),
    "E_PRICE_FEED": lambda: by_pyth().but(cells=(both_cells()[0], cell(decimals=6))).judge(),
    "E_PRICE_CELL": lambda: by_pyth().but(names=("other", "names")).judge(),
    "E_PRICE_TABLE": lambda: by_pyth().but(values=[1, 1]).judge(),
    "E_PRICE_DISAGREE": _disagreeing,
    "E_PRICE_CONF": lambda: PRICE.require_usable(1000, 60, 5, 100),
}
