"""What verifiers and traders do with a registry: policies, challenges, submissions.        specs/contracts.md#client"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from zkmargin.attestations.context import ZERO32
from zkmargin.attestations.documents import HomeDomain
from zkmargin.attestations.signatures import SigningKey
from zkmargin.encoding import hex_bytes
from zkmargin.errors import DomainMismatch, MarketMismatch, PolicyMismatch, RootMismatch, StatementMismatch
from zkmargin.formats import vk_hash
from zkmargin.verifier.contracts import words
from zkmargin.verifier.contracts.client import ChainNode, Contract
from zkmargin.verifier.contracts.deployment import registry_address, verifier_address
from zkmargin.verifier.contracts.encoding import verifier_runtime
from zkmargin.verifier.contracts.errors import ContractCode
from zkmargin.verifier.contracts.words import Record, RecordDocument
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.policy import Policy
from zkmargin.verifier.registry.errors import PledgeMissing

_UNREGISTERED: Final = (StatementMismatch, MarketMismatch, RootMismatch)


@dataclass(frozen=True)
class PolicyState:
    """What a registry says of a policy."""

    known: bool
    retired: bool


class Registry:
    """A registry on a chain, of the domain that documents are signed for.

    Raises DomainMismatch where the node is of another chain, ContractCode where nothing stands at the address or what
    stands there was not created from this project's code.
    """

    def __init__(self, node: ChainNode, domain: HomeDomain) -> None:
        if domain.chain_id != node.chain_id:
            raise DomainMismatch(
                "the node is of another chain than the domain's", where=repr(node), expected=domain.chain_id,
                got=node.chain_id,
            )  # fmt: skip
        self.node, self.domain = node, domain
        self.contract = Contract(node, "MarginRegistry", domain.verifying_contract)
        if not node.code(domain.verifying_contract):
            raise ContractCode("nothing stands at the address", where=hex_bytes(domain.verifying_contract))
        self.administrator = bytes.fromhex(self.contract.call("administrator")[2:])
        self.epoch_length = int(self.contract.call("epochLength"))
        made = registry_address(self.administrator, self.epoch_length)
        if made != domain.verifying_contract:  # CREATE2: the address commits to the code
            raise ContractCode(
                "not created from this project's code", where=hex_bytes(domain.verifying_contract),
                expected=hex_bytes(made),
            )  # fmt: skip

    def require_verifier(self, verifying_key: bytes) -> bytes:
        """The address of a key's verifier. Raises ContractCode unless exactly that stands there."""
        address = verifier_address(verifying_key)
        Contract(self.node, "Groth16Verifier", address).require_code(verifier_runtime(verifying_key))
        return address

    def _verifiers(self, verifying_keys: Iterable[bytes]) -> dict[bytes, bytes]:
        return {vk_hash(key): self.require_verifier(key) for key in verifying_keys}

    def add_policy(
        self, key: SigningKey, policy: Policy, verifier: bytes, verifying_keys: Iterable[bytes]
    ) -> Mapping[str, Any]:
        """Add a policy, as the administrator. ``verifier``: the address behind its ``verifierId``.

        Raises what ``policy_words`` does, PolicyMismatch for another length of an epoch, the contract's refusal.
        """
        if policy.epoch_length != self.epoch_length:
            raise PolicyMismatch(
                "the registry has another length of an epoch", where="policy.epochLength", expected=self.epoch_length,
                got=policy.epoch_length,
            )  # fmt: skip
        return self.contract.send(
            key, "addPolicy", words.policy_words(policy, verifier, self._verifiers(verifying_keys))
        )

    def policy_state(self, policy: Policy, verifier: bytes, verifying_keys: Iterable[bytes]) -> PolicyState:
        """Whether the registry holds this policy, word for word.

        Raises PolicyMismatch where it holds something else under its id.
        """
        configuration, retired = self.contract.call("policyState", policy.policy_id)
        if configuration == ZERO32:
            return PolicyState(False, False)
        expected = self.contract.policy_hash(words.policy_words(policy, verifier, self._verifiers(verifying_keys)))
        if configuration != expected:
            raise PolicyMismatch(
                "the contract holds another policy under this id", where=hex_bytes(policy.policy_id),
                expected=hex_bytes(expected), got=hex_bytes(configuration),
                hint="do not rely on this policy: its administrator added something else than the file says",
            )  # fmt: skip
        return PolicyState(True, bool(retired))

    def request_challenge(self, key: SigningKey, policy: Policy) -> tuple[bytes, int]:
        """32 bytes for one proof of this key's account, and when they expire."""
        receipt = self.contract.send(key, "requestChallenge", policy.policy_id)
        issued = self.contract.event(receipt, "ChallengeIssued")
        return issued["challenge"], issued["expiresAt"]

    # --- submissions -------------------------------------------------------------------------------------------------

    def document_calls(self, envelope: Envelope, policy: Policy) -> list[bytes]:
        """Calls that register the signed documents of a proof. Raises StatementMismatch unless each venue has one."""
        if [signed.statement.venue_id for signed in envelope.statements] != [venue.venue_id for venue in policy.venues]:
            raise StatementMismatch(
                "exactly one position statement of each venue on the policy is needed, in ascending venue id",
                where="statements",
            )
        encode, identity = self.contract.encode, policy.policy_id
        calls = [
            encode("registerStatement", identity, index, words.statement_words(signed.statement),
                   words.signed_words(words.signers_words(venue.signers), signed.signatures))
            for index, (signed, venue) in enumerate(zip(envelope.statements, policy.venues, strict=True))
        ]  # fmt: skip
        market = envelope.market
        publishers = words.signed_words(words.signers_words(policy.publishers), market.signatures)
        calls.append(encode("registerSnapshot", identity, words.snapshot_words(market.snapshot), publishers))
        if envelope.collateral is not None:
            root = envelope.collateral
            calls.append(
                encode("registerRoot", identity, words.root_words(root.root),
                       [words.checkpoint_words(mark) for mark in root.checkpoints], words.chain_words(policy),
                       words.signed_words(words.attestor_words(policy), root.signatures))
            )  # fmt: skip
        return calls

    def submit(
        self, key: SigningKey, envelope: Envelope, policy: Policy, held: Record | None = None
    ) -> tuple[RecordDocument, Mapping[str, Any]]:
        """Submit a proof, with its documents where the registry does not have them yet, in one transaction.

        ``held``: the record that its nullifier has. Returns the new record, and the receipt. Raises PolicyMismatch for
        a proof under another policy, and what the contract refuses.
        """
        if envelope.context.policy_id != policy.policy_id:
            raise PolicyMismatch("the proof was made for another policy", where="context.policyId")
        submission = words.submission_words(envelope, held)
        try:
            self.contract.call("submit", submission, sender=key.address)
            function: tuple[Any, ...] = ("submit", submission)
        except _UNREGISTERED:
            calls = self.document_calls(envelope, policy)
            function = ("multicall", [*calls, self.contract.encode("submit", submission)])
        receipt = self.contract.send(key, *function)
        pledged = self.contract.event(receipt, "Pledged")
        record = Record.of_words(pledged["record"])
        return RecordDocument(domain=self.domain, nullifier=pledged["nullifier"], record=record), receipt

    def release(
        self, key: SigningKey, venue_key: SigningKey, document: RecordDocument
    ) -> tuple[RecordDocument, Mapping[str, Any]]:
        """End a pledge before it expires, by its venue's signature. Returns the record as it then is, and the receipt.

        Raises DomainMismatch, the contract's refusal.
        """
        self._require_own(document)
        record = document.record
        moment = max(self.node.time(), record.recorded_at + 1)
        signature = venue_key.sign(record.release(document.nullifier, moment).digest(self.domain.signing()))
        receipt = self.contract.send(key, "release", document.nullifier, record.words, moment, signature)
        ended = Record.of_words(self.contract.event(receipt, "Released")["record"])
        return document.model_copy(update={"record": ended}), receipt

    def _require_own(self, document: RecordDocument) -> None:
        if document.domain != self.domain:
            raise DomainMismatch("the record is of another registry", where="record.domain")

    def require_record(self, document: RecordDocument) -> int:
        """Raise unless the registry holds the record, by a state proof under the latest block's header; its number.

        Raises DomainMismatch, PledgeMissing, and what ``AccountProof.verify`` does.
        """
        self._require_own(document)
        slot = words.record_slot(document.nullifier)
        checkpoint, account = self.node.storage_proof(self.contract.address, [slot])
        account.verify(checkpoint.state_root)
        (value,) = account.require_slots([slot])
        if value.to_bytes(32, "big") != document.record.digest:
            raise PledgeMissing(
                "the registry holds another record for the nullifier", where="record",
                expected=hex_bytes(document.record.digest), got=hex_bytes(value.to_bytes(32, "big")),
            )  # fmt: skip
        return checkpoint.block_number
