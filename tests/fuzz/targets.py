"""What is fuzzed, and what each target promises of any input.

A target returns normally where the input is accepted, and raises what its API documents where it is not:
a ZkMarginError, or a ValueError of an arithmetic engine. Anything else is a finding, and so is an engine
that accepts what the other refuses, a document that reads back differently, and a proof that was altered
and still holds.
"""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import chain_refusals
import priced_world
from parties import small_market
from passphrase import PASSPHRASE
from priced_world import FEEDS, PAYLOAD, UPDATE

from zkmargin import backend
from zkmargin.attestations.backup import backup_text, read_backup, words_of
from zkmargin.attestations.chains.bip322 import is_signed_message
from zkmargin.attestations.chains.bitcoin import read_outputs, without_witnesses
from zkmargin.attestations.chains.documents import Eip1186Evidence, Reading
from zkmargin.attestations.evidence.redstone import MARKER
from zkmargin.attestations.keyfiles import OwnerKeyFile, SigningKeyFile
from zkmargin.attestations.market import MarketSnapshotDocument
from zkmargin.attestations.price_rules import MAX_CELLS, read_cells
from zkmargin.attestations.schema import Document
from zkmargin.backend import Arithmetic
from zkmargin.circuits.compile import compile_rules
from zkmargin.circuits.rules import RuleSet, check_tables, load_rules, parse_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.cli.main import run as run_command
from zkmargin.errors import AccountInvalid, BytesLength, CircuitError, ProofInvalid, ZkMarginError
from zkmargin.field import FR_MODULUS, encode_elements
from zkmargin.formats import (
    parse_json,
    proof_from_json,
    public_from_json,
    read_ptau,
    read_r1cs,
    read_wtns,
    read_zkey,
    read_zkey_header,
    verifying_key_from_json,
    write_ptau,
    write_r1cs,
    write_wtns,
)
from zkmargin.formats.binfile import write_prime
from zkmargin.formats.layouts import LAYOUTS, layout
from zkmargin.margin import ccxt
from zkmargin.margin.account import Account, import_csv
from zkmargin.margin.binance import format_brackets, parse_brackets, parse_compact
from zkmargin.margin.build import build_market
from zkmargin.margin.chain import Chain, OptionQuote
from zkmargin.margin.columns import PrivateColumn
from zkmargin.margin.compact import read_source
from zkmargin.margin.delimited import decode
from zkmargin.margin.exotics import read_exotics
from zkmargin.margin.haircuts import haircut_columns, read_collateral
from zkmargin.margin.historical import read_closes
from zkmargin.margin.histories import close_time
from zkmargin.margin.scenarios import deribit_grid
from zkmargin.margin.sources import BRACKETS, DYDX, MARKS, PLAIN, File, build_from_files, kind_of
from zkmargin.margin.tables import Listing
from zkmargin.prover.key_check import check_key
from zkmargin.prover.powers_of_tau import check_powers
from zkmargin.reference.matrix import MAX_SIDE
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.groth16 import ENGINES, verify_groth16, verify_groth16_all
from zkmargin.verifier.schemas import DOCUMENTS
from zkmargin.verifier.service.pages.forms import parse_form

from .mutate import Mutator, mutate_bytes, mutate_json, mutate_sections, mutate_text, mutate_words
from .seeds import PROGRAMS, PROOF_ENTROPY, SETUP_ENTROPY, Seeds

REFUSALS = (ZkMarginError, ValueError)
MAX_DEEP = 4096
"""Sizes up to which an accepted input is also used, not only parsed."""
MAX_ROWS = 1 << 20
"""Rows of a matrix up to which one is built; a core allows 4 times as many, and takes 8 bytes for each."""


class Finding(AssertionError):
    """A promise that was broken."""


@dataclass(frozen=True)
class Target:
    """``run`` raises one of ``refusals`` where it refuses the input, Finding where a promise is broken. It may say how
    many bytes it made that are as many as the input asked for: memory for these is no finding.
    """

    name: str
    seeds: Callable[[Seeds], Sequence[bytes]]
    mutate: Mutator
    run: Callable[[bytes, Seeds], int | None]
    refusals: tuple[type[Exception], ...] = (ZkMarginError,)
    weight: int = 1


