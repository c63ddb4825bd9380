"""Inputs that parsers accept, small, made anew in every run so that they follow the formats."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import chain_refusals
import collateral_world
import priced_world
from exotic_options import DESK
from exotic_options import document as exotics
from parties import World, small_market
from passphrase import PASSPHRASE
from registry_refusals import log_documents
from sample_rules import sample
from venue_files import HYPERLIQUID, OLD_BRACKETS, as_bytes, brackets, brackets_json, genesis, premium_index

from zkmargin import backend
from zkmargin.attestations.book import BookDocument, BookEntry
from zkmargin.attestations.chains.bitcoin import MAINNET as BITCOIN
from zkmargin.attestations.chains.documents import ObservedEvidence, OutputEvidence, UtxoEvidence
from zkmargin.attestations.chains.layouts import LayoutRegistry
from zkmargin.attestations.collateral.bundle import Parts
from zkmargin.attestations.collateral.config import AccountSource, AttestorConfig, ChainSource
from zkmargin.attestations.collateral.equivocation import find_equivocation
from zkmargin.attestations.collateral.receipts import make_receipts
from zkmargin.attestations.collateral.roots import require_openings
from zkmargin.attestations.documents import DomainFile, RegistryDomainFile
from zkmargin.attestations.keyfiles import OwnerKeyFile, SigningKeyFile
from zkmargin.attestations.price_evidence import PriceEvidence
from zkmargin.attestations.price_rules import PriceRulesFile
from zkmargin.attestations.schema import Document
from zkmargin.attestations.signatures import SigningKey
from zkmargin.field import FR_MODULUS, encode_elements
from zkmargin.formats import (
    R1cs,
    dump_json,
    proof_to_json,
    public_to_json,
    verifying_key_to_json,
    write_ptau,
    write_r1cs,
    write_wtns,
)
from zkmargin.formats.layouts import layout
from zkmargin.margin.account import Account
from zkmargin.margin.binance import Brackets, format_brackets
from zkmargin.margin.compact import format_chain
from zkmargin.margin.deribit import read_chain
from zkmargin.prover.powers_of_tau import G1, G2
from zkmargin.verifier.audit.audit import judge
from zkmargin.verifier.audit.report import AuditReport
from zkmargin.verifier.audit.work import Inputs
from zkmargin.verifier.clearing import ClearingBook, Member
from zkmargin.verifier.contracts.words import Record, RecordDocument
from zkmargin.verifier.keys import KeyDescription
from zkmargin.verifier.policy import ChainPolicy, CollateralPolicy
from zkmargin.verifier.service.settings import Limits, ServedRuleSet, ServedVenue, ServiceSettings

POWERS = Path(__file__).resolve().parents[1] / "core" / "vectors" / "powers_of_tau_1.ptau"
VECTORS = Path(__file__).resolve().parents[1] / "margin" / "vectors"
DATA = Path(__file__).parents[1] / "data"
RULE_SETS = Path(__file__).resolve().parents[2] / "specs" / "rules"
SETUP_ENTROPY = b"".join(secret.to_bytes(64, "little") for secret in (2**200 + 1, 3, 5, 7))
PROOF_ENTROPY = bytes(range(128))


def _circuit() -> R1cs:
    """``y = x^3`` and a bit; wires 1, y, x, x^2, bit."""
    constraints = [
        ([(2, 1)], [(2, 1)], [(3, 1)]),
        ([(3, 1)], [(2, 1)], [(1, 1)]),
        ([(4, 1)], [(0, FR_MODULUS - 1), (4, 1)], []),
    ]
    return R1cs(5, n_outputs=1, n_public_inputs=0, n_private_inputs=2, constraints=constraints)


_WIDE_RULES = sample(
    {
        "loss": "-sum(size * pnl, over=i)",
        "worst": "max(0, max(loss, over=s))",
        "long": "sum(positive(size) * price, over=i)",
        "gross": "sum(abs(size) * price, over=i)",
        "fees": "sum(sum(abs(size), by=group) * fee, over=g)",
        "spread": "min(long, gross)",
        "shared": "sum(positive(held) * at(fee, by=group), over=i) / 2",
        "rounded": "floor(spread, 0.5) + ceil(long, 2) + sum(nearest(sum(held, by=group) * fee, 3), over=g)",
        "tail": "expected_shortfall(loss, over=s, worst=1.5) + value_at_risk(loss, over=s, worst=2)",
        "tiered": "step(long, cut, rate, over=t)",
        "share": "div(gross, 1 + tiered, decimals=1)",
        "root": "sqrt(long * gross, decimals=1)",
        "chosen": "pick(swing, loss, over=s)",
    },
    equity="cash + sum(size * price, over=i)",
    maintenance="(worst + fees + spread + rounded + tail + share + root + chosen * long) * factor",
    conditions=["factor <= 2", "rising(cut, over=t)"],
)

WITNESS = encode_elements([1, 27, 3, 9, 1])


def _program(code: list[tuple[int, tuple[int, ...]]], n_wires: int = 12) -> bytes:
    """A witness program whose linear combination number k is wire k, times one."""
    packed = b"".join(
        struct.pack(f"<BI{len(operands)}I", opcode, index % 2, *operands)
        for index, (opcode, operands) in enumerate(code)
    )
    return b"".join(
        [
            struct.pack("<4sIII", b"zkwp", 1, n_wires, 2),
            struct.pack("<H", 1) + b"a" + struct.pack("<H", 3) + "\u2264".encode(),
            struct.pack("<I", 2) + encode_elements([1, FR_MODULUS - 1]),
            struct.pack(f"<{n_wires + 2}I", n_wires, *range(n_wires + 1)),
            *(struct.pack("<II", wire, wire % 2) for wire in range(n_wires)),
            struct.pack("<I", len(packed)) + packed,
        ]
    )


PROGRAMS = [
    _program([(1, (5, 1)), (2, (6, 1, 2)), (4, (7, 1)), (4, (8, 7)), (12, (0, 5, 5)), (8, ()), (6, (9, 2))]),
    _program([(3, (5, 4, 1)), (5, (9, 3, 1)), (11, (6, 3, 1)), (9, (10, 11, 2, 2)), (10, (5, 2))]),
    _program([(7, (5, 2, 1, 3, 0)), (8, ()), (7, (7, 2, 1, 3, 0)), (1, (9, 5))]),
    _program([(4, (5, 1)), (4, (6, 2)), (4, (7, 5)), (4, (8, 3)), (8, ()), (4, (9, 1))]),
    _program([(13, (5, 3, 1, 1)), (14, (6, 3, 1, 2)), (16, (9, 2, 2))]),
    _program([(15, (5, 2, 2)), (8, ()), (17, (7, 8, 2, 2, 2))]),
]
"""Among them every opcode; the third takes one matrix of 3 rows and 2 columns."""


def _price_documents() -> list[Document]:
    """Evidence of prices, by both oracles, and rules to read it by."""
    cells = (priced_world.cell(redstone="ETH"),)
    payload = priced_world.redstone_payload({"ETH": 5}, 9)
    return [
        PriceEvidence(pyth=priced_world.pyth_update(priced_world.ETH, 5, 9), redstone=payload, cells=cells),
        PriceRulesFile(prices=priced_world.rules(cells=cells)),
    ]


def _audit_report(world: World) -> AuditReport:
    """Of a bundle of one real line, which has no owner."""
    bundle = chain_refusals.real_bundle()
    chain = ChainPolicy(chain=collateral_world.MAINNET, maximum_age=60, finality=2, observed=False)
    terms = CollateralPolicy(attestors=collateral_world.ATTESTORS, chains=(chain,), exclusive=False)
    parts = Parts(bundle.document, bundle.openings, bundle.registry, bundle.evidence, (), ())
    return judge(Inputs(parts, (), world.policy(collateral=terms), terms)).report


def _verifiers_documents() -> list[Document]:
    """What clearing parties and services are told, and what a contract's client keeps."""
    member = Member(
        name="alice", proof="a.json", policy="p.json", rules="span", market="m.json", key="k.json", prices=None,
        challenge=b"\1" * 32,
    )  # fmt: skip
    numbers = dict.fromkeys(("epoch", "issued_at", "effective_from", "expires_at", "recorded_at"), 5)
    digests = dict.fromkeys(("policy_id", "venue_id", "vk_hash", "root_digest"), b"\x02" * 32)
    record = Record(
        **numbers, **digests, account=b"\3" * 20, released_at=0, root_seq=1, statement_seqs=(1,), claim=7, context=8
    )
    limits = Limits(body_bytes=1, body_seconds=1, per_minute=1, waiting_each=1, waiting=1, workers=1, tick_seconds=1)
    served = ServedVenue(policy="p.json", rule_sets=(ServedRuleSet(rules="span", key="k.json"),), tokens=(b"\4" * 32,))
    home = RegistryDomainFile(chain_id=1, verifying_contract=b"\5" * 20, epoch_length=86400)
    return [
        ClearingBook(name="house", members=(member,), revocations=("r.json",)),
        ServiceSettings(
            name="venue", terms="t.json", venues=(served,), auditors=(b"\6" * 32,), documents="documents", limits=limits
        ),
        home,
        RecordDocument(domain=home.domain(), nullifier=9, record=record),
    ]


