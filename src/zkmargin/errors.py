"""Every error that zkmargin raises on purpose: a code, what failed, what was expected, what came, where, what to do.

The process exit code belongs to the class: 1 where a statement does not hold, 2 where the input or its use is wrong.
No message ever carries a secret (a size, an amount, a key, a witness value).                     specs/errors.md
"""

from __future__ import annotations

from typing import ClassVar


class ZkMarginError(Exception):
    """Base of all errors. Rendered as ``CODE: what failed; expected X, got Y; where; what to do``."""

    code: ClassVar[str] = "E_INTERNAL"
    exit_code: ClassVar[int] = 2

    def __init__(
        self, message: str, *, where: str = "", expected: object = None, got: object = None, hint: str = ""
    ) -> None:
        self.message = message
        self.where = where
        self.expected = None if expected is None else str(expected)
        self.got = None if got is None else str(got)
        self.hint = hint
        super().__init__(str(self))

    def __str__(self) -> str:
        parts = [self.message]
        if self.expected is not None and self.got is not None:
            parts.append(f"expected {self.expected}, got {self.got}")
        elif self.expected is not None:
            parts.append(f"expected {self.expected}")
        elif self.got is not None:
            parts.append(f"got {self.got}")
        if self.where:
            parts.append(self.where)
        if self.hint:
            parts.append(self.hint)
        return f"{self.code}: " + "; ".join(parts)

    def as_json(self) -> dict[str, str | None]:
        """The error as data, for ``--json`` and for services."""
        return {
            "code": self.code,
            "message": self.message,
            "where": self.where or None,
            "expected": self.expected,
            "got": self.got,
            "hint": self.hint or None,
        }


class InputError(ZkMarginError):
    """A file, an option or a value cannot be used as given."""


class VerificationError(ZkMarginError):
    """A proof, a signature or a document does not hold."""

    exit_code = 1


class EngineUnavailable(InputError):
    """The arithmetic engine that was asked for does not exist here."""

    code = "E_ENGINE"


# --- documents, encodings -------------------------------------------------------------------------------------------


class SchemaUnknownField(InputError):
    """A field is not part of the signed document."""

    code = "E_SCHEMA_UNKNOWN_FIELD"


class SchemaType(InputError):
    """A field is missing or has the wrong type."""

    code = "E_SCHEMA_TYPE"


class IntFormat(InputError):
    """An integer is not a canonical decimal string."""

    code = "E_INT_FORMAT"


class BytesLength(InputError):
    """A byte string is not 0x lower-case hex of the right length (it is never padded)."""

    code = "E_BYTES_LENGTH"


class FieldRange(VerificationError):
    """A value is not a canonical field element (an alias modulo the prime would be accepted otherwise)."""

    code = "E_FIELD_RANGE"


class IdCanonical(InputError):
    """An identifier is not in its canonical form."""

    code = "E_ID_CANONICAL"


class DocumentVersion(InputError):
    """A document's type or version is not supported."""

    code = "E_VERSION"


class FileUnreadable(InputError):
    """A file cannot be read or written."""

    code = "E_FILE"


# --- signatures -----------------------------------------------------------------------------------------------------


class DomainMismatch(VerificationError):
    """A document is signed for another pledge domain."""

    code = "E_DOMAIN"


class SignatureFormat(VerificationError):
    """A signature is not 65 bytes r, s, v with v 27 or 28."""

    code = "E_SIG_FORMAT"


class SignatureHighS(VerificationError):
    """A signature's s is in the upper half (malleable)."""

    code = "E_SIG_HIGH_S"


class SignatureOrder(VerificationError):
    """Signers are not in ascending order."""

    code = "E_SIG_ORDER"


class SignatureDuplicate(VerificationError):
    """One signer signed twice."""

    code = "E_SIG_DUPLICATE"


class SignatureNotAttestor(VerificationError):
    """The recovered signer is not one that the policy trusts, or the signed content was altered."""

    code = "E_SIG_NOT_ATTESTOR"


class Quorum(VerificationError):
    """Too few valid signatures."""

    code = "E_QUORUM"


# --- statement, policy, proof ---------------------------------------------------------------------------------------


class ContextMismatch(VerificationError):
    """The public input ``context`` is not the digest of the stated context."""

    code = "E_CONTEXT"


class ScopeMismatch(VerificationError):
    """The public input ``scope`` is not the one of this pledge domain and epoch."""

    code = "E_SCOPE"


class MarketMismatch(VerificationError):
    """The market tables are not the ones that the statement names."""

    code = "E_MARKET"


class MarketStale(VerificationError):
    """The market snapshot is older than the policy allows, or expired."""

    code = "E_PRICE_STALE"


