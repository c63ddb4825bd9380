"""Every error that zkmargin raises on purpose: a code, what failed, what was expected, what came, where, what to do.

The process exit code belongs to the class: 1 where a statement does not hold, 2 where the input or its use is wrong.
No message ever carries a secret (a size, an amount, a key, a witness value).                     specs/errors.md
"""

from __future__ import annotations

from typing import ClassVar


class ZkMarginError(Exception):
    """Base of all errors; as itself, an unforeseen one.

    Rendered as ``CODE: what failed; expected X, got Y; where; what to do``.
    """

    code: ClassVar[str] = "E_INTERNAL"
    exit_code: ClassVar[int] = 2
    advice: ClassVar[str] = "this is a defect: report it"
    """What to do, where the place that raised the error has no better ``hint``."""

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
        parts.append(self.hint or self.advice)
        return f"{self.code}: " + "; ".join(parts)

    def as_json(self) -> dict[str, str | None]:
        """The error as data, for ``--json`` and for services."""
        return {
            "code": self.code,
            "message": self.message,
            "where": self.where or None,
            "expected": self.expected,
            "got": self.got,
            "hint": self.hint or self.advice,
        }


class InputError(ZkMarginError):
    """A file, an option or a value cannot be used as given."""


class VerificationError(ZkMarginError):
    """A proof, a signature or a document does not hold."""

    exit_code = 1


class EngineUnavailable(InputError):
    """The arithmetic engine that was asked for does not exist here."""

    code = "E_ENGINE"
    advice = "unset ZKMARGIN_ENGINE, or build the Rust core with `make develop`"


class PackageMissing(InputError):
    """An optional package that this needs is not installed."""

    code = "E_PACKAGE"
    advice = "install it: pip install 'zkmargin[markets]'"


# --- documents, encodings -------------------------------------------------------------------------------------------


class SchemaUnknownField(InputError):
    """A field is not part of the signed document."""

    code = "E_SCHEMA_UNKNOWN_FIELD"
    advice = "remove the field: what is not part of the document is not signed"


class SchemaType(InputError):
    """A field is missing or has the wrong type."""

    code = "E_SCHEMA_TYPE"
    advice = "compare the document with its schema in specs/schemas"


class IntFormat(InputError):
    """An integer is not a canonical decimal string."""

    code = "E_INT_FORMAT"
    advice = "write integers as decimal strings, without sign, leading zeros or exponent"


class BytesLength(InputError):
    """A byte string is not 0x lower-case hex of the right length (it is never padded)."""

    code = "E_BYTES_LENGTH"
    advice = "write bytes as 0x and lower-case hex, of the exact length"


class FieldRange(VerificationError):
    """A value is not a canonical field element (an alias modulo the prime would be accepted otherwise)."""

    code = "E_FIELD_RANGE"
    advice = "write the value reduced: each field element has one encoding"


class IdCanonical(InputError):
    """An identifier is not in its canonical form."""

    code = "E_ID_CANONICAL"
    advice = "write the CAIP identifier in its canonical form, eip155 in lower-case hex"


class DocumentVersion(InputError):
    """A document's type or version is not supported."""

    code = "E_VERSION"
    advice = "give a document of the type and version that is asked for"


class FileUnreadable(InputError):
    """A file cannot be read or written."""

    code = "E_FILE"
    advice = "check the path, its permissions and the free space"


class UsageWrong(InputError):
    """A command does not take these arguments."""

    code = "E_USAGE"
    advice = "`--help` shows what the command takes"


# --- signatures -----------------------------------------------------------------------------------------------------


class DomainMismatch(VerificationError):
    """A document is signed for another pledge domain."""

    code = "E_DOMAIN"
    advice = "have the document signed for this pledge domain"


class SignatureFormat(VerificationError):
    """A signature is not 65 bytes r, s, v with v 27 or 28."""

    code = "E_SIG_FORMAT"
    advice = "sign again: 65 bytes r, s, v with v 27 or 28"


class SignatureHighS(VerificationError):
    """A signature's s is in the upper half (malleable)."""

    code = "E_SIG_HIGH_S"
    advice = "sign again with a signer that gives s in the lower half"


class SignatureOrder(VerificationError):
    """Signers are not in ascending order."""

    code = "E_SIG_ORDER"
    advice = "order the signatures by ascending signer address"


class SignatureDuplicate(VerificationError):
    """One signer signed twice."""

    code = "E_SIG_DUPLICATE"
    advice = "keep one signature of each signer"


class SignatureNotAttestor(VerificationError):
    """The recovered signer is not one that the policy trusts, or the signed content was altered."""

    code = "E_SIG_NOT_ATTESTOR"
    advice = "ask the signer for the document again; the content may have been altered"