def outcomes(call: Callable[[Arithmetic], object]) -> object:
    """What both engines do, which must be the same; the refusal of the last where they refuse."""
    results: dict[str, object] = {}
    refused: dict[str, Exception] = {}
    for name in backend.engines():
        try:
            results[name] = call(backend.engine(name))
        except REFUSALS as error:
            refused[name] = error
    if results and refused:
        raise Finding(f"{', '.join(results)} accept(s), {refused} refuse(s)")
    if refused:
        raise list(refused.values())[-1]
    values = list(results.values())
    if any(value != values[0] for value in values):
        raise Finding(f"engines differ: {[str(value)[:200] for value in values]}")
    return values[0]


def _form(content: bytes, _: Seeds) -> None:
    """A content type, a line feed, a body. Fields are no longer than what was sent."""
    kind, _, body = content.partition(b"\n")
    fields = parse_form(kind.decode("latin-1"), body)
    if sum(map(len, fields.values())) > len(body):
        raise Finding("a form's fields are longer than the form")


# --- files of the proof system ------------------------------------------------------------------------------


def _r1cs(content: bytes, _: Seeds) -> None:
    try:
        system = read_r1cs(content)
        n_wires = system.n_wires
    except ZkMarginError:
        # The engines must find the same fault: give them a witness that fits the header as it stands.
        system, at = None, content.find(write_prime(FR_MODULUS)) + 36
        n_wires = int.from_bytes(content[at : at + 4], "little")
    witness = encode_elements([1]) + bytes(32 * (min(n_wires, MAX_DEEP) - 1))

    def check(engine: Arithmetic) -> object:
        try:
            return engine.r1cs_check(content, witness)
        except ValueError as error:
            if system is not None:
                raise Finding("an engine refuses a file that the reader accepts") from error
            raise

    outcomes(check)
    if system is None:
        raise Finding("engines accept a file that the reader refuses")
    if system.n_labels and system.wire_labels is not None and read_r1cs(write_r1cs(system)) != system:
        raise Finding("a file reads back differently")
    if system.n_wires < 64 and len(system.constraints) < 64 and zlib.crc32(content) % 16 == 0:
        outcomes(lambda engine: engine.groth16_setup(content, SETUP_ENTROPY))


def _wtns(content: bytes, _: Seeds) -> None:
    values = read_wtns(content)
    if read_wtns(write_wtns(values)) != values:
        raise Finding("a file reads back differently")


def _zkey(content: bytes, seeds: Seeds) -> None:
    path = seeds.folder / "mutated.zkey"
    path.write_bytes(content)
    try:
        header, verifying_key = read_zkey_header(content)
        read_zkey(content)
    except ZkMarginError:
        header = None

    def load(engine: Arithmetic) -> object:
        key = engine.ProvingKey(str(path))
        return key.n_public, key.n_wires, key.domain_size, key.verifying_key()

    loaded = outcomes(load)
    if header is None:
        raise Finding("engines accept a file that the reader refuses")
    if loaded != (header.n_public, header.n_wires, header.domain_size, verifying_key):
        raise Finding("engines read another header")
    if header.n_wires <= MAX_DEEP:
        witness = encode_elements([1, *range(2, header.n_wires + 1)])
        with contextlib.suppress(ValueError):
            backend.engine().ProvingKey(str(path)).prove(witness, PROOF_ENTROPY)


def _belongs(content: bytes, seeds: Seeds) -> None:
    """No key but the one that was made belongs to its circuit, whatever is done to its bytes."""
    key = read_zkey(content)
    check_key(seeds.r1cs[0], key, backend.engine())
    honest = read_zkey(seeds.zkey[0])
    made = replace(honest, coefficients=key.coefficients, contributions=key.contributions)  # compared, and not judged
    if key != made:
        raise Finding("an altered key belongs to the circuit")


def _ptau(content: bytes, seeds: Seeds) -> None:
    powers = read_ptau(content)
    points = {number: section.read() for number, section in (powers.powers | powers.lagrange).items()}
    again = read_ptau(write_ptau(powers.power, powers.ceremony_power, points, powers.contributions))
    if again.contributions != powers.contributions or again.power != powers.power:
        raise Finding("a file reads back differently")
    check_powers(powers, backend.engine())
    for seed in map(read_ptau, seeds.ptau):
        if all(seed.powers[number].read() == points[number] for number in seed.powers):
            return
    raise Finding("other powers than a ceremony made are consistent")


