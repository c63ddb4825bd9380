"""An attestor's and an auditor's commands on bundles of two chains, honest ones and others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from attesting import ATTESTOR_KEYS, ATTESTORS, DAY, DOMAIN, NOW, Attesting
from calling import Called, call
from desk import BASE, Desk, refusal
from passphrase import PASSPHRASE

from zkmargin.attestations.chains.layouts import LayoutRegistry
from zkmargin.attestations.collateral.bundle import Bundle
from zkmargin.attestations.collateral.config import AttestorConfig
from zkmargin.attestations.collateral.documents import CollateralRoot
from zkmargin.attestations.documents import Signature, Signers
from zkmargin.attestations.keyfiles import SigningKeyFile
from zkmargin.verifier.policy import (
    AcceptedRuleSet,
    ChainPolicy,
    CollateralPolicy,
    LeastClaim,
    MaximumAge,
    Policy,
    VenuePolicy,
)

ANY = b"\x01" * 32
DIGESTS = ("rule_digest", "r1cs_digest", "vk_hash", "transcript_digest")


def policy_of(world: Attesting) -> Policy:
    """What an auditor asks of attestors and chains; of proofs it asks nothing here."""
    rules = {source.chain: source.rule for source in world.config().chains}
    chains = tuple(
        ChainPolicy(chain=name, maximum_age=rule.maximum_age, finality=rule.finality, observed=rule.observed)
        for name, rule in rules.items()
    )
    party = Signers.of(ATTESTOR_KEYS[0].address)
    return Policy(
        name="audits",
        domain=DOMAIN,
        verifier_id=ANY,
        target=bytes(32),
        publishers=party,
        venues=(VenuePolicy(venue_id=ANY, name="venue", signers=party),),
        rule_sets=(AcceptedRuleSet(name="any", insecure=True, **dict.fromkeys(DIGESTS, ANY)),),
        maximum_age=MaximumAge(price=60, statement=60, proof=60),
        clock_skew=60,
        epoch_length=DAY,
        epoch_lead=3600,
        claim=LeastClaim(kind="maintenance", num=1, den=1),
        challenge_required=False,
        collateral=CollateralPolicy(attestors=ATTESTORS, chains=chains, exclusive=True),
    )


@dataclass
class Bench:
    """An attestor's commands on bundles of the two chains, honest and not."""

    world: Attesting
    folder: Path
    desk: Callable[[], Desk]

    def attest(self, command: str, *arguments: object, at: int = NOW, **given: Any) -> Called:
        """``attest`` with this attestor's own nodes and registry."""
        config: AttestorConfig = given.get("config") or self.world.config()
        registry: LayoutRegistry = given.get("registry") or self.world.registry
        files = {"config.json": config, "layouts.json": registry}
        for name, document in files.items():
            (self.folder / name).write_bytes(document.to_bytes())
        return call("attest", command, self.folder / "config.json", *arguments, "--layouts",
                    self.folder / "layouts.json", "--at", at, "--json")  # fmt: skip

    def collect(self, **given: Any) -> str:
        """The code with which collecting stops; nothing is written then."""
        (self.folder / "bindings").mkdir()
        for number, document in enumerate(self.world.bindings):
            (self.folder / "bindings" / f"{number}.json").write_bytes(document.to_bytes())
        out = self.folder / "collected"
        code = refusal(self.attest("collateral", "--bindings", self.folder / "bindings", "--out", out, **given))
        assert not list(out.iterdir())
        return code

    def sign(self, bundle: Bundle, previous: Bundle | None = None, **given: Any) -> str:
        """The code with which an attestor refuses to sign a bundle; neither it nor the record has changed then."""
        bundle.write(self.folder / "bundle")
        before: list[object] = []
        if previous is not None:
            previous.write(self.folder / "previous")
            before = ["--previous", self.folder / "previous"]
        return self.sign_folder(*before, **given)

    def sign_folder(self, *more: object, **given: Any) -> str:
        """The same of the bundle in the folder; whoever audits it finds what the signer met."""
        bundle, record, key = (self.folder / name for name in ("bundle", "record.json", "attestor.key"))
        key.write_bytes(SigningKeyFile.of_key(ATTESTOR_KEYS[0], PASSPHRASE).to_bytes())
        unsigned = (bundle / "root.json").read_bytes()
        code = refusal(self.attest("sign", bundle, *more, "--key", key, "--record", record, **given))
        assert not record.exists()
        assert (bundle / "root.json").read_bytes() == unsigned
        assert code in self.audit(*more, **given)
        return code

    def audit(self, *more: object, at: int = NOW) -> set[str]:
        """The codes of an audit of the bundle in the folder, with nodes and a registry of the auditor's own."""
        policy = self.folder / "policy.json"
        policy.write_bytes(policy_of(self.world).to_bytes())
        nodes = [word for chain in self.world.chains.values() for word in ("--node", f"{chain.name}={chain.url}")]
        audited = call("audit", self.folder / "bundle", "--policy", policy, "--layouts", self.folder / "layouts.json",
                       *nodes, *more, "--at", at, "--json")  # fmt: skip
        assert audited.code == 1, audited.out
        return {entry["code"] for entry in audited.json["report"]["findings"]}

    def publish(self, signed: Callable[[CollateralRoot], tuple[Signature, ...]]) -> str:
        """The code with which a root with these signatures is not published."""
        bundle = self.world.collect().bundle
        document = bundle.document.model_copy(update={"signatures": signed(bundle.document.root)})
        replace(bundle, document=document).write(self.folder / "bundle")
        code = refusal(self.attest("publish", self.folder / "bundle", "--out", self.folder / "out"))
        assert not (self.folder / "out").exists()
        assert code in self.audit()
        return code

    def vault(self) -> Bundle:
        """A bundle of one line: the vault on Base."""
        config = self.world.config()
        accounts = tuple(entry for entry in config.accounts if entry.layout == f"{BASE} vault")
        chains = tuple(source for source in config.chains if source.chain == BASE)
        alone = config.model_copy(update={"accounts": accounts, "chains": chains})
        return self.world.collect(config=alone, readers={BASE: self.world.readers()[BASE]}).bundle
