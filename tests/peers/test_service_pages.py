"""The service's pages in headless Chromium: a proof submitted and accepted, a double pledge refused with its reason, a
venue's desk. Each page at 375 and 1280 pixels in both schemes: legible, narrow enough, labelled, and shut.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from parties import NOW, World, small_market
from registry_world import A, B
from served import CLOCK, TOKENS, serve

from zkmargin.attestations.owner import OwnerKeys

pytestmark = [pytest.mark.browser, pytest.mark.node, pytest.mark.prove]
CONTRAST = 4.5
NAMES = ("long-" + "account-name" * 14, "<img src=x onerror=document.title=1>", "carol", "dave")
REASON = "<b>prices were checked by hand</b>"


@pytest.fixture(scope="module")
def seen(node: Any, chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a browser saw, with everything that can be on a venue's desk on it."""
    folder: Path = tmp_path_factory.mktemp("service")
    world = World(tmp_path_factory.mktemp("key"))
    with serve(world, folder) as served:
        assert served.send_market().status_code == 201
        owners = [OwnerKeys.of_seed(bytes([n]) * 32) for n in range(1, 6)]
        accounts = [world.statement(owner=owner, audience=A) for owner in owners[:4]]
        for name, account in zip(NAMES, accounts, strict=True):
            body = {"account": name, "commitments": [str(account[0].statement.commitment)]}
            assert served.asked(A, "POST", "/v1/accounts", body).status_code == 200
        assert served.submit(served.prove(owners[0], account=accounts[0])).status_code == 201
        for step in (CLOCK.grace, CLOCK.grace + CLOCK.call):
            served.clock.now = NOW + step
            served.service.tick()  # all but the first account: called, then in the queue
        moved = small_market(price_time=NOW + CLOCK.grace + CLOCK.call - 5, shift=500_000)
        assert served.send_market(market=moved).status_code == 201  # ten percent: the breaker trips
        assert served.service.clocks[A].pause is not None
        latest = {"snapshot": world.snapshot(moved), "at": served.clock.now}
        files = {}
        for name, venue, owner, account in (
            ("accepted", A, owners[2], accounts[2]), ("refused", B, owners[0], None)
        ):  # fmt: skip
            files[name] = str(folder / f"{name}.margin-proof.json")
            Path(files[name]).write_bytes(served.prove(owner, venue, account=account, **latest).to_bytes())
        given = {"address": served.address, "token": TOKENS[A], "reason": REASON, **files}
        found = json.loads(node("service.cjs", chromium, folder, stdin=json.dumps(given)).stdout)
        state = served.service.clocks[A].standing("carol").state.value
    text = {page["name"]: page["text"] for page in found["pages"]}
    return {**found, "address": served.address, "carol": state, "text": text}


def test_a_proof_is_submitted_and_accepted(seen: Any) -> None:
    text = seen["text"]["accepted"]
    assert "The proof holds, and is recorded" in text
    assert "carol" in text
    assert "the receipt's text" in text.lower()
    assert "Active: the proof counts now" in seen["text"]["proof"]
    assert seen["carol"] == "healthy"


def test_a_double_pledge_is_refused_with_its_reason(seen: Any) -> None:
    text = seen["text"]["refused"]
    assert "E_DOUBLE_PLEDGE" in text
    assert "already backs another venue" in text
    assert "2027-01-16 00:00:00 UTC" in text
    assert "alpha" not in text


def test_a_venue_sees_its_desk_and_ends_a_pause(seen: Any) -> None:
    before, after = seen["text"]["venue"], seen["text"]["venue-after"]
    assert "BTC moved by 1000 basis points" in before
    assert NAMES[1] in before  # as text
    assert "liquidation-queue" in before
    assert "Calls run" in after
    assert f"reset: {REASON}" in after
    assert "holds" in seen["text"]["audit"]
    assert "fails" not in seen["text"]["audit"]


def test_every_page_is_legible_narrow_and_labelled(seen: Any) -> None:
    assert len(seen["pages"]) == 9
    for page in seen["pages"]:
        colours = set()
        for look in page["looks"]:
            at = (look["name"], look["width"], look["scheme"])
            assert (look["scrollWidth"], look["wide"]) == (look["width"], []), at
            assert look["texts"] > 5
            assert look["dimmest"][0]["ratio"] >= CONTRAST, (at, look["dimmest"])
            assert look["unlabelled"] == [], at
            colours.add((look["scheme"], look["pageColour"]))
        assert len(colours) == len({colour for _, colour in colours}) == 2


def test_it_is_used_by_keyboard(seen: Any) -> None:
    assert [entry["at"] for entry in seen["tabs"]] == [
        "Skip to the content",
        "Overview",
        "Submit a proof",
        "Venue",
        "Audit",
    ]
    assert all(entry["outline"] for entry in seen["tabs"])


def test_nothing_leaves_the_page_and_nothing_is_complained_of(seen: Any) -> None:
    assert seen["requests"]
    assert all(url.startswith((f"{seen['address']}/", "data:,")) for url in seen["requests"])
    assert not any(TOKENS[A] in url or "token" in url for url in seen["requests"])
    refusal = "409 (Conflict)"  # the browser's own note on the status of the refused pledge
    assert [text for text in seen["problems"] if refusal not in text] == []
    assert seen["shut"] is True


def test_the_cookie_is_no_script_s(seen: Any) -> None:
    assert seen["cookies"] == [{"httpOnly": True, "sameSite": "Strict", "token": False}]
    assert seen["script"] == ""