def _groth16(content: bytes, seeds: Seeds) -> None:
    if len(content) < 8:
        raise ValueError("too short to be cut up")
    n_key, n_publics = struct.unpack_from("<II", content)
    vk, rest = content[8 : 8 + n_key], content[8 + n_key :]
    publics, proof = rest[:n_publics], rest[n_publics:]
    outcomes(lambda engine: engine.groth16_verify(vk, publics, proof))
    codes = set()
    for name in ENGINES:
        if name == "rust" and name not in backend.engines():
            continue
        try:
            verify_groth16(vk, publics, proof, engine=name)
            codes.add("holds")
        except ZkMarginError as error:
            codes.add(error.code)
    together = verify_groth16_all(vk, [(publics, proof), seeds.groth16[1:]])
    codes.update("holds" if found is None else found.code for found in together[:1])
    if len(codes) != 1:
        raise Finding(f"verifiers differ: {sorted(codes)}")
    if codes == {"holds"} and (vk, publics, proof) != seeds.groth16:
        raise Finding("an altered proof holds")


def _layout(content: bytes, seeds: Seeds, chain: str, part: str) -> None:
    """What is read is written the same; a proof that was altered does not hold."""
    engine, found = backend.engine(), layout(chain)
    files = seeds.cut(chain, part, content)
    if part == "key":
        again = found.key_files(found.key_of(files, engine), engine)
    else:
        publics, proof = found.proof_of(files, engine)
        again = found.proof_files(publics, proof, engine)
        if (publics, proof) != seeds.groth16[1:]:
            with contextlib.suppress(ProofInvalid, BytesLength):
                verify_groth16(seeds.groth16[0], publics, proof)
                raise Finding("an altered proof holds")
    for name, written in again.items():
        same = parse_json(written, name) == parse_json(files[name], name) if name.endswith(".json") else None
        if not (written == files[name] if same is None else same):
            raise Finding("a file is written otherwise than it was read")


def _program(content: bytes, _: Seeds) -> None:
    columns = struct.pack("<6I", 0, 0, 1, 1, 2, 2), struct.pack("<6I", 0, 1, 0, 1, 0, 1)

    def execute(engine: Arithmetic) -> object:
        program = engine.WitnessProgram(content)
        matrix = engine.SparseMatrix(*columns, encode_elements(range(6)), 3, 2)
        needs_matrix = False
        for matrices in ([], [matrix]):
            try:
                run = program.start([(1, encode_elements([3, 9, 27]))], matrices)
                run.finish()
                return run.witness().to_bytes()
            except ValueError as error:
                needs_matrix = "number of matrices" in str(error)
                if not needs_matrix:
                    return str(error)
        return "needs other matrices"

    outcomes(execute)


def _matrix(content: bytes, _: Seeds) -> None:
    if len(content) < 20:
        raise ValueError("too short to be cut up")
    n_rows, n_columns, count = struct.unpack_from("<QQI", content)
    if MAX_ROWS < n_rows <= MAX_SIDE:
        raise ValueError("legitimate, and as large as the caller asked, not as the input")
    rest = content[20:]
    parts = rest[: 4 * count], rest[4 * count : 8 * count], rest[8 * count :]

    def fold(engine: Arithmetic) -> object:
        matrix = engine.SparseMatrix(*parts, n_rows, n_columns)
        small = max(n_rows, n_columns) <= MAX_DEEP  # larger ones are legitimate, and cost what they are
        return matrix.fold(encode_elements([12345])) if small else "large"

    outcomes(fold)


# --- documents ----------------------------------------------------------------------------------------------


def _is_usual(key: OwnerKeyFile | SigningKeyFile) -> bool:
    """A file may ask for more work than this, within bounds; here it would only be slow."""
    return key.sealed.memory * key.sealed.passes <= 46 << 10


def _deeper(document: Document) -> None:
    """What every user of a document does next."""
    if isinstance(document, MarketSnapshotDocument):
        _ = document.market
    elif isinstance(document, OwnerKeyFile | SigningKeyFile) and _is_usual(document):
        document.unlock(PASSPHRASE)


def _document(content: bytes, _: Seeds, kind: type[Document]) -> None:
    document = kind.parse(content)
    _deeper(document)
    for again in (document.to_bytes(), document.to_text().encode()):
        if kind.parse(again) != document:
            raise Finding("a document reads back differently")