def _chain_documents() -> list[Document]:
    """What attestors collect with and from."""
    chain, honest = collateral_world.MAINNET, collateral_world.HONEST
    root = honest.document()
    output = OutputEvidence(transaction=bytes(61), output=0, position=0, branch=(bytes(32),), headers=bytes(80))
    return [
        AttestorConfig(
            domain=collateral_world.DOMAIN, attestors=collateral_world.ATTESTORS, epoch_length=86400, root_ttl=3600,
            chains=(ChainSource(chain=chain, url="http://node", finality=2, maximum_age=1800, observed="refused"),),
            accounts=(AccountSource(layout="native", account=chain_refusals.HOLDER),),
        ),
        LayoutRegistry(layouts=(chain_refusals.native(), chain_refusals.token(), chain_refusals.vault())),
        chain_refusals.evidence(),
        ObservedEvidence(chain=chain, block_hash=bytes(32), account=chain_refusals.HOLDER, balance=5, layout="native"),
        UtxoEvidence(chain=BITCOIN, account=f"{BITCOIN}:bc1q", outputs=(output,), layout="coins"),
        make_receipts(root, honest.openings.leaves, require_openings(root, honest.openings))[0],
        *find_equivocation([root, honest.document(issued_at=5)], collateral_world.DOMAIN, collateral_world.ATTESTORS),
    ]  # fmt: skip


