"""The whole story as its parties type it: two chains, three attestors, two venues, a trader, a lender.

The trader's dollars lie in a wallet and in a vault, on chain 1 and on chain 8453, where the coin of the same address is
another one and worth more. Positions at both venues offset each other; what they owe is covered by both chains' vaults
together and by neither chain alone.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from attesting import ATTESTOR_KEYS, DAY, PLEDGE_DOMAIN, Attesting
from calling import Called, call, ok
from chain_world import DEPLOYER, GENESIS, HOLDER, SECOND, furnish, running
from passphrase import PASSPHRASE

from zkmargin.attestations.collateral.bundle import Bundle
from zkmargin.attestations.collateral.config import AccountSource
from zkmargin.attestations.collateral.receipts import CollateralReceipt
from zkmargin.attestations.context import compute_context_input, compute_statements_hash
from zkmargin.attestations.documents import DomainFile
from zkmargin.attestations.eip712 import encode_address, encode_uint
from zkmargin.attestations.keyfiles import OwnerKeyFile, SigningKeyFile
from zkmargin.attestations.owner import OwnerKeys
from zkmargin.attestations.schema import Document
from zkmargin.attestations.signatures import SigningKey
from zkmargin.circuits.rules import RuleSet, load_rules
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.policy import Policy

RULES = "cross_chain"
MAINNET, BASE = "eip155:1", "eip155:8453"
PRICES = {MAINNET: Decimal("0.9998"), BASE: Decimal("1.08")}
KEEP, BOUND = (
    (Decimal("0.99"), Decimal("0.9"), Decimal("0.5")),
    (1_000, 10_000, 10**9),
)  # what counts of the first, second, third tier; USD
WALLET, LOCKED = 2_000_000_000, 3_000_000_000  # the coin has six decimals: 2,000 free, 3,000 in the vault
OTHERS = 700_000_000  # another holder's wallet
TRADER, THIEF = OwnerKeys.of_seed(b"\x51" * 32), OwnerKeys.of_seed(b"\x52" * 32)
SIGNERS = {"alpha": SigningKey(b"\x53" * 32), "beta": SigningKey(b"\x54" * 32), "publisher": SigningKey(b"\x55" * 32),
           "lender": SigningKey(b"\x56" * 32)}  # fmt: skip
ACCOUNTS = {
    "alpha": "instrument,size\nNEAR,3\nFAR,0\ncash,-9000\n",
    "beta": "instrument,size\nNEAR,-2\nFAR,1\ncash,490\n",
}
SCAN = 300  # USD that the worst scenario takes from both venues' positions together
EQUITY = -5_000  # before collateral: 3,000 - 2,000 + 2,510 of positions, less 8,510 of cash
NOW = GENESIS + 600  # well behind the blocks, of which slow machines mine more
ISSUED, JUDGED = NOW + 30, NOW + 35


@contextmanager
def two_chains(contracts: Mapping[str, Any]) -> Iterator[Attesting]:
    """Both get the same transactions at the same times, none of which names a chain: so they make the same blocks."""
    with running(1) as mainnet, running(8453) as base:
        chains = (mainnet, base)
        deployed = {furnish(chain, contracts, PLEDGE_DOMAIN, TRADER.owner) for chain in chains}
        assert len(deployed) == 1
        world = Attesting({chain.name: chain for chain in chains}, deployed.pop())
        for chain in chains:
            token, vault, word = world.deployed.token, world.deployed.vault, encode_uint
            held = encode_address(HOLDER.address) + word(WALLET + LOCKED - 900)  # `furnish` left 500 free, 400 in it
            chain.call(DEPLOYER, token, "mint(address,uint256)", held)
            chain.call(DEPLOYER, token, "mint(address,uint256)", encode_address(SECOND.address), word(OTHERS))
            chain.call(HOLDER, token, "approve(address,uint256)", encode_address(vault), word(LOCKED))
            chain.call(HOLDER, vault, "deposit(uint256)", word(LOCKED - 400))
        yield world


@contextmanager
def mining(world: Attesting) -> Iterator[None]:
    """The chains go on while somebody waits for finality."""
    stop = threading.Event()

    def go_on() -> None:
        while not stop.wait(0.4):
            for chain in world.chains.values():
                chain.mine()

    miner = threading.Thread(target=go_on)
    miner.start()
    try:
        yield
    finally:
        stop.set()
        miner.join()


class Desk:
    """A folder with the files of all parties, and the commands on them."""

    def __init__(self, folder: Path, world: Attesting) -> None:
        self.folder, self.world = folder, world
        for name, key in (*SIGNERS.items(), *((f"attestor{n}", key) for n, key in enumerate(ATTESTOR_KEYS))):
            self.write(f"{name}.key", SigningKeyFile.of_key(key, PASSPHRASE))
        self.write("owner.key", OwnerKeyFile.of_seed(b"\x51" * 32, PASSPHRASE))
        self.write("thief.key", OwnerKeyFile.of_seed(b"\x52" * 32, PASSPHRASE))
        self.write("domain.json", DomainFile(name="chains", epoch_length=DAY))
        self.write("config.json", self.config())
        self.write("layouts.json", world.registry)
        (folder / "bindings").mkdir()
        for name, key, owner in (("wallet", HOLDER, "owner.key"), ("thief.wallet", SECOND, "thief.key")):
            self.write(f"{name}.key", SigningKeyFile.of_key(key, PASSPHRASE))
            for number, chain in enumerate(world.chains):
                ok("collateral", "bind", f"{chain}:0x{key.address.hex()}", "--owner-key", self[owner], "--domain",
                   self["domain.json"], "--key", self[f"{name}.key"], "--at", NOW, "--out",
                   self[f"bindings/{name}.{number}.json"])  # fmt: skip
        for name, text in (*self._tables().items(), *((f"{v}.csv", text) for v, text in ACCOUNTS.items())):
            self[name].write_text(text)
        ok("setup", "dev", RULES, "--out", self["keys"])
        self.market("market.json", *self._tables())
        self.policy("policy.json")
        self.policy("open.json", "--not-exclusive")
        self.order = [venue.name for venue in Policy.read(self["policy.json"]).venues]
        for venue in ACCOUNTS:
            self.attest(venue)
        self.publish("first")

    def __getitem__(self, name: str) -> Path:
        return self.folder / name

    def write(self, name: str, document: Document) -> Path:
        self[name].write_bytes(document.to_bytes())
        return self[name]

    @property
    def given(self) -> list[object]:
        return self.on("market.json")

    def on(self, market: str) -> list[object]:
        return ["--rules", RULES, "--market", self[market]]

    @cached_property
    def rules(self) -> RuleSet:
        return load_rules(RULES)

    def config(self, **changes: Any) -> Any:
        """The wallets and vaults of the two coins, on both chains; another's wallet on each."""
        wanted = [(f"{name} {kind}", name, HOLDER) for name in self.world.chains for kind in ("token", "vault")]
        wanted += [(f"{name} token", name, SECOND) for name in self.world.chains]
        accounts = sorted((layout, f"{chain}:0x{key.address.hex()}") for layout, chain, key in wanted)
        sources = tuple(AccountSource(layout=layout, account=account) for layout, account in accounts)
        return self.world.config(accounts=sources, **changes)

    def asset(self, chain: str) -> str:
        return f"{chain}/erc20:0x{self.world.deployed.token.hex()}"

    def _tables(self) -> dict[str, str]:
        moves = [f"down {n}" for n in range(17)] + ["same"] + [f"up {n}" for n in range(17)]
        rows = [f"{name},{move},{self._pnl(name, at)}" for name in ("NEAR", "FAR") for at, move in enumerate(moves)]
        tiers, extra = [], Decimal(0)
        for tier, (keep, bound) in enumerate(zip(KEEP, BOUND, strict=True)):
            extra += BOUND[tier - 1] * (KEEP[tier - 1] - keep) if tier else 0
            tiers.append(f"USD,{tier + 1},{keep},{bound},{extra:f}")
        assets = [f"{self.asset(chain)},{price.scaleb(-6):f},USD" for chain, price in PRICES.items()]
        return {
            "marks.csv": "instrument,mark\nNEAR,1000\nFAR,2510\n",
            "pnl.csv": "\n".join(["instrument,scenario,pnl", *rows, ""]),
            "tiers.csv": "\n".join(["risk,tier,keep,bound,extra", *tiers, ""]),
            "assets.csv": "\n".join(["asset,unit_value,risk", *assets, ""]),
        }

    def market(self, out: str, *tables: str) -> None:
        """The publisher's snapshot of these tables."""
        ok(
            *("market", "build", *(self[name] for name in tables), "--rules", RULES, "--domain", self["domain.json"]),
            *("--key", self["publisher.key"], "--price-time", NOW, "--at", NOW + 1, "--out", self[out]),
        )

    @staticmethod
    def _pnl(name: str, at: int) -> str:
        """A down move takes up to 100 of NEAR and 200 of FAR, an up move gives as much."""
        return str(Fraction(at - 17, 17) * {"NEAR": 100, "FAR": 200}[name] // 1)

    def policy(self, out: str, *more: object, **changes: Any) -> Called:
        """The lender's: both venues, the attestors (two of three), both chains finalized within half an hour."""
        fields: dict[str, Any] = {
            "attestors": range(len(ATTESTOR_KEYS)),
            "nonce": 1,
            "chains": (MAINNET, BASE),
        } | changes
        return ok(
            *("policy", "new", "--name", out, "--domain", self["domain.json"], "--verifier", self["lender.key"]),
            *("--publisher", self["publisher.key"], "--keys", self["keys"], "--insecure", "--price-age", 7200),
            *("--proof-age", 7200, "--statement-age", 7200, *more),
            *(word for v in ACCOUNTS for word in ("--venue", f"{v}={self[v + '.key']}")),
            *(word for n in fields["attestors"] for word in ("--attestor", self[f"attestor{n}.key"])),
            *("--attestor-threshold", 2, "--attestor-nonce", fields["nonce"]),
            *(word for chain in fields["chains"] for word in ("--chain", f"{chain}=1800,finalized")),
            *("--out", self[out]),
        )  # fmt: skip

    def attest(self, venue: str, name: str = "", **changes: Any) -> None:
        """A venue signs what it knows of a customer; the files are called ``name``."""
        name = name or venue
        fields: dict[str, Any] = {"owner": TRADER.owner, "account": self[f"{venue}.csv"], "seq": 1} | changes
        ok(
            *("attest", "positions", *self.given, "--account", fields["account"], "--policy", self["policy.json"]),
            *("--owner", fields["owner"], "--seq", fields["seq"], "--key", self[f"{venue}.key"], "--at", NOW + 2),
            *("--out", self[f"{name}.statement"], "--opening", self[f"{name}.opening"]),
        )

    def publish(
        self, name: str, previous: str = "", allocations: str = "", at: int = NOW, records: str = "record"
    ) -> None:
        """A root: one attestor collects; each checks its copy on its own nodes and signs it; they publish."""
        common: list[object] = [self["config.json"], "--layouts", self["layouts.json"], "--at", at]
        common += ["--previous", self[previous]] if previous else []
        more = ["--allocations", self[allocations]] if allocations else []
        with mining(self.world):
            ok("attest", "collateral", *common, *more, "--bindings", self["bindings"], "--wait", 60, "--strict",
               "--out", self[name])  # fmt: skip
        copies: list[object] = []
        for number in range(len(ATTESTOR_KEYS)):
            own = self[f"{name}.{number}"]
            shutil.copytree(self[name], own)
            ok("attest", "sign", common[0], own, *common[1:], "--key", self[f"attestor{number}.key"], "--record",
               self[f"{records}{number}.json"])  # fmt: skip
            copies += ["--signed", own / "root.json"]
        ok("attest", "publish", common[0], self[name], *common[1:], *copies, "--out", self[f"{name}.out"])

    def audit(self, name: str, *more: object, at: int = JUDGED) -> Called:
        """An auditor's view of a bundle, with registry and nodes of its own."""
        nodes = [word for chain in self.world.chains.values() for word in ("--node", f"{chain.name}={chain.url}")]
        return call(
            *("audit", self[name], "--policy", self["policy.json"], "--layouts", self["layouts.json"], *nodes),
            *("--market", self["market.json"], "--rules", RULES, "--at", at, "--json", *more),
        )

    def bundle(self, name: str = "first") -> Bundle:
        return Bundle.read(self[name])

    def receipt(self, owner: int = TRADER.owner, name: str = "first") -> Path:
        return self[f"{name}.out"] / "receipts" / f"{owner}.receipt.json"

    def select(self, wanted: Callable[[Any], bool], out: str, receipt: Path | None = None) -> Path:
        """Those lines of a receipt whose openings are wanted."""
        source = receipt or self.receipt()
        lines = [line.opening for line in CollateralReceipt.read(source).lines if wanted(line.opening)]
        ok("collateral", "select", source, *(word for line in lines for word in ("--line", line.cid)), "--out",
           self[out], "--force")  # fmt: skip
        return self[out]

    def prove(self, out: str, *more: object, policy: str = "policy.json", **changes: Any) -> Called:
        fields: dict[str, Any] = {
            "venues": ("alpha", "beta"), "owner_key": "owner.key", "at": ISSUED, "market": "market.json",
        } | changes  # fmt: skip
        return call(
            *("prove", *self.on(fields["market"]), "--policy", self[policy], "--keys", self["keys"], "--owner-key"),
            *(self[fields["owner_key"]], "--at", fields["at"], "--out", self[out], "--force", "--json", *more),
            *(word for v in fields["venues"] for word in ("--positions", self[f"{v}.statement"])),
            *(word for v in fields["venues"] for word in ("--opening", self[f"{v}.opening"])),
        )

    def verify(self, proof: Path, *more: object, policy: str = "policy.json", at: int = JUDGED) -> Called:
        return call(
            *("verify", proof, *self.given, "--policy", self[policy], "--key"),
            *(self["keys"] / "verification_key.json", "--at", at, "--json", *more),
        )

    def rebound(
        self, envelope: Envelope, publics: Mapping[str, Any] = MappingProxyType({}), **context: Any
    ) -> Envelope:
        """Other fields of the context and other public inputs, and all digests made to fit, as a forger would."""
        signing = envelope.domain.signing()
        statements = compute_statements_hash([signed.statement for signed in envelope.statements], signing)
        changed = envelope.context.model_copy(update={"statements_hash": statements, **context})
        stated = envelope.public_inputs.model_copy(
            update={"context": compute_context_input(changed, signing), **publics}
        )
        return envelope.model_copy(update={"context": changed, "public_inputs": stated})

    def under(self, envelope: Envelope, policy: str) -> Envelope:
        """The envelope as if made for another policy."""
        return self.rebound(envelope, policy_id=Policy.read(self[policy]).policy_id)

    def code(self, envelope: Envelope, *more: object, **changes: Any) -> str:
        """The code with which the lender's command refuses an envelope."""
        return refusal(self.verify(self.write("attempt.json", envelope), *more, **changes))


def refusal(called: Called) -> str:
    """The code of a command that failed."""
    assert called.code in (1, 2), called.out
    return str(called.json["error"]["code"])


def worth(amounts: Mapping[str, int]) -> Fraction:
    """What the amounts of one risk group count, in plain words: tier by tier of their total, which is rounded down."""
    left = Fraction(sum(Fraction(PRICES[chain]) * amount / 10**6 for chain, amount in amounts.items()) * 100 // 1, 100)
    found, below = Fraction(0), 0
    for keep, bound in zip(KEEP, BOUND, strict=True):
        part = min(max(left - below, Fraction(0)), Fraction(bound - below))
        found, below = found + part * Fraction(keep), bound
    return found


def vaults(opening: Any) -> bool:
    return bool(opening.custody.startswith("vault:"))


def of_chain(chain: str) -> Callable[[Any], bool]:
    return lambda opening: bool(opening.chain == chain)
