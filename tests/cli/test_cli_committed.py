"""Binding `committed` through the commands: a rule file made from another, its tables signed, a proof made, judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from calling import call, ok
from test_cli_venues import ALPHA, AT, BETA, OWN, RULES

from zkmargin.circuits.rules import load_rules
from zkmargin.field import FR_MODULUS as R


class Desk:
    """The desk of two venues, with its rules in the other binding."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in (
            ("public.yaml", RULES), ("own.csv", OWN), ("alpha.csv", ALPHA), ("beta.csv", BETA),
            ("marks.csv", "instrument,mark\nA,100\nB,200\n"),
            ("pnl.csv", "instrument,scenario,pnl\nA,up,10\nA,down,-10\nB,up,30\nB,down,-25\n"),
        ):  # fmt: skip
            (folder / name).write_text(text)
        self.made = ok(
            *("rules", "variant", self["public.yaml"], "--name", "desks_committed", "--capacity", "instrument=3"),
            *("--out", self["rules.yaml"], "--json"),
        ).json
        self.common = ("--rules", self["rules.yaml"], "--market", self["market.json"])
        ok("policy", "domain", "--name", "tests", "--out", self["domain.json"])
        for name in ("alpha", "beta", "publisher", "other", "verifier"):
            ok("keys", "new", "signer", "--out", self[f"{name}.key"])
        self.owner = ok("keys", "new", "owner", "--out", self["owner.key"], "--json").json["owner"]
        ok("setup", "dev", self["rules.yaml"], "--out", self["keys"])
        self.build(self["market.json"], "--key", self["publisher.key"])
        ok(
            *("policy", "new", "--name", "p", "--domain", self["domain.json"], "--verifier", self["verifier.key"]),
            *("--publisher", self["publisher.key"], "--keys", self["keys"], "--insecure", "--price-age", 900),
            *("--venue", f"alpha={self['alpha.key']}", "--venue", f"beta={self['beta.key']}"),
            *("--out", self["policy.json"]),
        )
        for venue in ("alpha", "beta"):
            ok(
                *("attest", "positions", *self.common, "--account", self[f"{venue}.csv"], *AT),
                *("--policy", self["policy.json"], "--owner", self.owner, "--key", self[f"{venue}.key"]),
                *("--out", self[f"{venue}.positions"], "--opening", self[f"{venue}.opening"]),
            )

    def __getitem__(self, name: str) -> Path:
        return self.folder / name

    def build(self, out: Path, *more: object) -> None:
        ok(
            *("market", "build", self["marks.csv"], self["pnl.csv"], "--rules", self["rules.yaml"]),
            *("--domain", self["domain.json"], *AT, "--price-time", "2026-02-05T09:36:47Z", "--out", out, *more),
        )

    def altered(self, out: str, commitment: int) -> Path:
        """The snapshot with another commitment, as a careless or dishonest publisher might pass it on for signing."""
        document = json.loads(self["market.json"].read_text())
        document["snapshot"]["tableCommitment"] = str(commitment)
        document["signatures"] = []
        self[out].write_text(json.dumps(document))
        return self[out]

    @property
    def statements(self) -> list[object]:
        pairs = [("--positions", self[f"{v}.positions"], "--opening", self[f"{v}.opening"]) for v in ("alpha", "beta")]
        return [word for pair in pairs for word in pair]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("committed"))


def test_the_variant_says_what_it_is(desk: Desk) -> None:
    assert (desk.made["name"], desk.made["binding"], desk.made["publicInputs"]) == ("desks_committed", "committed", 8)
    assert desk.made["digest"] == "0x" + load_rules(desk["rules.yaml"]).digest.hex()
    listed = {entry["rules"]: entry["binding"] for entry in ok("rules", "list", "--json").json["rules"]}
    assert {name for name, binding in listed.items() if binding == "committed"} == {
        "cross_bracket_committed",
        "portfolio_scan_committed",
        "cross_chain_committed",
    }


def test_its_circuit(desk: Desk) -> None:
    """``compile`` and ``check`` speak of committed values; the key is for eight public inputs."""
    assert ok("rules", "compile", desk["rules.yaml"], "--json").json["publicInputs"] == 8
    plan = ok("rules", "compile", desk["rules.yaml"], "--show", "plan").out
    assert "tableCommitment  1" in plan
    assert "(private, under tableCommitment)" in plan
    assert "private inputs that a public input commits to" in ok("rules", "check", desk["rules.yaml"]).out
    assert json.loads((desk["keys"] / "verification_key.json").read_text())["nPublic"] == 8


