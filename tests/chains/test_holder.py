"""A holder binds, allocates and rotates by the commands; attestors of real chains take what it signed."""

from __future__ import annotations

from pathlib import Path

import pytest
from attesting import DAY, DOMAIN, EPOCH, NOW, Attesting, lines_of
from calling import call, ok
from chain_world import HOLDER
from desk import BASE, MAINNET, mining
from eth_account import Account
from passphrase import PASSPHRASE

from zkmargin.attestations.collateral.bindings import owner_in_epoch
from zkmargin.attestations.collateral.bundle import Bundle
from zkmargin.attestations.documents import DomainFile
from zkmargin.attestations.keyfiles import OwnerKeyFile, SigningKeyFile
from zkmargin.attestations.owner import OwnerKeys
from zkmargin.encoding import hex_bytes

pytestmark = pytest.mark.chain
ACCOUNTS = {chain: f"{chain}:{hex_bytes(HOLDER.address)}" for chain in (MAINNET, BASE)}


def test_from_a_key_to_lines(world: Attesting, tmp_path: Path) -> None:
    """Both chains bound by one key file, a token's balance in two pockets; then a new owner key from the next epoch."""
    at = tmp_path.joinpath
    bindings, allocations = at("bindings"), at("allocations")
    for folder in (bindings, allocations):
        folder.mkdir()
    old = OwnerKeys.of_seed(bytes(32)).owner
    at("owner.key").write_text(OwnerKeyFile.of_seed(bytes(32), PASSPHRASE).to_text())
    at("wallet.key").write_text(SigningKeyFile.of_key(HOLDER, PASSPHRASE).to_text())
    at("domain.json").write_text(DomainFile(name="chains", epoch_length=DAY).to_text())
    at("config.json").write_bytes(world.config(accounts=tuple(
        source for source in world.config().accounts if source.layout.endswith(" token"))).to_bytes())  # fmt: skip
    at("layouts.json").write_bytes(world.registry.to_bytes())
    domain, signer = ("--domain", at("domain.json")), ("--key", at("wallet.key"))
    for number, account in enumerate(ACCOUNTS.values()):
        ok("collateral", "bind", account, "--owner-key", at("owner.key"), *domain, *signer, "--at", NOW - DAY, "--out",
           bindings / f"{number}.json")  # fmt: skip
    token = world.registry.named(f"{BASE} token").asset
    ok("collateral", "allocate", ACCOUNTS[BASE], "--asset", token, "--note", "0:0:300", "--note", "4:2:200", *domain,
       *signer, "--at", NOW - DAY, "--out", allocations / "1.json")  # fmt: skip
    rotated = ok("keys", "rotate", at("owner.key"), *domain, "--known", bindings, "--drafts", at("drafts"), "--out",
                 at("new.key"), "--at", NOW, "--json").json  # fmt: skip
    for number, draft in enumerate(rotated["drafts"], start=2):
        typed = ok("collateral", "request", draft["file"], *domain, "--json").json["typedData"]
        signature = Account.sign_typed_data(HOLDER.secret(), full_message=typed).signature
        ok("collateral", "sign", draft["file"], *domain, "--signature", hex_bytes(bytes(signature)), "--known",
           bindings, "--at", NOW, "--out", at(f"{number}.json"))  # fmt: skip
    for number in (2, 3):
        at(f"{number}.json").rename(bindings / f"{number}.json")
    with mining(world):
        made = call("attest", "collateral", at("config.json"), "--layouts", at("layouts.json"), "--bindings", bindings,
                    "--allocations", allocations, "--at", NOW, "--wait", 60, "--strict", "--out", at("bundle"),
                    "--json")  # fmt: skip
    assert made.code == 0, made.out
    assert made.json["leftOut"] == []
    bundle = Bundle.read(at("bundle"))
    assert {line.owner for line in bundle.openings.leaves} == {old}
    found = lines_of(bundle)
    assert [(found[(BASE, "token", note)].pocket, found[(BASE, "token", note)].amount) for note in (0, 4)] == [
        (0, 300),
        (2, 200),
    ]
    words = [document.binding for document in bundle.bindings]
    assert len(words) == 4
    for account in ACCOUNTS.values():
        assert owner_in_epoch(account, EPOCH, words).owner == old
        assert owner_in_epoch(account, EPOCH + 1, words).owner == int(rotated["owner"])
    assert bundle.document.domain == DOMAIN
