"""Two venues in one proof, with real proofs: dropped, doubled, swapped and foreign statements, and own columns. What
the circuit stops is in test_several_venues.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from parties import CHALLENGE, DOMAIN, KEYS, NOW, STRANGER, VENUE, World, small_market

from zkmargin.attestations.documents import Signers, sign
from zkmargin.attestations.owner import OwnerKeys
from zkmargin.attestations.positions import PositionLayout, PositionOpening, PositionStatementDocument
from zkmargin.errors import AccountInvalid, AmountRange, CircuitError, MarginShort, OpeningMismatch, ZkMarginError
from zkmargin.margin.market import Market
from zkmargin.margin.tables import Column, Tables
from zkmargin.prover import prove as prove_module
from zkmargin.prover.account import in_venue_order
from zkmargin.prover.prove import Request
from zkmargin.prover.shortfall import Shortfall
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.policy import VenuePolicy

pytestmark = pytest.mark.prove

TEXT = b"""\
rules: 1
name: two_books
binding: public
venues: 2
axes:
  instrument: {capacity: 8}
  scenario: {size: 3}
public:
  mark: {axes: [instrument], unit: usd/contract, decimals: 2, min: 0, max: 1e6}
  pnl: {axes: [instrument, scenario], unit: usd/contract, decimals: 2, min: -1e6, max: 1e6}
parameters:
  im_factor: {decimals: 4, min: 1, max: 10, default: 1.3}
private:
  size: {axes: [venue, instrument], unit: contract, decimals: 2, min: -1e4, max: 1e4, from: venue}
  cash: {axes: [venue], unit: usd, decimals: 2, min: -1e9, max: 1e9, from: venue}
  own_rate: {axes: [instrument], decimals: 2, min: 0, max: 1, from: prover}  # a rate that only raises the requirement
define:
  loss: -sum(size * pnl, over=[venue, instrument])
  charge: sum(abs(sum(size, over=venue)) * own_rate * mark, over=instrument)
equity: sum(cash, over=venue) + sum(size * mark, over=[venue, instrument])
requirements:
  maintenance: max(0, max(loss, over=scenario)) + charge
