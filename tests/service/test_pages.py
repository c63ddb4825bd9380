"""The pages over a socket: what they show and to whom; nobody writes into them, or sends their forms for others."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from html import unescape

import httpx
import pytest
from parties import NOW
from registry_world import OPERATOR, TERMS, A, B, release
from served import CLOCK, TOKENS, Served
from starlette.requests import Request
from starlette.responses import Response

from zkmargin.attestations.documents import sign
from zkmargin.attestations.owner import OwnerKeys
from zkmargin.encoding import hex_bytes
from zkmargin.verifier.audit.report import AuditReport, Coverage, Finding, StepResult
from zkmargin.verifier.registry.documents import LogHeadDocument
from zkmargin.verifier.service.pages.render import POLICY
from zkmargin.verifier.service.pages.session import LIFE, Sessions

pytestmark = pytest.mark.prove
HOSTILE = "<script>alert(1)</script>&\"'{{7*7}}"
ACCOUNTS = {"alice": 11, HOSTILE: 12, "=HYPERLINK(1)": 13}


def owner(number: int) -> OwnerKeys:
    return OwnerKeys.of_seed(number.to_bytes(32, "big"))


def words(response: httpx.Response) -> str:
    """A page's text; a page it must be."""
    assert response.headers["content-type"].startswith("text/html"), response.text
    assert response.headers["content-security-policy"] == POLICY
    assert response.headers["cache-control"] == "no-store"
    assert "<script" not in response.text
    assert " style=" not in response.text
    assert " on" not in "".join(re.findall(r"<[a-z][^>]*>", re.sub(r'"[^"]*"', '""', response.text)))
    assert not re.search(r'(?:href|src|action)="(?!/|data:,"|#main")', response.text)
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.text)))


def mark_of(response: httpx.Response) -> str:
    found = re.search(r'name="mark" value="([^"]+)"', response.text)
    assert found is not None
    return found[1]


@pytest.fixture
def browser(served: Served) -> Iterator[httpx.Client]:
    """With cookies of its own, signed in for venue A."""
    with httpx.Client(base_url=served.address, timeout=60, headers={"Accept": "text/html"}) as client:
        answer = client.post("/venue/login", data={"token": TOKENS[A]})
        assert (answer.status_code, answer.headers["location"]) == (303, "/venue")
        yield client


@pytest.fixture(scope="module")
def accounts(served: Served) -> dict[str, int]:
    """Customers with names of all kinds; their nullifiers."""
    found = {}
    for name, number in ACCOUNTS.items():
        account = served.world.statement(owner=owner(number), audience=A)
        body = {"account": name, "commitments": [str(account[0].statement.commitment)]}
        assert served.asked(A, "POST", "/v1/accounts", body).status_code == 200
        envelope = served.prove(owner(number), account=account)
        assert served.submit(envelope).status_code == 201
        found[name] = envelope.public_inputs.nullifier
    return found


# --- for anyone -------------------------------------------------------------------------------------------------------


def test_overview(served: Served, accounts: dict[str, int]) -> None:
    assert accounts
    text = words(served.client.get("/"))
    head = served.client.get("/v1/log/head").json()["head"]
    assert f"Root {head['root']}" in text
    assert f"Size {head['size']}" in text
    assert f"Signer {hex_bytes(OPERATOR.address)}" in text
    assert "holds the operator's signature" in text
    assert "alpha" in text
    assert hex_bytes(B) in text


def test_a_proof_is_submitted_and_explained(served: Served) -> None:
    envelope = served.prove(owner(1))
    accepted = served.client.post("/submit", files={"file": ("p.json", envelope.to_bytes()), "text": (None, "")})
    text = words(accepted)
    assert accepted.status_code == 201
    assert "The proof holds, and is recorded" in text
    assert "insecure key" in text
    receipt = served.service.registry.receipt(envelope.public_inputs.nullifier).to_json()
    assert receipt["signatures"][0]["signature"] in text

    text = words(served.client.get("/proof", params={"nullifier": f" {receipt['receipt']['nullifier']} "},
                                   follow_redirects=True))  # fmt: skip
    assert "Active: the proof counts now" in text
    assert "this registry verified the proof" in text
    assert f"Entry of the log {receipt['receipt']['logIndex']}" in text
    assert text.count("holds ") >= 2
    assert "fails" not in text
    assert "completeness is not claimed" in text
    assert "alpha" not in text  # which venue holds it is that venue's to know
    assert hex_bytes(A) not in text


