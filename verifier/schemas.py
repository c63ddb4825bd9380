"""JSON Schemas of every document.    Regenerate: ``python -m zkmargin.verifier.schemas specs/schemas``"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from zkmargin.attestations.book import BookDocument
from zkmargin.attestations.chains.documents import Eip1186Evidence, ObservedEvidence, UtxoEvidence
from zkmargin.attestations.chains.layouts import LayoutRegistry
from zkmargin.attestations.collateral.config import AttestorConfig
from zkmargin.attestations.collateral.documents import (
    AllocationDocument,
    CollateralRootDocument,
    LeafOpeningsDocument,
    OwnerBindingDocument,
    RevokeRootDocument,
)
from zkmargin.attestations.collateral.equivocation import EquivocationDocument
from zkmargin.attestations.collateral.receipts import CollateralReceipt
from zkmargin.attestations.documents import DomainFile, RegistryDomainFile
from zkmargin.attestations.keyfiles import OwnerKeyFile, SigningKeyFile
from zkmargin.attestations.market import MarketSnapshotDocument
from zkmargin.attestations.positions import PositionOpening, PositionStatementDocument
from zkmargin.attestations.price_evidence import PriceEvidence
from zkmargin.attestations.price_rules import PriceRulesFile
from zkmargin.attestations.schema import Document, json_schema
from zkmargin.encoding import write_atomic
from zkmargin.verifier.audit.report import AuditReport
from zkmargin.verifier.clearing import ClearingBook
from zkmargin.verifier.contracts.words import RecordDocument
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.keys import KeyDescription
from zkmargin.verifier.policy import Policy
from zkmargin.verifier.registry.documents import (
    LogConsistency,
    LogEvidence,
    LogHeadDocument,
    LogPage,
    LogProof,
    PledgeReceiptDocument,
    RegistrationDocument,
    RegistryTerms,
    ReleaseDocument,
)
from zkmargin.verifier.service.settings import ServiceSettings

DOCUMENTS: tuple[type[Document], ...] = (
    AllocationDocument,
    AttestorConfig,
    AuditReport,
    BookDocument,
    ClearingBook,
    CollateralReceipt,
    CollateralRootDocument,
    DomainFile,
    RegistryDomainFile,
    RecordDocument,
    Eip1186Evidence,
    Envelope,
    EquivocationDocument,
    KeyDescription,
    LayoutRegistry,
    LeafOpeningsDocument,
    LogConsistency,
    LogEvidence,
    LogHeadDocument,
    LogPage,
    LogProof,
    MarketSnapshotDocument,
    ObservedEvidence,
    OwnerBindingDocument,
    OwnerKeyFile,
    PledgeReceiptDocument,
    Policy,
    PositionOpening,
    PositionStatementDocument,
    PriceEvidence,
    PriceRulesFile,
    RegistrationDocument,
    RegistryTerms,
    ReleaseDocument,
    RevokeRootDocument,
    ServiceSettings,
    SigningKeyFile,
    UtxoEvidence,
)


def schema_files(documents: Iterable[type[Document]] = DOCUMENTS) -> dict[str, str]:
    """File name to content, e.g. ``margin-proof.schema.json``."""
    return {
        f"{document.TYPE.rpartition('/')[2]}.schema.json": json.dumps(json_schema(document), indent=2) + "\n"
        for document in documents
    }


def main(arguments: list[str]) -> None:
    """Write all schemas to the folder that is the only argument."""
    (folder,) = arguments
    for name, content in schema_files().items():
        write_atomic(Path(folder) / name, content)


if __name__ == "__main__":
    main(sys.argv[1:])
