"""docs/deploy-to-your-chain.md, executed as written on a local chain, and the integrators' examples on what it made.

The proof is one of a real rule set of binding `committed`, judged off chain as well.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from calling import call, ok
from chain_world import COIN, DEPLOYER, PEERS, Chain, require_peers, running
from passphrase import PASSPHRASE

from zkmargin.attestations.eip712 import encode_address, encode_uint
from zkmargin.attestations.keyfiles import SigningKeyFile
from zkmargin.attestations.signatures import SigningKey
from zkmargin.encoding import hex_bytes, keccak256
from zkmargin.errors import ZkMarginError
from zkmargin.verifier.contracts.artifacts import FOLDER
from zkmargin.verifier.contracts.client import ChainNode, Contract
from zkmargin.verifier.contracts.words import RecordDocument

pytestmark = [pytest.mark.chain, pytest.mark.node, pytest.mark.prove]
ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "deploy-to-your-chain.md"
EXAMPLES = ROOT / "docs" / "examples"
BRACKETS = ROOT / "demo" / "binance_usdm_brackets_20260326.csv"
PRICES = "symbol,price\nBTCUSDT,66344.1\nETHUSDT,2000.5\n"
ACCOUNT = "column,instrument,value\nsize,BTCUSDT,0.5\nsize,ETHUSDT,-3\ncash,,5000\n"


@dataclass
class Page:
    """The page's folder after its last command, and its chain."""

    folder: Path
    chain: Chain
    outputs: list[str]

    def __getitem__(self, name: str) -> Path:
        return self.folder / name

    def key(self, name: str) -> SigningKey:
        return SigningKeyFile.read(self[f"{name}.key"]).unlock(PASSPHRASE)

    @property
    def record(self) -> RecordDocument:
        return RecordDocument.read(self["record.json"])