def _verify(content: bytes, seeds: Seeds) -> None:
    """No envelope but the one that was made may verify, whatever is done to its bytes."""
    world = seeds.world
    world.verify(content)
    if Envelope.parse(content) != Envelope.parse(seeds.documents[Envelope]):
        raise Finding("an altered envelope verifies")


def _json(content: bytes, _: Seeds, read: Callable[[Any], object]) -> None:
    read(parse_json(content, "file"))


def _inspect(content: bytes, seeds: Seeds) -> None:
    """The commands that show a file, for people and for programs."""
    path = seeds.folder / "inspected"
    path.write_bytes(content)
    commands: list[tuple[str, ...]] = [("inspect",)]
    commands += [words for mark, words in _SHOWS.items() if mark in content]
    for words in commands:
        codes = {_command(*words, str(path)), _command(*words, str(path), "--json")}
        if len(codes) != 1:
            raise Finding(f"{words} ends with {codes}, with and without --json")
    if codes != {0}:
        raise AccountInvalid("refused", got=words)


_SHOWS = {
    b"zkmargin/market-snapshot": ("market", "show", "--instruments"),
    b"zkmargin/policy": ("policy", "show"),
    b"-key": ("keys", "show"),
    b"rules:": ("rules", "show"),
}


def _command(*arguments: str) -> int:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run_command(list(arguments))
    text = out.getvalue() + err.getvalue()
    if code not in (0, 1, 2) or "E_INTERNAL" in text or "Traceback" in text:
        raise Finding(f"{arguments}: exit code {code}: {text[:500]}")
    if (code == 0) == ("E_" in text):
        raise Finding(f"{arguments}: exit code {code} says otherwise than {text[:500]}")
    return code


# --- text ---------------------------------------------------------------------------------------------------


def _rules(content: bytes, _: Seeds) -> int:
    """A compiled circuit's size is what was made."""
    rules = parse_rules(content, "mutated.yaml")
    table_schema(rules)
    tables = small_market().tables
    with contextlib.suppress(ZkMarginError):
        check_tables(rules, tables)
    if _room(rules) <= MAX_DEEP and zlib.crc32(content) % 4 == 0:
        try:
            return len(compile_rules(rules, cache=False).r1cs)
        except CircuitError as error:  # the front end must have said it, with the place in the file
            raise Finding("a valid rule set does not compile") from error
    return 0


def _room(rules: RuleSet) -> int:
    """More than the largest table has cells."""
    product = 1
    for axis in rules.axes.values():
        product *= axis.capacity
    return product


def _account(content: bytes, seeds: Seeds) -> None:
    path = seeds.folder / "mutated.csv"
    path.write_bytes(content)
    listing = small_market().listing
    bounds = {"size_bounds": (-(10**6), 10**6), "cash_bounds": (-(10**11), 10**11)}
    refused = None
    for read in (partial(Account.read, path), partial(import_csv, path)):
        try:
            account = read(listing, **bounds)
        except ZkMarginError as error:
            refused = error
            continue
        if Account.of_csv(account.to_csv(listing), listing) != account:
            raise Finding("an account reads back differently")
        account.vector(listing)
        return
    if refused is not None:
        raise refused


def _ccxt(content: bytes, seeds: Seeds) -> None:
    path = seeds.folder / "mutated.json"
    path.write_bytes(content)
    if content.lstrip().startswith(b"{"):
        if not isinstance(ccxt.read_balance(path), Fraction):
            raise Finding("a balance is no exact number")
        return
    listing = small_market().listing
    ids = tuple(instrument.id for instrument in listing.instruments)
    columns = [
        PrivateColumn("size", (("instrument", ids),), listing.lot_decimals, -(10**6), 10**6),
        PrivateColumn("cash", (), listing.cash_decimals, -(10**11), 10**11),
    ]
    export = ccxt.read_positions(path, listing, {"perpetual": ids[0], "another": ids[1]})
    text = ccxt.account_text(export, listing, columns, 5)
    if Account.of_csv(text, listing) != Account(export.sizes(listing.lot_decimals), 5):
        raise Finding("an account reads back differently")


def _chain(content: bytes, seeds: Seeds) -> None:
    path = seeds.folder / "mutated_chain.csv"
    path.write_bytes(content)
    chain = read_source(path)
    if zlib.crc32(content) % 4 == 0:
        rules = load_rules("portfolio_scan")
        market = build_market([chain], table_schema(rules))
        check_tables(rules, market.tables)


