"""Evidence of prices under a snapshot: real messages hold, and each way to pass off another price is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from chain_figures import figures, raw
from parties import PUBLISHER
from priced_world import (
    BTC,
    COIN,
    ETH,
    KEYS,
    OTHER,
    OUR_SIGNERS,
    OURS,
    PRIMARY,
    PYTH,
    REDSTONE,
    UPDATE,
    UPDATES,
    WRAPPED,
    Priced,
    both_cells,
    by_pyth,
    by_redstone,
    cell,
    pyth_update,
    redstone_payload,
    rules,
)

from zkmargin.attestations.documents import Signers
from zkmargin.attestations.evidence.pyth import verify_pyth
from zkmargin.attestations.price_evidence import SOURCE, PriceEvidence, require_prices, require_publishable
from zkmargin.attestations.price_rules import PriceRulesFile, PythRules, read_cells
from zkmargin.encoding import sha256
from zkmargin.errors import ZkMarginError
from zkmargin.margin.market import Source
from zkmargin.margin.tables import Column, Listing, Tables

WORLDS = {"pyth": by_pyth, "redstone": by_redstone}


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(ZkMarginError) as caught:
        act()
    return caught.value.code


def refused(priced: Priced, **judged: Any) -> str:
    """The code; all are refusals, none a fault of the file."""
    with pytest.raises(ZkMarginError) as caught:
        priced.judge(**judged)
    assert caught.value.exit_code == 1
    return caught.value.code


# --- what holds -----------------------------------------------------------------------------------------------------


def test_real_messages_stand_for_the_tables() -> None:
    found = by_pyth().judge()
    assert [(price.cell.row, list(price.quotes)) for price in found.prices] == [(WRAPPED, ["pyth"]), (COIN, ["pyth"])]
    assert found.sequence == 76744502
    assert found.oldest == by_pyth().time - 2
    found = by_redstone().judge()
    assert [price.quotes.keys() for price in found.prices] == [{"redstone"}, {"redstone"}]
    assert found.sequence is None


def test_one_feed_may_stand_for_several_rows() -> None:
    """A coin on two chains has one price, and each atom of it the same value."""
    base = "eip155:8453/slip44:60"
    cells = (*both_cells(), cell(base))
    honest = by_pyth()
    listed = honest.but(
        cells=cells, rules=rules(cells=cells), names=(WRAPPED, COIN, base), values=[*honest.values, honest.values[1]]
    )
    assert len(listed.judge().prices) == 3
    assert refused(replace(listed, values=[*honest.values, honest.values[1] + 1])) == "E_PRICE_TABLE"


def test_rows_of_a_complete_column_may_be_fewer_than_the_rules_have() -> None:
    honest = by_pyth()
    fewer = honest.but(cells=both_cells()[1:], names=(COIN,), values=honest.values[1:])
    assert len(fewer.judge().prices) == 1
    assert refused(fewer.but(rules=rules(complete=()))) == "E_PRICE_CELL"


def test_rounding_is_down_or_up_and_nothing_else() -> None:
    """Of 0.1 and of 8 decimals: an atom's value that does not come out even."""
    time = 1_700_000_000
    for rounding, decimals, expected in (("down", 31, 123), ("up", 31, 124), ("down", 60, 0), ("up", 60, 1)):
        one = cell(decimals=decimals, rounding=rounding)
        message = pyth_update(ETH, 12_345, time, exponent=-1)  # 1,234.5 USD, in 10^-30 USD per 10^-decimals of a coin
        priced = Priced(
            PriceEvidence(pyth=message, cells=(one,)),
            [expected],
            time,
            names=(COIN,),
            rules=rules(cells=(one,), pyth=OURS),
        )
        assert priced.judge().oldest == time
        for wrong in {expected - 1, expected + 1} - {-1}:
            assert refused(priced.but(values=[wrong])) == "E_PRICE_TABLE"


# --- whose evidence -------------------------------------------------------------------------------------------------


def test_no_evidence_is_no_price() -> None:
    priced = by_pyth()
    market = priced.market

    def bare() -> object:
        snapshot = priced.snapshot(market)
        return require_prices(None, priced.rules, snapshot, market, at=priced.time, maximum_age=60)

    assert code_of(bare) == "E_PRICE_MISSING"