def test_from_the_tables_to_the_verdict(desk: Desk) -> None:
    account = [*desk.statements, "--own", desk["own.csv"], *AT]
    assert ok("check", *desk.common, *desk.statements, "--own", desk["own.csv"], "--json").code == 0
    ok(
        *("prove", *desk.common, "--policy", desk["policy.json"], "--keys", desk["keys"]),
        *("--owner-key", desk["owner.key"], *account, "--out", desk["proof"], "--json"),
    )
    proof = json.loads(desk["proof"].read_text())
    signed = json.loads(desk["market.json"].read_text())["snapshot"]["tableCommitment"]
    assert proof["publicInputs"]["C"] is None
    assert proof["market"]["snapshot"]["tableCommitment"] == signed != "0"
    common = ("--policy", desk["policy.json"], *desk.common, "--key", desk["keys"] / "verification_key.json", *AT)
    assert ok("verify", desk["proof"], *common, "--json").json["holds"] is True
    proof["market"]["snapshot"]["tableCommitment"] = str((int(signed) + 1) % R)
    desk["forged"].write_text(json.dumps(proof))
    assert call("verify", desk["forged"], *common, "--json").json["error"]["code"] == "E_SIG_NOT_ATTESTOR"


def test_publishers_sign_no_commitment_but_their_own(desk: Desk) -> None:
    sign = ("--rules", desk["rules.yaml"], "--key", desk["other.key"], "--json")
    assert ok("market", "sign", desk["market.json"], *sign, "--out", desk["both.json"]).code == 0
    signed = json.loads(desk["market.json"].read_text())["snapshot"]["tableCommitment"]
    assert f"table commitment  {signed}" in ok("market", "show", desk["both.json"]).out
    for number, commitment in enumerate((0, 1, (int(signed) + 1) % R)):
        altered = desk.altered(f"altered{number}.json", commitment)
        refused = call("market", "sign", altered, *sign, "--out", desk[f"signed{number}.json"])
        assert (refused.code, refused.json["error"]["code"]) == (1, "E_MARKET")
        assert not desk[f"signed{number}.json"].exists()


def test_a_proof_on_a_snapshot_of_the_other_binding_is_not_made(desk: Desk) -> None:
    """Of the same tables, built for the public text."""
    ok(
        *("market", "build", desk["marks.csv"], desk["pnl.csv"], "--rules", desk["public.yaml"]),
        *("--domain", desk["domain.json"], *AT, "--price-time", "2026-02-05T09:36:47Z"),
        *("--key", desk["publisher.key"], "--out", desk["public.json"]),
    )
    assert json.loads(desk["public.json"].read_text())["snapshot"]["tableCommitment"] == "0"
    refused = call(
        *("prove", "--rules", desk["rules.yaml"], "--market", desk["public.json"], "--policy", desk["policy.json"]),
        *("--keys", desk["keys"], "--owner-key", desk["owner.key"], *desk.statements, "--own", desk["own.csv"], *AT),
        *("--out", desk["no proof"], "--json"),
    )
    assert refused.json["error"]["code"] == "E_MARKET"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--capacity", "instrument"], 2),
        (["--capacity", "instrument=many"], 2),
        (["--capacity", "=5"], 2),
        (["--capacity", "tier=5"], 2),
        (["--lines", "9"], 2),
        (["--lines", "2"], 2),
        (["--binding", "secret"], 2),
    ],
)
def test_variants_that_cannot_be_made(desk: Desk, arguments: list[str], code: int) -> None:
    out = desk["never.yaml"]
    assert call("rules", "variant", desk["public.yaml"], "--name", "x", *arguments, "--out", out).code == code
    assert not out.exists()


def test_no_file_is_replaced_unasked(desk: Desk) -> None:
    before = desk["rules.yaml"].read_bytes()
    again = ("rules", "variant", desk["public.yaml"], "--name", "y", "--out", desk["rules.yaml"])
    assert call(*again).code == 2
    assert desk["rules.yaml"].read_bytes() == before
    desk["other.yaml"].write_bytes(before)
    shown = ok(*again[:-1], desk["other.yaml"], "--force").out
    assert "public inputs  8" in shown
    assert desk["other.yaml"].read_bytes() != before