def _market_source(content: bytes, seeds: Seeds) -> None:
    """The file with what goes with it; tables that come of it must fit the rules that asked for them."""
    path, other = seeds.folder / "mutated.source", seeds.folder / "companion.source"
    path.write_bytes(content)
    rules = load_rules("dydx_v4" if b"app_state" in content else "cross_bracket")
    schema = table_schema(rules)
    kind = kind_of(File(path, content), schema)
    companions = {BRACKETS: seeds.sources[1], MARKS: seeds.sources[0], PLAIN: b"instrument,mark\nA,5\n"}
    paths = [path]
    if kind in companions:
        other.write_bytes(companions[kind])
        paths.append(other)
    timed = kind in (DYDX, BRACKETS) or (kind == MARKS and content.lstrip()[:1] in (b"{", b"["))
    market = build_from_files(paths, schema, price_time=None if timed else 1)
    check_tables(rules, market.tables)
    if kind == BRACKETS:
        json_form = content.lstrip()[:1] in (b"{", b"[")
        held = (parse_brackets if json_form else parse_compact)(content, "mutated")
        if parse_compact(format_brackets(held).encode(), "again").schedules != dict(sorted(held.schedules.items())):
            raise Finding("brackets read back differently")


def _beside_chain(content: bytes, _: Seeds) -> None:
    """What is described reads back from the listing; what is counted as collateral makes tables."""
    if content.lstrip()[:1] in (b"{", b"["):
        listing = Listing([exotic.instrument for exotic in read_exotics(content, "mutated")], 4, "usd", 6)  # type: ignore[arg-type]
        if Listing.of_json(listing.to_json()) != listing:
            raise Finding("an exotic option reads back differently")
    elif content.startswith(b"asset,"):
        assets = read_collateral(content, "mutated")
        schema = table_schema(load_rules("portfolio_collateral"))
        chain = Chain(
            "ETH", 1, 2000.0, {2: 2000.0}, (OptionQuote("X", 2, Decimal(1), True, Decimal(1), Decimal(1)),), (), ()
        )
        haircut_columns(assets, [chain], deribit_grid(), schema)
    else:
        close_time(read_closes(decode(content, "mutated"), "mutated"), "mutated")


# --- the registry -------------------------------------------------------------------------------------------


def _documents() -> list[Target]:
    def seeds_of(kind: type[Document]) -> Callable[[Seeds], Sequence[bytes]]:
        return lambda seeds: [seeds.documents[kind]]

    return [
        Target(kind.TYPE.rpartition("/")[2], seeds_of(kind), mutate_json, partial(_document, kind=kind))
        for kind in DOCUMENTS
    ]


def _snarkjs() -> list[Target]:
    readers: Mapping[str, Callable[[Any], object]] = {
        "key": verifying_key_from_json,
        "public": public_from_json,
        "proof": proof_from_json,
    }

    def seeds_of(name: str) -> Callable[[Seeds], Sequence[bytes]]:
        return lambda seeds: [seeds.snarkjs[name]]

    return [
        Target(f"snarkjs-{name}", seeds_of(name), mutate_json, partial(_json, read=read))
        for name, read in readers.items()
    ]


def _layouts() -> list[Target]:
    def seeds_of(chain: str, part: str) -> Callable[[Seeds], Sequence[bytes]]:
        return lambda seeds: [b"".join(seeds.layout_files(chain, part).values())]

    return [
        Target(
            f"{chain}-{part}",
            seeds_of(chain, part),
            mutate_json if chain in ("aptos", "starknet") else mutate_words,
            partial(_layout, chain=chain, part=part),
        )
        for chain in LAYOUTS
        for part in ("key", "proof")
    ]


def _mutate_any(content: bytes, random: Any, others: Sequence[bytes]) -> bytes:
    """By what the content looks like."""
    if content[:4] in (b"r1cs", b"wtns", b"zkey", b"ptau"):
        return mutate_sections(content, random, others)
    if content[:1] in (b"{", b"["):
        return mutate_json(content, random, others)
    return mutate_bytes(content, random, others)


def _mutate_any_text(content: bytes, random: Any, others: Sequence[bytes]) -> bytes:
    return (mutate_json if content[:1] in (b"{", b"[") else mutate_text)(content, random, others)