def _commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    require_peers()
    folder = tmp_path_factory.mktemp("page")
    shutil.copy(BRACKETS, folder / "brackets.csv")
    (folder / "prices.csv").write_text(PRICES)
    (folder / "account.csv").write_text(ACCOUNT)
    with running(31337, int(time.time())) as chain:
        chain.rpc.call("evm_setAutomine", True)
        beside = str(Path(sys.executable).parent)
        environment = {**os.environ, "NODE": chain.url, "PATH": f"{beside}:{os.environ['PATH']}"}
        outputs, made, paid = [], Page(folder, chain, []), False
        for line in _commands():
            if "$NODE" in line and not paid:
                paid = True
                for name in ("admin", "trader"):
                    chain.rpc.call("anvil_setBalance", hex_bytes(made.key(name).address), hex(10 * COIN))
            done = subprocess.run(
                ["bash", "-ec", line], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            outputs.append(done.stdout)
        made.outputs = outputs
        chain.rpc.call("evm_increaseTime", 60)  # a block from after the proof, whatever the clocks
        chain.rpc.call("evm_mine")
        yield made


def _envelope(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page["account.margin-proof.json"].read_text())
    return found


def test_the_page_ends_in_a_pledge(page: Page) -> None:
    record, envelope = page.record, _envelope(page)
    assert record.nullifier == int(envelope["publicInputs"]["nullifier"])
    assert record.record.account == page.key("trader").address
    assert record.record.context == int(envelope["publicInputs"]["context"])
    assert "provenInBlock" in page.outputs[-1]
    assert any("as given" in output for output in page.outputs)


def test_the_same_proof_off_chain(page: Page) -> None:
    envelope = _envelope(page)
    told = ok(
        *("verify", page["account.margin-proof.json"], "--policy", page["policy.json"], "--rules", page["rules.yaml"]),
        *("--market", page["market.json"], "--key", page["keys"] / "verification_key.json"),
        *("--challenge", envelope["context"]["challenge"], "--at", envelope["context"]["issuedAt"], "--json"),
    ).json
    assert told["holds"] is True


def _submit(page: Page, *more: object) -> Any:
    return call(
        *(
            "contracts",
            "submit",
            page["account.margin-proof.json"],
            "--policy",
            page["policy.json"],
            "--node",
            page.chain.url,
        ),
        *("--key", page["trader.key"], "--out", page["again.json"], "--json", *more),
    ).json["error"]


def test_what_a_second_submission_is_told(page: Page) -> None:
    assert _submit(page)["code"] == "E_CHALLENGE"  # it was used
    assert _submit(page, "--held", page["record.json"])["code"] == "E_CHALLENGE"


def test_commands_refuse_what_is_not_as_given(page: Page) -> None:
    at = ("--node", page.chain.url)
    status = ("contracts", "status", *at, "--domain", page["domain.json"])
    keys = ("--verifier", page["lender.key"], "--verifying-key", page["keys"] / "verification_key.json")
    told = ok(*status, "--policy", page["policy.json"], *keys, "--json").json
    assert (told["policy"], told["administrator"]) == ("as given", hex_bytes(page.key("admin").address))
    add = ("contracts", "add-policy", "--policy", page["policy.json"], *at, *keys, "--json")
    assert call(*add, "--key", page["admin.key"]).json["error"]["code"] == "E_CONTRACT"
    assert call(*add, "--key", page["trader.key"]).json["error"]["code"] == "E_CONTRACT"
    policy = json.loads(page["policy.json"].read_text())
    for change, code in ({"target": "0x" + "00" * 32}, "E_TARGET"), ({"epochLength": "3600"}, "E_POLICY"):
        page["other.json"].write_text(json.dumps({**policy, **change}))
        other = ("contracts", "add-policy", "--policy", page["other.json"], *at, *keys, "--key", page["admin.key"])
        assert call(*other, "--json").json["error"]["code"] == code
    wrong = ("--verifier", page["trader.key"], *keys[2:])
    assert call(*status, "--policy", page["policy.json"], *wrong, "--json").json["error"]["code"] == "E_VENUE"
    record = json.loads(page["record.json"].read_text())
    record["record"]["expiresAt"] = str(int(record["record"]["expiresAt"]) + 1)
    page["forged.json"].write_text(json.dumps(record))
    assert call(*status, "--record", page["forged.json"], "--json").json["error"]["code"] == "E_PLEDGE_MISSING"
    domain = json.loads(page["domain.json"].read_text())
    for change, code in (
        ({"chainId": "1"}, "E_DOMAIN"),
        ({"verifyingContract": "0x" + "11" * 20}, "E_CONTRACT_CODE"),
    ):
        page["other.json"].write_text(json.dumps({**domain, **change}))
        elsewhere = ("contracts", "status", *at, "--domain", page["other.json"], "--json")
        assert call(*elsewhere).json["error"]["code"] == code


def test_exported_sources_are_those_of_the_code(page: Page) -> None:
    exported = page["solidity"]
    for source in FOLDER.glob("*.sol"):
        assert (exported / source.name).read_text() == source.read_text()
    runtime = bytes.fromhex((exported / "verifier-runtime.hex").read_text().strip()[2:])
    told = ok("contracts", "export", page["keys"] / "verification_key.json", "--out", page["again"], "--json").json
    node = ChainNode(page.chain.url)
    assert node.code(bytes.fromhex(told["address"][2:])) == runtime


def test_release_by_the_venue_alone(page: Page) -> None:
    release = ("contracts", "release", page["record.json"], "--node", page.chain.url, "--key", page["trader.key"])
    told = call(*release, "--venue-key", page["trader.key"], "--out", page["released.json"], "--json").json["error"]
    assert told["code"] == "E_SIG_NOT_ATTESTOR"
    with page.chain.undone():
        ok(*release, "--venue-key", page["lender.key"], "--out", page["released.json"])
        assert RecordDocument.read(page["released.json"]).record.released_at > page.record.record.recorded_at
        status = ("contracts", "status", "--node", page.chain.url, "--domain", page["domain.json"], "--json")
        assert ok(*status, "--record", page["released.json"]).json["released"] != "no"
        assert call(*status, "--record", page["record.json"]).json["error"]["code"] == "E_PLEDGE_MISSING"


# --- integrators ----------------------------------------------------------------------------------------------------


def _ask_from_javascript(page: Page, account: bytes, age: int = 3600) -> tuple[int, str]:
    done = subprocess.run(
        ["node", EXAMPLES / "covered.mjs", page.chain.url, page["solidity"] / "artifacts.json", page["record.json"],
         hex_bytes(account), str(age)], capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout.strip()


def test_the_javascript_example(page: Page) -> None:
    trader = page.key("trader").address
    assert _ask_from_javascript(page, trader) == (0, "covered")
    assert _ask_from_javascript(page, DEPLOYER.address) == (1, "not covered: account")
    assert _ask_from_javascript(page, trader, 0) == (1, "not covered: old")


@pytest.fixture(scope="module")
def credit_line() -> dict[str, Any]:
    """What solc makes of the example."""
    names = {"docs/examples/CreditLine.sol": EXAMPLES, "verifier/contracts/IMarginRegistry.sol": FOLDER}
    asked = {
        "language": "Solidity",
        "sources": {name: {"content": (at / Path(name).name).read_text()} for name, at in names.items()},
        "settings": {
            "evmVersion": "paris",
            "optimizer": {"enabled": True},
            "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object"]}},
        },
    }
    done = subprocess.run(
        ["node", "solc-standard.cjs", "--standard-json"], input=json.dumps(asked), cwd=PEERS, capture_output=True,
        text=True, timeout=120,
    )  # fmt: skip
    output = json.loads(done.stdout)
    assert output.get("errors", []) == []
    found: dict[str, Any] = output["contracts"]["docs/examples/CreditLine.sol"]["CreditLine"]
    return found


def test_the_solidity_example(page: Page, credit_line: dict[str, Any]) -> None:
    chain, record = page.chain, page.record
    domain = json.loads(page["domain.json"].read_text())
    registry = bytes.fromhex(domain["verifyingContract"][2:])
    creation = bytes.fromhex(credit_line["evm"]["bytecode"]["object"])
    arguments = encode_address(registry) + record.record.policy_id + encode_uint(100)
    node = ChainNode(chain.url)
    line, _ = node.create(page.key("admin"), creation + arguments, "CreditLine")
    codec = node._web3.eth.contract(abi=credit_line["abi"])
    plain = Contract(node, "MarginRegistry", registry)._plain(record.record.words)

    def draw(amount: int, sender: SigningKey) -> None:
        data = bytes.fromhex(codec.encode_abi("draw", args=[amount, record.nullifier, plain])[2:])
        node.send(sender, line, data, what="CreditLine")

    draw(60, page.key("trader"))
    drawn = node.call(line, keccak256(b"drawn(address)")[:4] + encode_address(page.key("trader").address))
    assert int.from_bytes(drawn, "big") == 60
    with pytest.raises(ZkMarginError, match=r"E_RECEIPT.*NotCovered"):
        draw(1, page.key("admin"))
    with pytest.raises(ZkMarginError, match="E_CONTRACT"):
        draw(41, page.key("trader"))
