"""`zkmargin submit` and `challenge` against a running service, and against ones that lie."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from registry_world import TERMS, A, B
from served import Served

from zkmargin.attestations.owner import OwnerKeys
from zkmargin.cli.main import run
from zkmargin.encoding import hex_bytes
from zkmargin.verifier.registry.documents import PledgeReceiptDocument

pytestmark = pytest.mark.prove


@pytest.fixture
def terms(tmp_path: Path) -> str:
    (tmp_path / "registry.json").write_text(TERMS.to_text())
    return str(tmp_path / "registry.json")


def proof(served: Served, path: Path, number: int, venue: bytes = A, challenge: bytes | None = None) -> str:
    envelope = served.prove(OwnerKeys.of_seed(bytes([number]) * 32), venue, challenge)
    path.write_bytes(envelope.to_bytes())
    return str(path)


def test_proofs_are_submitted(served: Served, tmp_path: Path, terms: str, capsys: pytest.CaptureFixture[str]) -> None:
    first = proof(served, tmp_path / "one.margin-proof.json", 1)
    assert run(["submit", served.address, first, "--terms", terms]) == 0
    shown = capsys.readouterr().out
    assert "accepted" in shown
    assert "holds" in shown
    receipt = PledgeReceiptDocument.read(tmp_path / "one.receipt.json")
    assert (
        served.client.get(
            f"/v1/receipts/{receipt.receipt.nullifier}", params={"context": str(receipt.receipt.context)}
        ).json()
        == receipt.to_json()
    )

    twice = proof(served, tmp_path / "two.json", 1, B)
    third = proof(served, tmp_path / "three.json", 2)
    command = ["submit", served.address, twice, third, "--out", str(tmp_path / "receipts"), "--json"]
    assert run(command) == 1
    told = json.loads(capsys.readouterr().out)
    assert [(entry["accepted"], entry["code"]) for entry in told["proofs"]] == [
        (False, "E_DOUBLE_PLEDGE"), (True, None)
    ]  # fmt: skip
    assert told["failed"] == 1
    assert [path.name for path in (tmp_path / "receipts").iterdir()] == ["three.receipt.json"]
    assert told["proofs"][1]["receiptChecked"] is False


def test_a_challenge_is_asked_for(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["challenge", served.address, "--venue", "alpha"]) == 0
    captured = capsys.readouterr()
    challenge = bytes.fromhex(captured.out.strip()[2:])
    assert captured.err.startswith("for alpha, until ")
    made = proof(served, tmp_path / "p.json", 3, challenge=challenge)
    assert run(["submit", served.address, made]) == 0
    assert "not checked" in capsys.readouterr().out
    assert run(["challenge", served.address, "--venue", hex_bytes(B), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["venueId"] == hex_bytes(B)
    assert run(["challenge", served.address, "--venue", "nobody"]) == 2
    assert "alpha, beta" in capsys.readouterr().err


def test_nothing_is_sent_before_all_can_be_used(
    served: Served, tmp_path: Path, terms: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made = proof(served, tmp_path / "p.json", 4)
    (tmp_path / "bad.json").write_text("{}")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "p.json").write_text(Path(made).read_text())
    before = served.client.get("/readyz").json()
    assert run(["submit", served.address, made, str(tmp_path / "bad.json")]) == 2
    same = ["submit", served.address, made, str(tmp_path / "other" / "p.json"), "--out", str(tmp_path)]
    assert run(same) == 2
    (tmp_path / "p.receipt.json").write_text("kept")
    assert run(["submit", served.address, made]) == 2
    assert (tmp_path / "p.receipt.json").read_text() == "kept"
    assert served.client.get("/readyz").json() == before
    for address in ("ftp://a", "http://user:secret@127.0.0.1", "http://", "http://127.0.0.1:9"):
        assert run(["submit", address, made, "--force"]) == 2
        assert "secret" not in capsys.readouterr().err
    assert run(["submit", served.address, made, "--force", "--terms", terms]) == 0


@contextmanager
def liar(answers: dict[str, tuple[int, bytes]]) -> Iterator[str]:
    """A service that says what it is told to."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def do_GET(self) -> None:
            status, body = answers.get(self.path, (404, b"no"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Silence."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_services_that_lie(served: Served, tmp_path: Path, terms: str, capsys: pytest.CaptureFixture[str]) -> None:
    envelope = served.prove(OwnerKeys.of_seed(bytes([5]) * 32))
    accepted = served.submit(envelope).json()
    mine = tmp_path / "mine.json"
    mine.write_bytes(envelope.to_bytes())
    others = proof(served, tmp_path / "others.json", 6)
    index = accepted["receipt"]["receipt"]["logIndex"]
    at = f"/v1/log/inclusion/{index}?context={envelope.public_inputs.context}"
    inclusion = served.client.get(at).content
    other = served.service.registry.prove_inclusion(0).to_bytes()
    whole = json.dumps(accepted).encode()
    forged = json.loads(whole)
    forged["receipt"]["signatures"][0]["signature"] = accepted["receipt"]["log"]["signatures"][0]["signature"]
    refused = json.dumps({"code": "E_X", "detail": "\x1b[2J<b>", "where": 5}).encode()
    cases = [
        (str(mine), {"/v1/submissions": (201, whole), at: (200, inclusion)}, 0, None),
        (others, {"/v1/submissions": (201, whole), at: (200, inclusion)}, 1, "E_RECEIPT"),  # another proof's receipt
        (str(mine), {"/v1/submissions": (201, json.dumps(forged).encode())}, 1, "E_RECEIPT"),
        (str(mine), {"/v1/submissions": (201, whole), at: (200, other)}, 1, "E_LOG_INCLUSION"),
        (str(mine), {"/v1/submissions": (201, whole)}, 2, "E_SERVICE"),  # recorded, it says, and shows nothing
        (str(mine), {"/v1/submissions": (201, b"{}")}, 2, "E_SERVICE"),
        (str(mine), {"/v1/submissions": (302, b"")}, 2, "E_SERVICE"),
        (str(mine), {"/v1/submissions": (409, b"[" * 10**5)}, 2, "E_SERVICE"),
        (str(mine), {"/v1/submissions": (409, refused)}, 1, "E_X"),
    ]
    for path, answers, code, error in cases:
        with liar(answers) as address:
            assert run(["submit", address, path, "--terms", terms, "--force", "--json"]) == code, (answers, error)
            told = json.loads(capsys.readouterr().out)
            found = told["error"]["code"] if "error" in told else told["proofs"][0]["code"]
            assert found == error
            if error == "E_X":
                assert told["proofs"][0]["error"]["code"] == "E_SERVICE_REFUSED"
    with liar({"/v1/submissions": (409, refused)}) as address:
        assert run(["submit", address, str(mine), "--force"]) == 1
    shown = capsys.readouterr().out
    assert "\x1b[2J" not in shown
    assert "\\x1b[2J<b>" in shown