def _evidence(content: bytes, _: Seeds) -> None:
    """What is accepted as evidence of a real wallet shows that wallet's balance."""
    layout, account = chain_refusals.native(), chain_refusals.HOLDER
    found = Eip1186Evidence.parse(content).reading(chain_refusals.block(), layout, account)
    if found != Reading(chain_refusals.WALLET.balance):
        raise Finding("evidence shows another balance")


def _price_messages(content: bytes, _: Seeds) -> None:
    """No message but the one that was signed shows a price, and none another one."""
    honest = priced_world.by_redstone() if content.endswith(MARKER) else priced_world.by_pyth()
    oracle, message = ("redstone", PAYLOAD) if content.endswith(MARKER) else ("pyth", UPDATE)
    found = honest.but(**{oracle: content}).judge()
    if len(found.prices) != 2 or [price.price for price in found.prices] != [p.price for p in honest.judge().prices]:
        raise Finding("a message shows other prices than its signers signed")
    if content != message and oracle == "pyth":  # RedStone's metadata is signed by nobody
        raise Finding("an altered update holds")


def _price_feeds(content: bytes, _: Seeds) -> None:
    """Cells that are read can stand in rules, except where one stands twice or there are too many."""
    cells = read_cells(content, "mutated")
    if 0 < len({cell.place for cell in cells}) == len(cells) <= MAX_CELLS:
        priced_world.rules(cells=cells, complete=())


def _backup(content: bytes, _: Seeds) -> None:
    """Words are refused, or give a seed that has these words."""
    seed = read_backup(content.decode("utf-8", errors="replace"))
    if read_backup(backup_text(seed)) != seed:
        raise Finding("a seed's words give another seed")


def _bitcoin(content: bytes, _: Seeds) -> None:
    """Transactions and witnesses are read or refused; a signature of random bytes does not hold."""
    if is_signed_message("bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0l", b"no such message", content):
        raise Finding("a signature that nobody made")
    plain = without_witnesses(content)
    outputs = read_outputs(plain)
    if without_witnesses(plain) != plain or read_outputs(plain) != outputs:
        raise Finding("a transaction reads in two ways")


TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        Target("r1cs", lambda s: s.r1cs, mutate_sections, _r1cs, REFUSALS, 3),
        Target("wtns", lambda s: s.wtns, mutate_sections, _wtns, weight=1),
        Target("zkey", lambda s: s.zkey, mutate_sections, _zkey, REFUSALS, 3),
        Target("key-check", lambda s: s.zkey, mutate_sections, _belongs, REFUSALS, 3),
        Target("ptau", lambda s: s.ptau, mutate_sections, _ptau, weight=3),
        Target("groth16", lambda s: s.groth16_blobs, mutate_words, _groth16, REFUSALS, 3),
        Target("program", lambda _: PROGRAMS, mutate_words, _program, REFUSALS, 4),
        Target("matrix", lambda s: s.matrices, mutate_words, _matrix, REFUSALS),
        *_documents(),
        Target("verify", lambda s: [s.documents[Envelope]], mutate_json, _verify, weight=3),
        Target("evidence", lambda s: [s.documents[Eip1186Evidence]], mutate_json, _evidence, weight=2),
        Target("price-messages", lambda _: [UPDATE, PAYLOAD], mutate_bytes, _price_messages, weight=2),
        Target("price-feeds", lambda _: [FEEDS.encode()], mutate_text, _price_feeds),
        Target(
            "backup",
            lambda _: [backup_text(bytes(32)).encode(), " ".join(words_of(b"\x07" * 32)).encode()],
            mutate_text,
            _backup,
        ),
        Target("bitcoin", lambda s: s.transactions, mutate_bytes, _bitcoin),
        *_snarkjs(),
        *_layouts(),
        Target("form", lambda s: s.forms, mutate_bytes, _form),
        Target("inspect", lambda s: s.files, _mutate_any, _inspect, weight=2),
        Target("rules", lambda s: s.rules, mutate_text, _rules, weight=4),
        Target("account", lambda s: s.accounts, mutate_text, _account, weight=2),
        Target("ccxt", lambda s: s.exports, mutate_json, _ccxt),
        Target("chain", lambda s: s.chains, mutate_text, _chain, weight=2),
        Target("beside-chain", lambda s: s.beside_chains, _mutate_any_text, _beside_chain, weight=2),
        Target("market-source", lambda s: s.sources, _mutate_any_text, _market_source, weight=3),
    )
}