def test_a_double_pledge_is_explained(served: Served) -> None:
    assert served.submit(served.prove(owner(2))).status_code == 201
    second = served.prove(owner(2), B)
    refused = served.client.post("/submit", files={"file": (None, ""), "text": (None, second.to_bytes())})
    text = words(refused)
    assert refused.status_code == 409
    assert "E_DOUBLE_PLEDGE" in text
    assert "The proof holds. But the collateral behind it already backs another venue" in text
    assert "2027-01-16 00:00:00 UTC" in text  # the end of the epoch
    assert "alpha" not in text
    assert hex_bytes(A) not in refused.text


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("{}", 400, "E_SCHEMA_TYPE"),
        ("", 400, "E_FORM"),
        ('{"type": "<img src=x onerror=alert(1)>"}', 400, "E_"),
        ("x" * (1 << 21), 413, "E_BODY_SIZE"),
    ],
)
def test_refusals_are_pages(text: str, status: int, code: str, served: Served) -> None:
    refused = served.client.post("/submit", files={"text": (None, text)})
    assert refused.status_code == status
    assert code in words(refused)
    assert "What to do" in refused.text
    assert "<img" not in refused.text


def test_a_proof_that_fails_is_told_why(served: Served) -> None:
    envelope = served.prove(owner(3))
    assert served.submit(envelope).status_code == 201
    refused = served.client.post("/submit", files={"text": (None, envelope.to_bytes())})
    assert (refused.status_code, "E_CHALLENGE" in words(refused)) == (422, True)


def test_what_is_not_there_is_a_page_for_browsers_alone(served: Served) -> None:
    html = {"Accept": "text/html,*/*"}
    assert "E_ROUTE" in words(served.client.get("/nothing/<b>", headers=html))
    assert served.client.get("/nothing").headers["content-type"] == "application/problem+json"
    assert served.client.get("/v1/nothing", headers=html).headers["content-type"] == "application/problem+json"
    assert "E_PLEDGE_MISSING" in words(served.client.get("/proof/5"))
    assert "E_INT_FORMAT" in words(served.client.get("/proof/0x5"))
    assert "E_METHOD" in words(served.client.delete("/submit"))


def test_pages_are_not_in_the_openapi(served: Served) -> None:
    paths = served.client.get("/openapi.json").json()["paths"]
    assert all(path.startswith("/v1/") or path in ("/healthz", "/readyz", "/metrics") for path in paths)


def test_a_challenge_by_form(served: Served) -> None:
    answer = served.client.post("/submit/challenge", data={"venue": hex_bytes(A)})
    found = re.search(r"Challenge (0x[0-9a-f]{64})", words(answer))
    assert found is not None
    challenge = bytes.fromhex(found[1][2:])
    assert served.submit(served.prove(owner(4), challenge=challenge)).status_code == 201


# --- for a venue ------------------------------------------------------------------------------------------------------


def test_a_venue_sees_its_accounts(served: Served, accounts: dict[str, int], browser: httpx.Client) -> None:
    shown = browser.get("/venue")
    text = words(shown)
    assert "3 healthy" in text
    assert "alice" in text
    assert "{{7*7}}" in text
    assert f"/proof/{accounts['alice']}" in shown.text
    assert "Proofs that expire next" in text
    assert "proved at least 1/1 times the maintenance requirement" in text
    assert "alice" not in words(browser.get("/venue?state=grace")).split("Proofs that expire next")[0]
    own = words(browser.get(f"/proof/{accounts['alice']}"))
    assert "Account alice" in own
    assert "Rule set small_scan" in own
    assert "insecure key" in own
    assert "E_USAGE" in words(browser.get("/venue?state=rich"))
    with httpx.Client(base_url=served.address) as other:
        other.post("/venue/login", data={"token": TOKENS[B]})
        assert "alice" not in words(other.get("/venue"))
        assert "Account" not in words(other.get(f"/proof/{accounts['alice']}"))