@pytest.mark.parametrize("world", WORLDS)
def test_evidence_of_another_snapshot(world: str) -> None:
    honest = WORLDS[world]()
    first, own = Source.of("made up", b""), honest.evidence.source
    other = PriceEvidence(pyth=OTHER, cells=both_cells()).source
    for sources in ((first,), (first, other), (own, other), (other, own), (own, own)):
        assert refused(honest.but(sources=sources)) == "E_PRICE_EVIDENCE"
    named_so = Source("price-evidence", own.digest)
    assert refused(honest.but(sources=(first, named_so))) == "E_PRICE_EVIDENCE"
    assert honest.but(sources=(own, first)).judge().oldest


def test_evidence_cannot_be_swapped_after_signing() -> None:
    """Both the evidence and the list of sources change: then the list is not the one that was signed."""
    honest = by_pyth()
    signed = honest.snapshot(honest.market)
    swapped = honest.but(pyth=OTHER)
    market = swapped.market
    judged = {"at": honest.time, "maximum_age": 60}
    assert code_of(lambda: require_prices(swapped.evidence, swapped.rules, signed, market, **judged)) == "E_MARKET"
    assert (
        code_of(lambda: require_prices(swapped.evidence, swapped.rules, signed, honest.market, **judged))
        == "E_PRICE_EVIDENCE"
    )