@dataclass
class Seeds:
    """Everything is made on first use. ``folder`` is scratch space."""

    folder: Path

    @cached_property
    def world(self) -> World:
        return World(self.folder / "world")

    @cached_property
    def documents(self) -> dict[type[Document], bytes]:
        """One document of every kind that the spine knows."""
        world = self.world
        statement, opening = world.statement()
        documents: list[Document] = [
            BookDocument(
                epoch=5,
                entries=tuple(
                    BookEntry(customer=name, owner=index + 7, pocket=index, subject=0, seq=index + 1)
                    for index, name in enumerate(("alice", "bob"))
                ),
            ),
            DomainFile(name="tests", epoch_length=86400),
            world.prove(account=(statement, opening)),
            world.snapshot(),
            OwnerKeyFile.of_seed(bytes(range(32)), PASSPHRASE),
            SigningKeyFile.of_key(SigningKey(b"\x01" * 32), PASSPHRASE),
            world.policy(),
            opening,
            statement,
            collateral_world.HONEST.document(),
            collateral_world.HONEST.openings,
            collateral_world.revocation(bytes(32), collateral_world.KEYS),
            collateral_world.signed_binding(collateral_world.binding()),
            collateral_world.allocation(),
            *_chain_documents(),
            _audit_report(world),
            *_price_documents(),
            *log_documents(),
            *_verifiers_documents(),
        ]
        found = {type(document): document.to_bytes() for document in documents}
        return found | {KeyDescription: (world.folder / "key.json").read_bytes()}

    @cached_property
    def forms(self) -> list[bytes]:
        """What browsers send: a content type, a line feed, a body."""
        part = (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="p.json"\r\nContent-Type: a/b\r\n\r\n{}\r\n'
        )
        other = b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\n\xc3\xa9\r\n--b--\r\n'
        plain = b"application/x-www-form-urlencoded\nmark=a-b&reason=%3Cb%3E+x&empty="
        return [b"multipart/form-data; boundary=b\n" + part + other, plain]

    @cached_property
    def transactions(self) -> list[bytes]:
        """Bitcoin's, with and without witnesses."""
        inputs = b"\x01" + bytes(36) + b"\0" + b"\xff" * 4
        outputs = b"\x02" + struct.pack("<qB", 5000, 22) + b"\0\x14" + bytes(20) + bytes(9)
        head, tail = struct.pack("<i", 2), bytes(4)
        return [head + inputs + outputs + tail, head + b"\0\x01" + inputs + outputs + b"\x01\x01a" + tail]

    @cached_property
    def r1cs(self) -> list[bytes]:
        plain = write_r1cs(_circuit())
        head = plain[:8]
        sections = plain[12:]
        gates = head + struct.pack("<I", 5) + sections
        gates += struct.pack("<IQI", 4, 4, 0) + struct.pack("<IQI", 5, 4, 0)
        header, body, labels = _sections(plain)
        shuffled = head + struct.pack("<I", 3) + body + labels + header
        return [plain, gates, shuffled]

    @cached_property
    def wtns(self) -> list[bytes]:
        return [write_wtns(WITNESS), write_wtns(WITNESS[:32])]

    @cached_property
    def zkey(self) -> list[bytes]:
        return [backend.engine().groth16_setup(self.r1cs[0], SETUP_ENTROPY)]

    @cached_property
    def ptau(self) -> list[bytes]:
        """snarkjs's own, of one contribution and a beacon, prepared; and one that is not prepared, of known secrets."""
        arithmetic, (tau, alpha, beta) = backend.engine(), (5, 7, 11)
        powers1 = [arithmetic.g1_mul(G1, encode_elements([tau**k])) for k in range(3)]
        points = {
            2: b"".join(powers1),
            3: G2 + arithmetic.g2_mul(G2, encode_elements([tau])),
            6: arithmetic.g2_mul(G2, encode_elements([beta])),
        }
        for section, factor in ((4, alpha), (5, beta)):
            points[section] = b"".join(arithmetic.g1_mul(p, encode_elements([factor])) for p in powers1[:2])
        return [POWERS.read_bytes(), write_ptau(1, 2, points)]

    @cached_property
    def groth16(self) -> tuple[bytes, bytes, bytes]:
        """A verifying key, public inputs and a proof that holds."""
        path = self.folder / "seed.zkey"
        path.write_bytes(self.zkey[0])
        key = backend.engine().ProvingKey(str(path))
        return key.verifying_key(), WITNESS[32:64], key.prove(WITNESS, PROOF_ENTROPY)

    @cached_property
    def groth16_blobs(self) -> list[bytes]:
        """Key, public inputs and proof in one, their lengths first."""
        vk, publics, proof = self.groth16
        return [struct.pack("<II", len(vk), len(publics)) + vk + publics + proof]

    @cached_property
    def snarkjs(self) -> dict[str, bytes]:
        """snarkjs's JSON: ``key``, ``public``, ``proof``."""
        vk, publics, proof = self.groth16
        key = verifying_key_to_json(vk, backend.engine())
        trees = {"key": key, "public": public_to_json(publics), "proof": proof_to_json(proof)}
        return {name: dump_json(tree).encode() for name, tree in trees.items()}

    def layout_files(self, chain: str, part: str) -> dict[str, bytes]:
        """Files of the ``key`` or the ``proof`` in another chain's layout."""
        vk, publics, proof = self.groth16
        found, engine = layout(chain), backend.engine()
        return found.key_files(vk, engine) if part == "key" else found.proof_files(publics, proof, engine)

    def cut(self, chain: str, part: str, content: bytes) -> dict[str, bytes]:
        """Files from their bytes one after the other; the last one takes what is left."""
        files, at = {}, 0
        lengths = {name: len(file) for name, file in self.layout_files(chain, part).items()}
        for name, length in lengths.items():
            end = len(content) if name == list(lengths)[-1] else at + length
            files[name] = content[at:end]
            at = end
        return files

    @cached_property
    def rules(self) -> list[bytes]:
        return [
            self.world.text,
            _WIDE_RULES.encode(),
            *(path.read_bytes() for path in sorted(RULE_SETS.glob("*.yaml"))),
        ]

    @cached_property
    def accounts(self) -> list[bytes]:
        listing = small_market().listing
        account = Account({"BTC-PERP": 150, "BTC-C1": -25, "BTC-FUT": 0}, -12345)
        quoted = b'"instrument","size","note"\r\n"BTC-PERP","1.5","a, ""b"""\r\n"cash","10","x\ny"\r\n'
        return [account.to_csv(listing).encode(), b"\xef\xbb\xbf" + quoted]

    @cached_property
    def exports(self) -> list[bytes]:
        """Positions and a balance as ccxt has them, closed ones too."""
        listed = small_market().listing.instruments
        common = {"info": {"a": [1, None]}, "unrealizedPnl": -2e-3, "marginMode": "cross", "hedged": False}
        positions = [
            {"symbol": symbol, "side": side, "contracts": size, "contractSize": float(listed[row].multiplier), **common}
            for row, (symbol, side, size) in enumerate((("perpetual", "short", 1.5), ("another", "long", "2")))
        ]
        closed = {"symbol": "BTC/USDT:USDT", "side": None, "contracts": 0.0, **common}
        balance = {"info": {}, "USDT": {"free": 1, "total": 2.5}, "total": {"USDT": 2.5}, "free": {"USDT": 1}}
        return [json.dumps(document).encode() for document in ([*positions, closed], balance)]

    @cached_property
    def sources(self) -> list[bytes]:
        """Brackets and their marks, then other venues' files and a plain table: two or three markets each."""
        held = brackets(OLD_BRACKETS)
        few = Brackets({name: held.schedules[name] for name in ("BTCUSDT", "ETHUSDT")}, held.sources)
        marks = premium_index({"BTCUSDT": "66344.1", "ETHUSDT": "1923.55"}, 1770382456)
        universe, contexts = json.loads(HYPERLIQUID["20260206"].read_bytes())
        universe["universe"] = universe["universe"][:3]
        state = genesis("sample_202510", {"LINK-USD": 10**12})
        state["app_state"]["perpetuals"]["perpetuals"] = state["app_state"]["perpetuals"]["perpetuals"][:3]
        plain = b"instrument,tier,rate,initial_rate,bound,deduction\nA,1,0.1,0.2,10,0\nA,2,0.2,0.4,20,1\n"
        return [
            as_bytes(brackets_json(few)),
            as_bytes(marks),
            format_brackets(few).encode(),
            b"symbol,price\nBTCUSDT,66344.1\nETHUSDT,1923.55\n",
            as_bytes([universe, contexts[:3]]),
            as_bytes(state),
            plain,
        ]

    @cached_property
    def beside_chains(self) -> list[bytes]:
        """Exotic options, collateral, a price history."""
        closes = b"date,ETH,BTC\n" + b"".join(b"2026-01-%02d,%d,9%d\n" % (day, 2000 + day, day) for day in range(1, 29))
        return [exotics(*DESK), (DATA / "collateral_eth.csv").read_bytes(), closes]

    @cached_property
    def chains(self) -> list[bytes]:
        """A chain as Deribit's collectors write it, and the same in the compact form; few lines of each."""
        lines = (VECTORS / "deribit_chain_slice.csv").read_bytes().splitlines(keepends=True)
        path = self.folder / "slice.csv"
        path.write_bytes(b"".join(lines[:9]))
        compact = format_chain(read_chain(path, "BTC"))
        futures = "future,BTC-27FEB26,71582.66\nperpetual,BTC-PERPETUAL,71447.5\nexpiry"
        return [path.read_bytes(), compact.replace("expiry", futures, 1).encode()]

    @cached_property
    def matrices(self) -> list[bytes]:
        """Sides, number of entries, then rows, columns and values."""
        entries = [(0, 0, 5), (2, 1, FR_MODULUS - 1), (2, 1, 7)]
        head = struct.pack("<QQI", 3, 2, len(entries))
        rows, columns = (struct.pack(f"<{len(entries)}I", *(e[k] for e in entries)) for k in (0, 1))
        return [head + rows + columns + encode_elements([e[2] for e in entries])]

    @cached_property
    def files(self) -> list[bytes]:
        """A file of every kind, as ``zkmargin inspect`` takes them."""
        binary = [self.r1cs[0], self.wtns[0], self.zkey[0], self.ptau[0], PROGRAMS[0]]
        return [*binary, *self.snarkjs.values(), *self.documents.values(), self.rules[0], self.accounts[0]]


def _sections(content: bytes) -> list[bytes]:
    found, at = [], 12
    while at < len(content):
        end = at + 12 + struct.unpack_from("<Q", content, at + 4)[0]
        found.append(content[at:end])
        at = end
    return found