def test_queue_and_its_exports(served: Served, accounts: dict[str, int], browser: httpx.Client) -> None:
    assert accounts
    try:
        for at in (CLOCK.prove_every, CLOCK.prove_every + CLOCK.grace, CLOCK.prove_every + CLOCK.grace + CLOCK.call):
            served.clock.now = NOW + at
            served.service.tick()
        queue = [entry["account"] for entry in served.asked(A, "GET", "/v1/queue").json()["accounts"]]
        assert set(queue) == set(ACCOUNTS)
        saved = browser.get("/venue/queue.csv")
        assert saved.headers["content-disposition"] == 'attachment; filename="queue.csv"'
        rows = list(csv.reader(io.StringIO(saved.text)))
        assert rows[0][:2] == ["place", "account"]
        assert [row[1] for row in rows[1:]] == [("'" if name[0] == "=" else "") + name for name in queue]
        assert browser.get("/venue/queue.json").json() == served.asked(A, "GET", "/v1/queue").json()
        assert "end of the line" in words(browser.get("/venue"))

        served.clock.now = NOW + CLOCK.breaker.price_age + 100
        served.service.tick()
        shown = browser.get("/venue")
        assert "Calls pause Reason market snapshots are late" in words(shown)
        reset = {"mark": mark_of(shown), "reason": HOSTILE}
        assert browser.post("/venue/reset", data=reset | {"mark": "x"}).status_code == 400
        assert browser.post("/venue/reset", data=reset | {"reason": ""}).status_code == 400
        assert served.service.clocks[A].pause is not None
        assert browser.post("/venue/reset", data=reset).status_code == 303
        assert "reset: <script>" in words(browser.get("/venue"))
    finally:
        served.clock.now = NOW


def test_without_a_session(served: Served) -> None:
    assert "Token of the venue" in words(served.client.get("/venue"))
    for path in ("/venue/queue.csv", "/venue/queue.json"):
        assert served.client.get(path).status_code == 401
    for path in ("/venue/reset", "/venue/logout", "/audit/log"):
        assert "E_TOKEN" in words(served.client.post(path, data={"mark": "", "reason": "x"}))
    wrong = served.client.post("/venue/login", data={"token": "guess"})
    assert (wrong.status_code, "No venue has this token" in words(wrong)) == (401, True)
    assert "guess" not in wrong.text
    assert "set-cookie" not in wrong.headers


def test_the_cookie(served: Served, browser: httpx.Client) -> None:
    with httpx.Client(base_url=served.address) as client:
        for scheme, name in (("http", "zkmargin="), ("https", "__Host-zkmargin=")):
            answer = client.post("/venue/login", data={"token": TOKENS[A]}, headers={"X-Forwarded-Proto": scheme})
            cookie = answer.headers.get_list("set-cookie")[-1]
            assert cookie.startswith(name)
            assert ("Secure" in cookie) is (scheme == "https")
            for flag in ("HttpOnly", "SameSite=strict", "Path=/"):
                assert flag in cookie
            assert "Max-Age" not in cookie  # a session's
            assert TOKENS[A] not in cookie
    mark = mark_of(browser.get("/venue"))
    kept = dict(browser.cookies)
    assert browser.post("/venue/logout", data={"mark": mark}).status_code == 303
    browser.cookies.update(kept)  # who copied the cookie is out, too
    assert "Token of the venue" in words(browser.get("/venue"))


def test_sessions_end() -> None:
    now = 0.0
    sessions = Sessions(lambda: now)

    def asked(cookie: str = "") -> Request:
        headers = [(b"host", b"a"), (b"cookie", cookie.encode())]
        return Request({"type": "http", "scheme": "http", "path": "/", "headers": headers, "server": ("a", 80)})

    given = Response()
    sessions.open(asked(), given, A)
    cookie = given.headers.getlist("set-cookie")[-1].split(";")[0]
    assert sessions.find(asked(cookie)) is not None
    assert sessions.find(asked("zkmargin=other")) is None
    now = LIFE
    assert sessions.find(asked(cookie)) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1"},
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Origin": "http://[::1"},
    ],
)
def test_forms_of_other_sites(headers: dict[str, str], served: Served, browser: httpx.Client) -> None:
    mark = mark_of(browser.get("/venue"))
    for path, data in (
        ("/venue/login", {"token": TOKENS[A]}),
        ("/venue/reset", {"mark": mark, "reason": "x"}),
        ("/audit/log", {"mark": mark}),
        ("/submit/challenge", {"venue": hex_bytes(A)}),
    ):
        refused = browser.post(path, data=data, headers=headers)
        assert (refused.status_code, "E_FORM" in words(refused)) == (400, True)
        assert "set-cookie" not in refused.headers
    own = {"Origin": served.address}
    assert browser.post("/submit/challenge", data={"venue": hex_bytes(A)}, headers=own).status_code == 201