class MarketFuture(VerificationError):
    """The market snapshot is from the future."""

    code = "E_PRICE_FUTURE"


class ListingMismatch(VerificationError):
    """Position statement and market snapshot are about different listings."""

    code = "E_LISTING"


class StatementMismatch(VerificationError):
    """A position statement is not the one that the proof commits to, or a venue's statement is missing or extra."""

    code = "E_STATEMENT"


class StatementStale(VerificationError):
    """A position statement is too old or expired."""

    code = "E_STATEMENT_STALE"


class ClaimMismatch(VerificationError):
    """The claim is malformed or weaker than the policy asks."""

    code = "E_CLAIM"


class EpochMismatch(VerificationError):
    """A document belongs to another epoch."""

    code = "E_EPOCH"


class ChallengeMismatch(VerificationError):
    """The challenge is missing or not the verifier's."""

    code = "E_CHALLENGE"


class VenueMismatch(VerificationError):
    """The proof was made for another verifier."""

    code = "E_VENUE"


class TargetMismatch(VerificationError):
    """The proof was made for another chain or contract."""

    code = "E_TARGET"


class KeyNotListed(VerificationError):
    """The verifying key or the rule set is not on the policy's allow-list."""

    code = "E_VK"


class PolicyMismatch(VerificationError):
    """The proof was made for another policy."""

    code = "E_POLICY"


class ProofExpired(VerificationError):
    """The statement is expired, not yet valid, or too old."""

    code = "E_EXPIRY"


class PledgeTooLong(VerificationError):
    """The statement outlives its epoch."""

    code = "E_PLEDGE_TOO_LONG"


class RootMismatch(VerificationError):
    """The collateral root is not the one that the statement names."""

    code = "E_TREE_ROOT"


class ProofPoint(VerificationError):
    """A proof point is malformed, off the curve or outside the subgroup."""

    code = "E_PROOF_POINT"


class ProofInvalid(VerificationError):
    """The pairing equation does not hold."""

    code = "E_PROOF_INVALID"


class ParameterCondition(VerificationError):
    """The tables break a bound or a condition that the rule set declares."""

    code = "E_CONDITION"


# --- rules and circuits ---------------------------------------------------------------------------------------------


class RuleError(InputError):
    """A rule file is not a valid rule set."""

    code = "E_RULE"


class CircuitError(ZkMarginError):
    """A circuit was built or used wrongly (a programming error, not a user's)."""

    code = "E_CIRCUIT"


class WitnessFailed(ZkMarginError):
    """No witness satisfies the circuit for these inputs. Names a place in the circuit, never a value."""

    code = "E_WITNESS"
    exit_code = 1


class KeyCircuitMismatch(InputError):
    """A proving key does not belong to the circuit that the rule set compiles to."""

    code = "E_KEY_CIRCUIT"


# --- accounts, markets ----------------------------------------------------------------------------------------------


class AccountInvalid(InputError):
    """An account file has a row that cannot be used."""

    code = "E_ACCOUNT"


class InstrumentUnknown(InputError):
    """An instrument is not in the market's listing."""

    code = "E_INSTRUMENT"


class AmountDecimals(InputError):
    """An amount has more decimals than its unit, or is not a decimal number."""

    code = "E_DECIMALS"


class AmountRange(InputError):
    """An amount is outside the bounds that the rule set declares."""

    code = "E_BOUND"


class MarketSource(InputError):
    """A market source cannot be turned into tables."""

    code = "E_MARKET_SOURCE"


class Capacity(InputError):
    """More rows than the rule set has room for."""

    code = "E_CAPACITY"


class MarginShort(ZkMarginError):
    """The account does not meet the claim. Raised by the prover, before proving, to the trader alone.

    ``explanation`` (prover.shortfall.Shortfall) holds the amounts; the message holds none.
    """

    code = "E_MARGIN_SHORT"
    exit_code = 1
    explanation: object = None


class OpeningMismatch(InputError):
    """The private opening does not open the signed position statement."""

    code = "E_OPENING"


# --- files of the proof system --------------------------------------------------------------------------------------


class FileMagic(InputError):
    """A binary file does not begin with its magic bytes."""

    code = "E_FILE_MAGIC"


class FileVersion(InputError):
    """A binary file has an unsupported version."""

    code = "E_FILE_VERSION"


class FileTruncated(InputError):
    """A binary file ends early, or a length in it points past its end."""

    code = "E_FILE_TRUNCATED"


class FileSection(InputError):
    """A section of a binary file is missing, doubled or inconsistent."""

    code = "E_FILE_SECTION"