"""
FIRST, SECOND = b"\x32" * 32, b"\x42" * 32
SIGNERS = {FIRST: VENUE, SECOND: STRANGER}
LONG, SHORT = [300, 0, 0, 0, 0, 0], [-300, 0, 0, 0, 0, 0]  # three coins of the perpetual, hundredths of a contract
OWN = {"own_rate": [0, 0, 1, 0, 0, 0]}

Attested = tuple[PositionStatementDocument, PositionOpening]


class Books(World):
    """The small world with a second venue: a long at the first and a short at the second cancel out."""

    def policy(self, **changes: Any) -> Any:
        return super().policy(**{"venues": self.venues(FIRST, SECOND)} | changes)

    def venues(self, *ids: bytes) -> tuple[VenuePolicy, ...]:
        return tuple(
            VenuePolicy(venue_id=i, name=f"venue {i[:1].hex()}", signers=Signers.of(SIGNERS[i].address)) for i in ids
        )

    def first(self, cash: int = 5_000, **changes: Any) -> Attested:
        return self.statement(LONG, cash, **{"venue_id": FIRST, "keys": [VENUE]} | changes)

    def second(self, cash: int = 5_000, **changes: Any) -> Attested:
        return self.statement(SHORT, cash, **{"venue_id": SECOND, "keys": [STRANGER]} | changes)

    def prove_both(self, *accounts: Attested, own: Any = None, keys: OwnerKeys = KEYS, **policy: Any) -> Envelope:
        statements, openings = zip(*(accounts or (self.first(), self.second())), strict=True)
        request = Request(self.policy(**policy), self.snapshot(), statements, NOW, None, CHALLENGE)
        return self.prover.prove(request, openings, keys, own=OWN if own is None else own)


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Books:
    return Books(tmp_path_factory.mktemp("key"), TEXT)


@pytest.fixture(scope="module")
def accounts(books: Books) -> tuple[Attested, Attested]:
    return books.first(), books.second()


@pytest.fixture(scope="module")
def envelope(books: Books, accounts: tuple[Attested, Attested]) -> Envelope:
    return books.prove_both(*accounts)


def code_of(work: Any, *arguments: Any, **named: Any) -> str:
    with pytest.raises(ZkMarginError) as caught:
        work(*arguments, **named)
    return caught.value.code


def test_both_books_together_meet_the_claim(books: Books, envelope: Envelope) -> None:
    verdict = books.verify(envelope)
    assert [(venue.name, venue.venue_id) for venue in verdict.venues] == [("venue 32", FIRST), ("venue 42", SECOND)]
    assert books.verify(envelope, engine="python").nullifier == verdict.nullifier
    assert code_of(books.prove_both, books.second(venue_id=FIRST, keys=[VENUE]), books.second()) == "E_MARGIN_SHORT"


def test_one_cent_less_at_either_venue_is_short(books: Books) -> None:
    books.verify(books.prove_both(books.first(-7), books.second(7)))
    for cash in ((-7, 6), (-8, 7)):
        with pytest.raises(MarginShort) as caught:
            books.prove_both(books.first(cash[0]), books.second(cash[1]))
        explanation = caught.value.explanation
        assert isinstance(explanation, Shortfall)
        assert explanation.deposit == 1


# --- dropped, doubled, swapped ----------------------------------------------------------------------------------------


def test_no_statement_can_be_dropped(books: Books, accounts: tuple[Attested, Attested], envelope: Envelope) -> None:
    for kept in (0, 1):
        assert code_of(books.prove_both, accounts[kept]) == "E_STATEMENT"
        publics = envelope.public_inputs.model_copy(update={"positions": envelope.public_inputs.positions[kept:][:1]})
        alone = envelope.model_copy(update={"statements": envelope.statements[kept:][:1], "public_inputs": publics})
        assert code_of(books.verify, alone) == "E_STATEMENT"
        venues = books.venues((FIRST, SECOND)[kept])
        assert code_of(books.prove_both, accounts[kept], venues=venues) == "E_VENUE_COUNT"
    assert code_of(envelope.model_copy, update={"statements": envelope.statements[:1]}) == "E_SCHEMA_TYPE"


def test_no_statement_counts_twice(books: Books, accounts: tuple[Attested, Attested], envelope: Envelope) -> None:
    for index in (0, 1):
        assert code_of(books.prove_both, accounts[index], accounts[index]) == "E_STATEMENT_TWICE"
        publics = envelope.public_inputs
        stated = publics.model_copy(update={"positions": (publics.positions[index],) * 2})
        doubled = {"statements": (envelope.statements[index],) * 2, "public_inputs": stated}
        assert code_of(books.verify, envelope.model_copy(update=doubled)) == "E_STATEMENT_TWICE"
        only = envelope.model_copy(update={"public_inputs": stated})
        assert code_of(books.verify, only) == "E_STATEMENT"


def test_a_copied_commitment_is_refused(books: Books, accounts: tuple[Attested, Attested]) -> None:
    """The second venue signs the commitment that the first one made: the same long account, twice."""
    (document, opening), _ = accounts
    statement = document.statement.model_copy(update={"venue_id": SECOND})
    copied = document.model_copy(
        update={"statement": statement, "signatures": _signed(books, statement, SIGNERS[SECOND])}
    )
    assert code_of(books.prove_both, (document, opening), (copied, opening)) == "E_STATEMENT_TWICE"


def _signed(books: Books, statement: Any, key: Any) -> Any:
    return sign(statement, books.domain.signing(), [key])


def test_statements_do_not_swap_places(books: Books, accounts: tuple[Attested, Attested], envelope: Envelope) -> None:
    first, second = accounts
    assert code_of(books.prove_both, second, first) == "E_STATEMENT"
    publics = envelope.public_inputs
    swapped = publics.model_copy(update={"positions": publics.positions[::-1]})
    for changes in (
        {"public_inputs": swapped},
        {"statements": envelope.statements[::-1]},
        {"public_inputs": swapped, "statements": envelope.statements[::-1]},
    ):
        assert code_of(books.verify, envelope.model_copy(update=changes)) == "E_STATEMENT"


def test_openings_do_not_swap_places(books: Books, accounts: tuple[Attested, Attested]) -> None:
    (one, open_one), (two, open_two) = accounts
    assert code_of(books.prove_both, (one, open_two), (two, open_one)) == "E_OPENING"
    ordered = in_venue_order(books.rules, [two, one], [open_one, open_two])
    assert ordered == ((one, two), (open_one, open_two))
    with pytest.raises(OpeningMismatch, match="no opening opens"):
        in_venue_order(books.rules, [two, one], [open_one, open_one])
    with pytest.raises(OpeningMismatch, match="needs its opening"):
        in_venue_order(books.rules, [two, one], [open_one])


# --- foreign ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"keys": [VENUE]}, "E_SIG_NOT_ATTESTOR"),  # the first venue speaks for the second
        ({"keys": [VENUE, STRANGER]}, "E_SIG_NOT_ATTESTOR"),
        ({"keys": []}, "E_QUORUM"),
        ({"audience": b"\x01" * 32}, "E_VENUE"),
        ({"epoch": NOW // DOMAIN.epoch_length - 1}, "E_EPOCH"),
        ({"listing_digest": b"\x01" * 32}, "E_LISTING"),
        ({"as_of": NOW - 4000}, "E_STATEMENT_STALE"),
        ({"venue_id": b"\x43" * 32}, "E_STATEMENT"),
    ],
)
def test_the_second_statement_is_checked_like_the_first(books: Books, changes: dict[str, Any], code: str) -> None:
    assert code_of(books.prove_both, books.first(), books.second(**changes)) == code


@pytest.mark.parametrize("changes", [{"owner": OwnerKeys.of_seed(b"\x66" * 32)}, {"pocket": 1}])
def test_two_owners_or_pockets_are_no_account(
    books: Books, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The prover says so; one who goes on meets the circuit, which has one owner and one pocket."""
    strangers = (books.first(), books.second(**changes))
    assert code_of(books.prove_both, *strangers) == "E_OPENING"
    monkeypatch.setattr(prove_module, "require_openings", lambda *_: None)
    with pytest.raises(CircuitError, match="another commitment or nullifier"):
        books.prove_both(*strangers)