class Quorum(VerificationError):
    """Too few valid signatures."""

    code = "E_QUORUM"
    advice = "collect the signatures that are missing"


# --- statement, policy, proof ---------------------------------------------------------------------------------------


class ContextMismatch(VerificationError):
    """The public input ``context`` is not the digest of the stated context."""

    code = "E_CONTEXT"
    advice = "do not rely on the proof: ask for one that is made for its stated context"


class ScopeMismatch(VerificationError):
    """The public input ``scope`` is not the one of this pledge domain and epoch."""

    code = "E_SCOPE"
    advice = "do not rely on the proof: ask for one of this pledge domain and epoch"


class MarketMismatch(VerificationError):
    """The market tables are not the ones that the statement names."""

    code = "E_MARKET"
    advice = "use the snapshot that the statement names"


class MarketStale(VerificationError):
    """The market snapshot is older than the policy allows, or expired."""

    code = "E_PRICE_STALE"
    advice = "prove again on a fresh snapshot"


class MarketFuture(VerificationError):
    """The market snapshot is from the future."""

    code = "E_PRICE_FUTURE"
    advice = "check the clocks of the publisher and of this machine"


class ListingMismatch(VerificationError):
    """Position statement and market snapshot are about different listings."""

    code = "E_LISTING"
    advice = "have the positions attested again over the snapshot's listing"


class StatementMismatch(VerificationError):
    """A position statement is not the one that the proof commits to, or a venue's statement is missing or extra."""

    code = "E_STATEMENT"
    advice = "give the statement of each venue that the policy names, and no other"


class StatementTwice(VerificationError):
    """One position statement, or one commitment, stands for two venues."""

    code = "E_STATEMENT_TWICE"
    advice = "give each venue's own statement once: what is counted twice margins nothing"


class VenueCount(VerificationError):
    """The rule set margins another number of venues than the policy lists."""

    code = "E_VENUE_COUNT"
    advice = "list the venues that the rule set is for, or take a rule set for the venues of the policy"


class StatementStale(VerificationError):
    """A position statement is too old or expired."""

    code = "E_STATEMENT_STALE"
    advice = "have the positions attested again"


class ClaimMismatch(VerificationError):
    """The claim is malformed or weaker than the policy asks."""

    code = "E_CLAIM"
    advice = "prove the claim that the policy asks for"


class EpochMismatch(VerificationError):
    """A document belongs to another epoch."""

    code = "E_EPOCH"
    advice = "have the document issued again in the current epoch"


class ChallengeMismatch(VerificationError):
    """The challenge is missing or not the verifier's."""

    code = "E_CHALLENGE"
    advice = "prove again with the verifier's own challenge"


class VenueMismatch(VerificationError):
    """The proof was made for another verifier."""

    code = "E_VENUE"
    advice = "prove again for this verifier"


class TargetMismatch(VerificationError):
    """The proof was made for another chain or contract."""

    code = "E_TARGET"
    advice = "prove again for this chain and contract"


class KeyNotListed(VerificationError):
    """The verifying key or the rule set is not on the policy's allow-list."""

    code = "E_VK"
    advice = "prove with a key that the policy lists, or have the policy list this one"


class PolicyMismatch(VerificationError):
    """The proof was made for another policy."""

    code = "E_POLICY"
    advice = "prove again under the verifier's current policy"


class ProofExpired(VerificationError):
    """The statement is expired, not yet valid, or too old."""

    code = "E_EXPIRY"
    advice = "prove again"


class PledgeTooLong(VerificationError):
    """The statement outlives its epoch, or a root would hold for longer than an attestor signs."""

    code = "E_PLEDGE_TOO_LONG"
    advice = "let the statement expire with its epoch, the root with the attestors' `rootTtl`"


class RootMismatch(VerificationError):
    """The collateral root is not the one that the statement names."""

    code = "E_TREE_ROOT"
    advice = "prove against the root that the statement names"


class ProofPoint(VerificationError):
    """A proof point is malformed, off the curve or outside the subgroup."""

    code = "E_PROOF_POINT"
    advice = "do not rely on the proof or key: ask for it again"


class ProofInvalid(VerificationError):
    """The pairing equation does not hold."""

    code = "E_PROOF_INVALID"
    advice = "do not rely on the proof: it does not show what it states"


class ParameterCondition(VerificationError):
    """The tables break a bound or a condition that the rule set declares."""

    code = "E_CONDITION"
    advice = "use tables within the bounds and conditions of the rule set"


# --- rules and circuits ---------------------------------------------------------------------------------------------


class RuleError(InputError):
    """A rule file is not a valid rule set."""

    code = "E_RULE"
    advice = "correct the rule file where the messages point"


