"""Zero-knowledge proofs that a private derivatives portfolio meets its margin requirement.

The names below are the library's front door; each is loaded when first used.                         README.md
"""

from __future__ import annotations

import importlib
import typing

if typing.TYPE_CHECKING:
    from zkmargin.attestations.keyfiles import OwnerKeyFile, SigningKeyFile
    from zkmargin.attestations.market import MarketSnapshotDocument
    from zkmargin.attestations.positions import PositionOpening, PositionStatementDocument
    from zkmargin.attestations.price_evidence import PriceEvidence
    from zkmargin.circuits.compile import CompiledCircuit, compile_rules
    from zkmargin.circuits.rules import RuleSet, evaluate, list_rules, load_rules
    from zkmargin.errors import InputError, MarginShort, VerificationError, ZkMarginError
    from zkmargin.margin.account import Account
    from zkmargin.prover.prove import Prover, Request
    from zkmargin.prover.setup import read_verifying_key, setup_dev
    from zkmargin.verifier.envelope import Envelope
    from zkmargin.verifier.policy import Policy
    from zkmargin.verifier.verdict import Verdict
    from zkmargin.verifier.verify import verify

_HOMES = {
    "Account": "margin.account",
    "CompiledCircuit": "circuits.compile",
    "Envelope": "verifier.envelope",
    "InputError": "errors",
    "MarginShort": "errors",
    "MarketSnapshotDocument": "attestations.market",
    "OwnerKeyFile": "attestations.keyfiles",
    "Policy": "verifier.policy",
    "PositionOpening": "attestations.positions",
    "PositionStatementDocument": "attestations.positions",
    "PriceEvidence": "attestations.price_evidence",
    "Prover": "prover.prove",
    "Request": "prover.prove",
    "RuleSet": "circuits.rules",
    "SigningKeyFile": "attestations.keyfiles",
    "Verdict": "verifier.verdict",
    "VerificationError": "errors",
    "ZkMarginError": "errors",
    "compile_rules": "circuits.compile",
    "evaluate": "circuits.rules",
    "list_rules": "circuits.rules",
    "load_rules": "circuits.rules",
    "read_verifying_key": "prover.setup",
    "setup_dev": "prover.setup",
    "verify": "verifier.verify",
}

__all__ = [
    "Account",
    "CompiledCircuit",
    "Envelope",
    "InputError",
    "MarginShort",
    "MarketSnapshotDocument",
    "OwnerKeyFile",
    "Policy",
    "PositionOpening",
    "PositionStatementDocument",
    "PriceEvidence",
    "Prover",
    "Request",
    "RuleSet",
    "SigningKeyFile",
    "Verdict",
    "VerificationError",
    "ZkMarginError",
    "compile_rules",
    "evaluate",
    "list_rules",
    "load_rules",
    "read_verifying_key",
    "setup_dev",
    "verify",
]


def __getattr__(name: str) -> typing.Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'zkmargin' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"zkmargin.{_HOMES[name]}"), name)
    globals()[name] = value  # the next use does not come here
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