def test_two_subjects_are_no_account(books: Books) -> None:
    document, opening = books.second()
    other = opening.model_copy(update={"subject": 6})
    statement = document.statement.model_copy(update={"commitment": other.commitment(PositionLayout.of(books.rules))})
    signed = document.model_copy(update={"statement": statement, "signatures": _signed(books, statement, STRANGER)})
    with pytest.raises(OpeningMismatch, match="different subjects"):
        books.prove_both(books.first(), (signed, other))


# --- columns of the prover's own --------------------------------------------------------------------------------------


def test_own_columns_change_no_commitment_and_are_needed(
    books: Books, accounts: tuple[Attested, Attested], envelope: Envelope
) -> None:
    higher = books.prove_both(*accounts, own={"own_rate": [0, 0, 50, 100, 0, 0, 0, 0]})  # nothing is held there
    assert higher.public_inputs.positions == envelope.public_inputs.positions
    assert higher.public_inputs.C != envelope.public_inputs.C
    books.verify(higher)
    for own, error in (
        ({}, AccountInvalid),
        ({"own_rate": OWN["own_rate"], "size": [LONG, SHORT]}, AccountInvalid),
        ({"own_rate": [-1, 0, 0, 0, 0, 0]}, AmountRange),
        ({"own_rate": [1 << 7, 0, 0, 0, 0, 0]}, AmountRange),
        ({"own_rate": [0] * 7}, AmountRange),
        ({"own_rate": [0, 0, 0, 0, 0, 0, 1, 0]}, AmountRange),  # a row that is not listed
        ({"own_rate": 5}, AmountRange),
    ):
        with pytest.raises(error):
            books.prove_both(*accounts, own=own)


def test_an_own_rate_counts(books: Books) -> None:
    """Held on net at both together: the rate that the prover names raises the requirement."""
    smaller = books.statement([-200, 0, 0, 0, 0, 0], 0, venue_id=SECOND, keys=[STRANGER])
    accounts = (books.first(0), smaller)  # one coin net: 50,000 USD of equity, 8,000 at risk
    books.verify(books.prove_both(*accounts, own={"own_rate": [84] + [0] * 5}))
    assert code_of(books.prove_both, *accounts, own={"own_rate": [85] + [0] * 5}) == "E_MARGIN_SHORT"


def test_a_venue_does_not_sign_own_columns(books: Books) -> None:
    assert code_of(books.statement, {"size": LONG, "own_rate": [0] * 6}) == "E_SCHEMA_TYPE"
    document, opening = books.first()
    column = opening.columns[0].model_copy(update={"name": "own_rate"})
    more = opening.model_copy(update={"columns": (*opening.columns, column)})
    assert code_of(books.prove_both, (document, more), books.second()) == "E_SCHEMA_TYPE"


# --- tables along the venues ------------------------------------------------------------------------------------------

WEIGHTED = TEXT.replace(b"public:\n", b"public:\n  weight: {axes: [venue], decimals: 2, min: 0, max: 1}\n").replace(
    b"sum(cash, over=venue)", b"sum(cash * weight, over=venue)"
)


def weighted_market(names: Sequence[str]) -> Market:
    honest = small_market()
    tables = honest.tables
    return Market(
        honest.listing,
        Tables(
            {**tables.sizes, "venue": 2},
            {**tables.names, "venue": tuple(names)},
            {**tables.columns, "weight": Column.of("weight", ["venue"], 2, [100, 50])},
            {},
            tables.parameters,
        ),
        honest.price_time,
        honest.sources,
    )


def test_rows_of_venues_in_tables_are_the_policys_venues(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A haircut for the second venue's cash is not read as one for the first's."""
    books = Books(tmp_path_factory.mktemp("weighted"), WEIGHTED)
    ids = ["0x" + i.hex() for i in (FIRST, SECOND)]

    def prove(names: Sequence[str]) -> Envelope:
        snapshot = books.snapshot(weighted_market(names))
        listing = {"listing_digest": snapshot.snapshot.listing_digest}
        statements, openings = zip(books.first(10_000, **listing), books.second(10_000, **listing), strict=True)
        request = Request(books.policy(), snapshot, statements, NOW, None, CHALLENGE)
        return books.prover.prove(request, openings, KEYS, own=OWN)

    proven = prove(ids)
    books.verify(proven, market=weighted_market(ids))
    for names in (ids[::-1], ["a", "b"]):
        assert code_of(prove, names) == "E_MARKET"


def test_a_policy_for_one_venue_does_not_take_a_rule_set_for_two(books: Books, envelope: Envelope) -> None:
    policy = books.policy(venues=books.venues(FIRST))
    context = envelope.context.model_copy(update={"policy_id": policy.policy_id})
    assert code_of(books.verify, envelope.model_copy(update={"context": context}), policy=policy) == "E_VENUE_COUNT"