class CircuitError(ZkMarginError):
    """A circuit was built or used wrongly (a programming error, not a user's)."""

    code = "E_CIRCUIT"
    advice = "this is a defect: report it"


class NotDetermined(CircuitError):
    """A circuit leaves its prover a choice that no declared and verified bound makes safe."""

    code = "E_DETERMINISM"
    advice = "constrain the value, or declare the one-sided bound that makes it safe; never use such a circuit"


class WitnessFailed(ZkMarginError):
    """No witness satisfies the circuit for these inputs. Names a place in the circuit, never a value."""

    code = "E_WITNESS"
    exit_code = 1
    advice = "check that the inputs are within the bounds of the rule set"


class KeyCircuitMismatch(InputError):
    """A proving key does not belong to the circuit that the rule set compiles to."""

    code = "E_KEY_CIRCUIT"
    advice = "make the key for this rule set with `zkmargin setup`"


class KeyInconsistent(VerificationError):
    """A proving key is not one of the circuit that the rule set compiles to, or its parts are of different keys."""

    code = "E_KEY_INCONSISTENT"
    advice = "do not use the key: get it again, with its rule set, from where it is published"


# --- accounts, markets ----------------------------------------------------------------------------------------------


class AccountInvalid(InputError):
    """An account file has a row that cannot be used."""

    code = "E_ACCOUNT"
    advice = "correct the row: specs/market.md describes account files"


class InstrumentUnknown(InputError):
    """An instrument is not in the market's listing."""

    code = "E_INSTRUMENT"
    advice = "`zkmargin market show` names what is listed"


class AmountDecimals(InputError):
    """An amount has more decimals than its unit, or is not a decimal number."""

    code = "E_DECIMALS"
    advice = "write a plain decimal, with no more decimals than the unit has"


class AmountRange(InputError):
    """An amount is outside the bounds that the rule set declares."""

    code = "E_BOUND"
    advice = "the rule set cannot margin such an amount: split the account or ask for wider bounds"


class MarketSource(InputError):
    """A market source cannot be turned into tables."""

    code = "E_MARKET_SOURCE"
    advice = "correct or replace the source file: specs/market.md describes them"


class Capacity(InputError):
    """More rows than the rule set has room for."""

    code = "E_CAPACITY"
    advice = "use a rule set with more room, or leave out what need not be margined"


class MarginShort(ZkMarginError):
    """The account does not meet the claim. Raised by the prover, before proving, to the trader alone.

    ``explanation`` (prover.shortfall.Shortfall) holds the amounts; the message holds none.
    """

    code = "E_MARGIN_SHORT"
    exit_code = 1
    advice = "deposit, or reduce positions: `zkmargin check` shows by how much"
    explanation: object = None


class OpeningMismatch(InputError):
    """The private opening does not open the signed position statement."""

    code = "E_OPENING"
    advice = "use the opening that the venue sent with this statement"


class KeyLocked(InputError):
    """A key file does not open: another passphrase, or the file was changed."""

    code = "E_KEY_LOCKED"
    advice = "give the passphrase that the key was made with, or restore the file from its backup"


class PassphraseMissing(InputError):
    """A key file is sealed and nobody is there to ask for its passphrase."""

    code = "E_PASSPHRASE"
    advice = "set ZKMARGIN_PASSPHRASE_FILE to a file that you alone can read, or run in a terminal"


class PassphraseWeak(InputError):
    """A passphrase is too short to protect a key."""

    code = "E_PASSPHRASE_WEAK"
    advice = "choose several words at random"


class BackupWords(InputError):
    """The words are no backup of an owner key: their number, a word, the checksum or the owner is wrong."""

    code = "E_BACKUP_WORDS"
    advice = "compare each word, and their order, with the backup; `#` begins a remark"


# --- files of the proof system --------------------------------------------------------------------------------------


class FileMagic(InputError):
    """A binary file does not begin with its magic bytes."""

    code = "E_FILE_MAGIC"
    advice = "give a file of the kind that is asked for"


class FileVersion(InputError):
    """A binary file has an unsupported version."""

    code = "E_FILE_VERSION"
    advice = "write the file again with a version that is supported"


class FileTruncated(InputError):
    """A binary file ends early, or a length in it points past its end."""

    code = "E_FILE_TRUNCATED"
    advice = "copy or make the file again: it is cut short"


class FileSection(InputError):
    """A section of a binary file is missing, doubled or inconsistent."""

    code = "E_FILE_SECTION"
    advice = "make the file again: its sections do not fit together"


class LayoutLimit(InputError):
    """A chain's verifier cannot take a key or a proof of this shape: too many public inputs, or none."""

    code = "E_LAYOUT"
    advice = "use a rule set with table binding `committed`: its proofs have 7 or 8 public inputs"