@pytest.mark.parametrize("world", WORLDS)
def test_any_byte_that_changes_is_refused(world: str) -> None:
    """By the commitment; and where a publisher commits to the changed bytes, by what the oracles signed."""
    honest = WORLDS[world]()
    message = honest.evidence.pyth or honest.evidence.redstone
    assert message is not None
    step, codes = max(1, len(message) // 150), set()
    for place in range(0, len(message), step):
        changed = message[:place] + bytes([message[place] ^ (1 << place % 8)]) + message[place + 1 :]
        swapped = honest.but(**{world: changed})
        committed = honest.but(sources=(honest.evidence.source,))
        assert refused(replace(swapped, sources=committed.sources)) == "E_PRICE_EVIDENCE"
        codes.add(refused(swapped))
    assert codes <= {
        "E_PRICE_FORMAT", "E_PRICE_SIGNER", "E_PRICE_PROOF", "E_PRICE_GUARDIAN_SET", "E_PRICE_QUORUM",
        "E_PRICE_TRAILING", "E_PRICE_TIMESTAMPS", "E_SIG_FORMAT", "E_SIG_HIGH_S", "E_SIG_NOT_ATTESTOR",
    }  # fmt: skip


def test_signers_that_count() -> None:
    pyth, redstone = by_pyth(), by_redstone()
    later = PythRules(guardian_set=5, guardians=PYTH.guardians)
    assert refused(pyth.but(rules=rules(pyth=later))) == "E_PRICE_GUARDIAN_SET"
    turned = PythRules(guardian_set=4, guardians=PYTH.guardians[::-1])
    assert refused(pyth.but(rules=rules(pyth=turned))) == "E_PRICE_SIGNER"
    wider = PythRules(guardian_set=4, guardians=(*PYTH.guardians, bytes(20)))
    assert refused(pyth.but(rules=rules(pyth=wider))) == "E_PRICE_QUORUM"
    cells = both_cells("redstone")
    for signers, code in ((Signers.of(*PRIMARY, threshold=4), "E_PRICE_QUORUM"),
                          (Signers.of(*PRIMARY[:4], threshold=3), "E_PRICE_SIGNER"),
                          (Signers.of(PUBLISHER.address), "E_PRICE_SIGNER")):  # fmt: skip
        stricter = REDSTONE.model_copy(update={"signers": signers})
        assert refused(redstone.but(rules=rules(cells=cells, redstone=stricter))) == code


def test_two_updates_of_one_time_are_told_apart() -> None:
    """They differ in ether's price alone. Each goes with its own tables; the earlier one is a replay of the later."""
    one = by_pyth()
    price = verify_pyth(OTHER, PYTH.set_of()).prices["0x" + ETH.hex()]
    other = one.but(pyth=OTHER, values=[one.values[0], price.value * 10**4])
    assert one.judge().oldest == other.judge().oldest
    assert (one.judge().sequence, other.judge().sequence) == (76744502, 76744501)
    assert refused(one.but(pyth=OTHER)) == "E_PRICE_TABLE"
    assert refused(other.but(pyth=UPDATE)) == "E_PRICE_TABLE"
    assert one.judge(least_sequence=76744502).sequence == 76744502
    assert refused(other, least_sequence=76744502) == "E_PRICE_SEQ"
    assert refused(one, least_sequence=76744503) == "E_PRICE_SEQ"


def test_an_update_and_a_payload_have_one_place_each() -> None:
    """Two messages of one oracle cannot stand in a document; nor can one price twice."""
    tree = by_pyth().evidence.to_json()
    assert code_of(lambda: PriceEvidence.of_json(tree | {"pyth": [tree["pyth"]] * 2})) == "E_BYTES_LENGTH"
    for change in (
        {"cells": tree["cells"] + tree["cells"][:1]},
        {"cells": tree["cells"][::-1]},
        {"cells": [tree["cells"][0], tree["cells"][0] | {"pyth": "0x" + ETH.hex()}]},
        {"cells": []},
    ):
        assert code_of(lambda change=change: PriceEvidence.of_json(tree | change)) == "E_SCHEMA_TYPE"


# --- which price ----------------------------------------------------------------------------------------------------


def test_the_rules_say_which_feed_is_whose() -> None:
    """The publisher has bitcoin's feed stand for ether, with tables to match: worth 24 times as much."""
    honest = by_pyth()
    mapped = (both_cells()[0], cell(pyth=BTC))
    greedy = honest.but(cells=mapped, values=[honest.values[0], honest.values[0] // 10**10])
    assert greedy.but(rules=rules(cells=mapped)).judge().prices[1].price > 59_000
    assert refused(greedy) == "E_PRICE_FEED"


@pytest.mark.parametrize(
    "change",
    [{"decimals": 17}, {"decimals": 6}, {"rounding": "up"}, {"redstone": "ETH"}, {"pyth": None, "redstone": "ETH"}],
)
def test_units_and_rounding_are_the_rules_too(change: dict[str, Any]) -> None:
    honest = by_pyth()
    cells = (both_cells()[0], cell(**change))
    assert refused(honest.but(cells=cells)) == "E_PRICE_FEED"
    assert refused(honest.but(rules=rules(cells=cells))) == "E_PRICE_FEED"


def test_tables_in_other_units() -> None:
    """A wrong exponent is a price that differs, by either side."""
    honest = by_pyth()
    for factor in (10, 10**10):
        assert refused(honest.but(values=[honest.values[0], honest.values[1] * factor])) == "E_PRICE_TABLE"
    wrong = (both_cells()[0], cell(decimals=17))
    assert refused(honest.but(cells=wrong, rules=rules(cells=wrong))) == "E_PRICE_TABLE"
    redstone = by_redstone()
    shifted = REDSTONE.model_copy(update={"decimals": 6})
    assert refused(redstone.but(rules=rules(cells=both_cells("redstone"), redstone=shifted))) == "E_PRICE_TABLE"


@pytest.mark.parametrize("world", WORLDS)
def test_one_unit_is_another_price(world: str) -> None:
    honest = WORLDS[world]()
    for row in (0, 1):
        for by in (-1, 1):
            values = list(honest.values)
            values[row] += by
            assert refused(honest.but(values=values)) == "E_PRICE_TABLE"
    assert refused(honest.but(values=[0, 0])) == "E_PRICE_TABLE"


def test_tolerance_is_what_the_rules_say() -> None:
    honest = by_pyth()
    loose = rules(tolerance=5)
    room = honest.values[1] * 5 // 10_000
    for by, holds in ((room, True), (-room, True), (room + 1, False), (-room - 1, False)):
        moved = honest.but(values=[honest.values[0], honest.values[1] + by], rules=loose)
        if holds:
            assert moved.judge().prices
        else:
            assert refused(moved) == "E_PRICE_TABLE"


def test_rows_that_must_have_evidence() -> None:
    honest = by_pyth()
    assert refused(honest.but(cells=both_cells()[:1])) == "E_PRICE_MISSING"
    assert refused(honest.but(cells=both_cells()[:1], rules=rules(cells=both_cells()[:1]))) == "E_PRICE_MISSING"
    listed = honest.but(
        cells=both_cells()[:1], rules=rules(cells=both_cells()[:1], complete=()), values=[honest.values[0], 7]
    )
    assert [price.cell.row for price in listed.judge().prices] == [WRAPPED]  # of the other the verdict claims nothing
    more = honest.but(names=(WRAPPED, COIN, "eip155:10/slip44:60"), values=[*honest.values, 10**20])
    assert refused(more) == "E_PRICE_MISSING"
    alike = honest.but(names=(WRAPPED, COIN + "0"))
    assert refused(alike) == "E_PRICE_CELL"
    assert refused(alike.but(cells=both_cells()[:1])) == "E_PRICE_MISSING"


def test_a_row_that_does_not_exist() -> None:
    honest = by_pyth()
    for stray in (cell("eip155:1/slip44:61"), cell(column="mark"), cell(column="pnl")):
        cells = tuple(sorted((*both_cells(), stray), key=lambda c: (c.column.encode(), c.row.encode())))
        assert refused(honest.but(cells=cells)) == "E_PRICE_CELL"
    assert (
        refused(honest.but(rules=rules(complete=(), cells=(*both_cells(), cell("eip155:1/slip44:9")))))
        == "E_PRICE_CELL"
    )


def test_a_column_that_the_tables_lack_is_not_taken_for_covered() -> None:
    marks = (cell("BTC-PERPETUAL", column="mark", decimals=0, pyth=BTC), *both_cells())
    for complete in ((), ("mark", "unit_value")):
        assert refused(by_pyth().but(rules=rules(cells=marks, complete=complete))) == "E_PRICE_CELL"


def test_a_column_along_two_axes_has_no_such_cell() -> None:
    priced = by_pyth()
    wide = Column.of("unit_value", ["asset", "tier"], 30, [[value] for value in priced.values])
    tables = Tables({"asset": 2, "tier": 1}, {"asset": priced.names, "tier": ("1",)}, {"unit_value": wide}, {}, {})
    market = replace(priced.market, listing=Listing((), 0, "usd", 0), tables=tables)

    def judge() -> object:
        snapshot = priced.snapshot(market)
        return require_prices(priced.evidence, priced.rules, snapshot, market, at=priced.time, maximum_age=60)

    assert code_of(judge) == "E_PRICE_CELL"


def test_a_message_without_the_feed() -> None:
    honest = by_pyth()
    assert refused(honest.but(pyth=UPDATES["btc_usd_update"])) == "E_PRICE_MISSING"
    assert refused(honest.but(pyth=None)) == "E_PRICE_MISSING"
    stray = {"pyth": None, "redstone": by_redstone().evidence.redstone}
    assert code_of(lambda: honest.but(**stray)) == "E_SCHEMA_TYPE"  # of which no price is read


# --- when, how sure, and whether oracles agree ----------------------------------------------------------------------


@pytest.mark.parametrize("world", WORLDS)
def test_ages(world: str) -> None:
    """Against the snapshot's prices, and against the clock; a second further is refused."""
    honest = WORLDS[world]()
    message = honest.judge().oldest
    assert honest.but(time=message + 60).judge(at=message + 60).oldest == message
    assert refused(honest.but(time=message + 61), at=message + 60) == "E_PRICE_STALE"
    assert honest.judge(at=message + 60).oldest == message
    assert refused(honest, at=message + 61) == "E_PRICE_STALE"
    assert honest.judge(at=message + 10**9, maximum_age=None).oldest == message
    assert honest.but(time=message - 10).judge(at=message - 10).oldest == message
    assert refused(honest.but(time=message - 11), at=message) == "E_PRICE_FUTURE"
    assert refused(honest.but(time=message - 10), at=message - 11) == "E_PRICE_FUTURE"


def test_a_price_that_the_oracle_is_not_sure_of() -> None:
    assert by_pyth().but(rules=rules(confidence=5)).judge().prices
    assert refused(by_pyth().but(rules=rules(confidence=4))) == "E_PRICE_CONF"
    assert refused(_made(pyth_value=0)) == "E_PRICE_CONF"
    assert refused(_made(pyth_value=-5)) == "E_PRICE_CONF"
    assert refused(_made(redstone_value=0)) == "E_PRICE_CONF"


TIME = 1_700_000_000


def _made(
    pyth_value: int = 2_000_00000000, redstone_value: int = 2_000_00000000, redstone_time: int = TIME, **changes: Any
) -> Priced:
    """Ether by both oracles, of keys that the test has; the lower price counts."""
    one = cell(redstone="ETH", **{name: changes.pop(name) for name in ("rounding",) if name in changes})
    evidence = PriceEvidence(
        pyth=pyth_update(ETH, pyth_value, TIME),
        redstone=redstone_payload({"ETH": redstone_value}, redstone_time),
        cells=(one,),
    )
    counts = min if one.rounding == "down" else max
    values = [max(counts(pyth_value, redstone_value), 0) * 10**4]
    given = rules(pyth=OURS, redstone=OUR_SIGNERS, cells=(one,), **changes)
    return Priced(evidence, values, TIME, names=(COIN,), rules=given)


def test_two_oracles_agree_or_there_is_no_price() -> None:
    low, high = 2_000_00000000, 2_010_00000000  # 50 basis points apart
    for pair in ((low, high), (high, low)):
        found = _made(*pair).judge()
        assert (found.prices[0].price, sorted(found.prices[0].quotes)) == (2000, ["pyth", "redstone"])
        assert _made(*pair, rounding="up").judge().prices[0].price == 2010
    for pair in ((low, high + 1), (high + 1, low)):
        assert refused(_made(*pair)) == "E_PRICE_DISAGREE"
    assert refused(_made(low, low - 1, agreement=0)) == "E_PRICE_DISAGREE"
    assert _made(low, low, agreement=0).judge().prices
    higher = _made(low, high)
    assert refused(higher.but(values=[high * 10**4])) == "E_PRICE_TABLE"
    assert refused(higher.but(redstone=None)) == "E_PRICE_MISSING"
    assert refused(higher.but(pyth=None)) == "E_PRICE_MISSING"


def test_each_of_two_oracles_is_fresh() -> None:
    assert _made(redstone_time=TIME - 55).judge().oldest == TIME - 55
    assert refused(_made(redstone_time=TIME - 61)) == "E_PRICE_STALE"
    assert refused(_made(redstone_time=TIME + 11)) == "E_PRICE_FUTURE"


# --- what a publisher signs -----------------------------------------------------------------------------------------


def test_a_publisher_signs_nothing_that_contradicts_its_evidence() -> None:
    honest = by_pyth()

    def publish(priced: Priced, evidence: PriceEvidence | None, known: bool = True) -> None:
        market = priced.market
        require_publishable(priced.snapshot(market), market, evidence, priced.rules if known else None)

    publish(honest, honest.evidence)
    publish(honest.but(sources=(Source.of("made up", b""),)), None)
    assert code_of(lambda: publish(honest, None)) == "E_PRICE_EVIDENCE"
    assert code_of(lambda: publish(honest, honest.evidence, known=False)) == "E_PRICE_EVIDENCE"
    bare = honest.but(sources=(Source.of("made up", b""),))
    assert code_of(lambda: publish(bare, honest.evidence)) == "E_PRICE_EVIDENCE"
    wrong = honest.but(values=[honest.values[0] + 1, honest.values[1]])
    assert code_of(lambda: publish(wrong, wrong.evidence)) == "E_PRICE_TABLE"
    assert code_of(lambda: publish(honest.but(time=honest.time + 60), honest.evidence)) == "E_PRICE_STALE"
    assert {
        price.cell.row: price.cell.units(price.price, 30) for price in honest.evidence.prices(honest.rules)
    } == dict(zip((WRAPPED, COIN), honest.values, strict=True))
    mapped = honest.but(cells=(both_cells()[0], cell(pyth=BTC)))
    assert code_of(lambda: mapped.evidence.prices(mapped.rules)) == "E_PRICE_FEED"


# --- documents ------------------------------------------------------------------------------------------------------


def test_evidence_has_one_reading_and_one_digest() -> None:
    evidence = by_redstone().evidence
    for raw_bytes in (evidence.to_bytes(), evidence.to_text().encode()):
        again = PriceEvidence.parse(raw_bytes)
        assert again == evidence
        assert again.source == Source(SOURCE, sha256(evidence.to_bytes()))
    tree = evidence.to_json()
    for change, code in (
        ({"pyth": "0xAA"}, "E_BYTES_LENGTH"),
        ({"note": "1"}, "E_SCHEMA_UNKNOWN_FIELD"),
        ({"cells": [tree["cells"][0] | {"pyth": None, "redstone": None}]}, "E_SCHEMA_TYPE"),
        ({"cells": [tree["cells"][0] | {"rounding": "nearest"}]}, "E_SCHEMA_TYPE"),
        ({"cells": [tree["cells"][0] | {"decimals": "256"}]}, "E_INT_FORMAT"),
        ({"cells": [tree["cells"][0] | {"pyth": "0x00"}]}, "E_BYTES_LENGTH"),
    ):
        assert code_of(lambda change=change: PriceEvidence.of_json(tree | change)) == code


def test_careless_rules_are_refused() -> None:
    held = rules()
    assert PriceRulesFile.parse(PriceRulesFile(prices=held).to_bytes()).prices == held
    doubled = [*PYTH.guardians[:2], PYTH.guardians[0]]
    for changes, code in (
        ({"pyth": None}, "E_SCHEMA_TYPE"),
        ({"cells": both_cells("redstone"), "redstone": None}, "E_SCHEMA_TYPE"),
        ({"complete": ("mark", "unit_value")}, "E_SCHEMA_TYPE"),
        ({"complete": ("unit_value", "unit_value")}, "E_SCHEMA_TYPE"),
        ({"cells": ()}, "E_SCHEMA_TYPE"),
        ({"cells": both_cells()[::-1]}, "E_SCHEMA_TYPE"),
        ({"maximum_age": -1}, "E_INT_FORMAT"),
        ({"tolerance": 1 << 16}, "E_INT_FORMAT"),
    ):
        assert code_of(lambda changes=changes: rules(**changes)) == code
    assert code_of(lambda: rules(pyth=PythRules(guardian_set=4, guardians=tuple(doubled)))) == "E_BYTES_LENGTH"
    none = REDSTONE.model_copy(update={"signers": Signers.of(*PRIMARY, threshold=0)})
    assert code_of(lambda: rules(redstone=none)) == "E_QUORUM"


def test_feeds_come_from_a_file() -> None:
    header = "column,row,decimals,rounding,pyth,redstone\n"
    text = header + f"unit_value,{COIN},18,down,0x{ETH.hex()},\nunit_value,{WRAPPED},8,down,0x{BTC.hex()},\n"
    assert read_cells(text.encode(), "feeds.csv") == both_cells()
    for bad, code in (
        (text.replace(",18,", ",1e1,"), "E_INT_FORMAT"),
        (text.replace(f"0x{ETH.hex()}", ""), "E_SCHEMA_TYPE"),
        (text.replace("down", "half"), "E_SCHEMA_TYPE"),
        (text.replace("redstone", "chainlink"), "E_MARKET_SOURCE"),
        (text + "unit_value\n", "E_MARKET_SOURCE"),
    ):
        assert code_of(lambda bad=bad: read_cells(bad.encode(), "feeds.csv")) == code


def test_the_figures_are_of_several_keys() -> None:
    """The made-up signers are no real ones: nothing here signs for an oracle."""
    ours = {key.address for key in KEYS}
    assert not ours & ({*PYTH.guardians} | {raw(a) for s in figures("redstone")["signerSets"].values() for a in s})