# --- for an auditor ---------------------------------------------------------------------------------------------------


def judged(served: Served, content: bytes) -> str:
    return words(served.client.post("/audit/document", files={"file": ("d.json", content)}))


def test_the_log_is_replayed(served: Served, accounts: dict[str, int], browser: httpx.Client) -> None:
    assert accounts
    served.post("/v1/releases", release(accounts["alice"], A, NOW).to_bytes())
    mark = mark_of(browser.get("/audit"))
    text = words(browser.post("/audit/log", data={"mark": mark}))
    size = served.client.get("/readyz").json()["logEntries"]
    assert f"{size} entries, checked at" in text
    assert "holds every entry keeps the rules" in text
    assert "holds tables, tree and signed head say the same" in text
    assert re.search(r"release [0-9]+", text)
    assert "By venue" in text
    assert "By venue" not in words(served.client.get("/audit"))


def test_a_head_that_was_kept(served: Served, accounts: dict[str, int]) -> None:
    assert accounts
    kept = LogHeadDocument.of_json(served.client.get("/v1/log/head").json())
    assert served.submit(served.prove(owner(20))).status_code == 201
    assert "holds the log of today begins with it" in judged(served, kept.to_bytes())
    lie = kept.head.model_copy(update={"root": bytes(32)})
    signed = kept.model_copy(update={"head": lie, "signatures": sign(lie, TERMS.domain.signing(), [OPERATOR])})
    text = judged(served, signed.to_bytes())
    assert "fails the log of today begins with it: E_LOG_FORK" in text
    evidence = text[text.index('{ "type": "zkmargin/log-evidence"') : text.rindex("}") + 1]
    assert "The operator of this registry cheated" in judged(served, json.dumps(json.loads(evidence)).encode())
    unsigned = kept.model_copy(update={"head": lie})
    assert "fails the operator signed it" in judged(served, unsigned.to_bytes())


def test_a_receipt_that_was_kept(served: Served, accounts: dict[str, int]) -> None:
    receipt = served.service.registry.receipt(accounts[HOSTILE]).to_bytes()
    assert "holds the log has its entry" in judged(served, receipt)
    altered = json.loads(receipt)
    altered["receipt"]["expiresAt"] = "5"
    assert "fails the operator signed it" in judged(served, json.dumps(altered).encode())


def test_an_audit_report(served: Served) -> None:
    finding = Finding(step="A8", code="E_LAYOUT_UNKNOWN", path="<b>path</b>", message=HOSTILE, expected=None,
                      got="<i>", hint="do")  # fmt: skip
    step = StepResult(step="A8", title="state proofs", verdict="fail", why=None, remarks=("<u>remark",))
    coverage = Coverage(lines=0, proven_lines=0, observed_lines=0, unshown_lines=0, value=None, assets=(), unpriced=(),
                        observed=())  # fmt: skip
    report = AuditReport(holds=False, root=None, policy="p", policy_id=bytes(32), at=NOW, at_source="given",
                         layouts="own", steps=(step,), findings=(finding,), coverage=coverage)  # fmt: skip
    text = judged(served, report.to_bytes())
    assert "Fails: 1 findings" in text
    assert "E_LAYOUT_UNKNOWN · A8 <b>path</b> <script>alert(1)</script>" in text
    assert "E_VERSION" in judged(served, b'{"type":"zkmargin/policy"}')
    assert "E_VERSION" in judged(served, b"[]")


# --- nothing secret ---------------------------------------------------------------------------------------------------


def test_no_token_is_on_a_page_or_in_metrics(browser: httpx.Client) -> None:
    for path in ("/", "/venue", "/submit", "/audit", "/metrics"):
        text = browser.get(path).text
        assert not any(token in text for token in TOKENS.values())
        assert "zkmargin=" not in text


def test_a_log_too_long_to_be_replayed_here(browser: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zkmargin.verifier.service.pages.auditor.MOST", -1)
    refused = browser.post("/audit/log", data={"mark": mark_of(browser.get("/audit"))})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert "E_BUSY" in words(refused)
    assert "zkmargin registry export" in words(refused)
