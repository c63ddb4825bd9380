// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @notice Pledges of margined accounts, on the chain that is their home. What it checks: specs/contracts.md.
/// @dev Names and members of signed structures are those of specs/documents.md.
interface IMarginRegistry {
    // --- signed structures -------------------------------------------------------------------------------------------

    /// PositionStatement of scheme 1, whose sizeCommitment is empty; neither is carried.
    struct Statement {
        uint256 commitment;
        bytes32 listingDigest;
        uint64 asOf;
        uint64 issuedAt;
        uint64 expiresAt;
        bytes32 venueId;
        bytes32 audience;
        uint64 epoch;
        uint64 seq;
    }

    struct Snapshot {
        bytes32 marketDigest;
        bytes32 ruleDigest;
        uint256 tableCommitment;
        bytes32 listingDigest;
        uint64 priceTime;
        uint64 issuedAt;
        uint64 expiresAt;
        bytes32 sourcesHash;
    }

    struct Root {
        uint256 root;
        uint64 epoch;
        uint64 seq;
        uint32 leafCount;
        uint8 depth;
        bytes32 checkpointsHash;
        bytes32 leavesHash;
        bytes32 prevDigest;
        bytes32 pledgeDomain;
        bytes32 attestorSetId;
        uint64 issuedAt;
        uint64 expiresAt;
    }

    struct Checkpoint {
        string chain;
        uint64 blockNumber;
        bytes32 blockHash;
        bytes32 stateRoot;
        uint64 blockTime;
        uint8 finality;
        uint8 proofKind;
    }

    struct Revocation {
        bytes32 rootDigest;
        uint16 reason;
        uint64 moment;
    }

    /// Signatures r, s, v of 65 bytes, in ascending order of their signers, and the set that the signers belong to.
    struct Signed {
        Signers signers;
        bytes[] signatures;
    }

    // --- policies ----------------------------------------------------------------------------------------------------

    /// Members in ascending order. The set's id is keccak256(abi.encode(nonce, members, threshold)).
    struct Signers {
        uint64 nonce;
        address[] members;
        uint8 threshold;
    }

    struct Venue {
        bytes32 venueId;
        Signers signers;
    }

    struct RuleSet {
        bytes32 ruleDigest;
        bytes32 r1csDigest;
        bytes32 vkHash;
        bytes32 transcriptDigest;
        bool insecure;
        address verifier;
    }

    struct ChainRule {
        string chain;
        uint32 maximumAge;
        uint8 finality;
        bool observed;
    }

    /// Seconds, the least claim, and what is asked for. One storage slot.
    struct Terms {
        uint32 priceAge;
        uint32 statementAge;
        uint32 proofAge;
        uint32 skew;
        uint32 lead;
        uint8 kind;
        uint16 num;
        uint16 den;
        uint8 venues;
        bool challenge;
        bool collateral;
        bool exclusive;
        bool retired;
    }

    /// A policy file (specs/documents.md#policy) in the contract's words. `verifier` is the CAIP-10 text whose keccak256 is
    /// the policy's verifierId. Without collateral `attestors` is empty and `chains` too.
    struct Policy {
        bytes32 policyId;
        string verifier;
        Terms terms;
        Signers publishers;
        Venue[] venues;
        RuleSet[] ruleSets;
        Signers attestors;
        ChainRule[] chains;
    }

    // --- pledges -----------------------------------------------------------------------------------------------------

    /// What a trader submits. The rest of the StatementContext follows from it: target, ruleDigest, marketDigest,
    /// listingDigest, statementsHash.
    struct Submission {
        bytes32 policyId;
        bytes32 verifierId;
        bytes32 target;
        bytes32 challenge;
        bytes32 r1csDigest;
        bytes32 vkHash;
        bytes32 rootDigest;
        uint64 epoch;
        uint64 issuedAt;
        uint64 expiresAt;
        uint256 context;
        uint256 claim;
        uint256 nullifier;
        Snapshot snapshot;
        Statement[] statements;
        uint256[8] proof;
        /// The record that the nullifier has, if it has one; else empty.
        Record[] held;
    }

    /// What a nullifier's slot holds the keccak256 of (abi.encode). `account` is who asked for the challenge, zero where none
    /// was asked. A pledge counts from `effectiveFrom` until `expiresAt`, and not after `releasedAt` if that is not zero.
    struct Record {
        bytes32 policyId;
        bytes32 venueId;
        bytes32 vkHash;
        bytes32 rootDigest;
        address account;
        uint64 epoch;
        uint64 issuedAt;
        uint64 effectiveFrom;
        uint64 expiresAt;
        uint64 recordedAt;
        uint64 releasedAt;
        uint64 rootSeq;
        uint64[] statementSeqs;
        uint256 claim;
        uint256 context;
    }

    event PolicyAdded(bytes32 indexed policyId, bytes32 configuration, Policy policy);
    event PolicyRetired(bytes32 indexed policyId);
    event AttestorsRotated(bytes32 indexed attestorSetId, uint64 fromEpoch);
    event ChallengeIssued(bytes32 indexed challenge, bytes32 indexed policyId, address indexed account, uint64 expiresAt);
    event DocumentRegistered(bytes32 indexed policyId, bytes32 indexed digest);
    event RootRegistered(bytes32 indexed policyId, bytes32 indexed digest, uint64 epoch, uint64 seq);
    event RootTakenBack(bytes32 indexed digest, uint16 reason);
    event Pledged(uint256 indexed nullifier, bytes32 indexed policyId, address indexed account, Record record);
    event Released(uint256 indexed nullifier, bytes32 indexed policyId, Record record);

    // --- errors: names of specs/errors.md, specs/contracts.md#errors says which --------------------------------------

    error NotAdministrator();
    error PolicyMalformed(string what);
    error PolicyUnknown(bytes32 policyId);
    error PolicyExists(bytes32 policyId);
    error PolicyIsRetired(bytes32 policyId);
    error WrongVerifier(bytes32 expected, bytes32 got);
    error WrongTarget(bytes32 expected, bytes32 got);
    error KeyNotListed(bytes32 ruleDigest, bytes32 r1csDigest, bytes32 vkHash);
    error ChallengeMissing();
    error ChallengeUnknown(bytes32 challenge);
    error ChallengeExpired(uint256 expired);
    error ProofNotYetValid(uint256 issuedAt);
    error ProofExpired(uint256 expired);
    error WrongEpoch(uint256 got);
    error PledgeTooLong(uint256 epochEnd, uint256 expiresAt);
    error SnapshotUnknown(bytes32 digest);
    error PriceStale(uint256 usableUntil);
    error PriceFuture(uint256 time);
    error ListingMismatch(bytes32 expected, bytes32 got);
    error StatementUnknown(uint256 index, bytes32 digest);
    error StatementCount(uint256 expected, uint256 got);
    error StatementTwice(uint256 commitment);
    error StatementStale(uint256 index, uint256 usableUntil);
    error StatementFuture(uint256 index, uint256 time);
    error StatementSuperseded(uint256 index, uint256 least, uint256 got);
    error CollateralRefused();
    error AttestorSetMismatch(bytes32 expected, bytes32 got);
    error DomainMismatch(bytes32 expected, bytes32 got);
    error CheckpointsMismatch();
    error CheckpointMissing(string chain);
    error FinalityTooLow(string chain);
    error ProofKindRefused(string chain);
    error BlockStale(uint256 usableUntil);
    error RootMalformed();
    error RootUnknown(bytes32 digest);
    error RootNotYetValid(uint256 issuedAt);
    error RootExpired(uint256 expired);
    error RootRevoked(bytes32 digest);
    error RootSuperseded(uint256 least, uint256 got);
    error Equivocation(bytes32 first, bytes32 second);
    error LockEnds(uint256 expected, uint256 got);
    error ClaimMalformed(uint256 claim);
    error ClaimTooWeak(uint256 claim);
    error ContextMismatch(uint256 expected, uint256 got);
    error NullifierTaken(uint256 nullifier);
    error HeldByAnother(uint256 nullifier);
    error Replayed(uint256 context);
    error RefreshRefused(string what);
    error RecordMismatch(uint256 nullifier);
    error ReleaseRefused(string what);
    error NotCovered(string why);

    // --- who may do what: policies by the administrator, all else by anyone with signatures or a proof ----------------

    function addPolicy(Policy calldata policy) external;

    function retirePolicy(bytes32 policyId) external;

    function requestChallenge(bytes32 policyId) external returns (bytes32 challenge);

    function registerStatement(bytes32 policyId, uint256 venue, Statement calldata statement, Signed calldata signed)
        external;

    function registerSnapshot(bytes32 policyId, Snapshot calldata snapshot, Signed calldata signed) external;

    function registerRoot(
        bytes32 policyId,
        Root calldata root,
        Checkpoint[] calldata checkpoints,
        ChainRule[] calldata chains,
        Signed calldata signed
    ) external;

    function revokeRoot(Revocation calldata revocation, Signed calldata signed) external;

    function submit(Submission calldata submission) external;

    function release(uint256 nullifier, Record calldata record, uint64 moment, bytes calldata signature) external;

    /// @notice Several of the calls above in one transaction.
    function multicall(bytes[] calldata calls) external;

    // --- what other contracts ask -------------------------------------------------------------------------------------

    /// @notice Whether `record` is what the registry holds for `nullifier`, is `account`'s under `policyId`, counts now, and
    /// was proven at most `maximumAge` seconds ago. The record comes from the event `Pledged`.
    function isCovered(
        address account,
        bytes32 policyId,
        uint256 maximumAge,
        uint256 nullifier,
        Record calldata record
    ) external view returns (bool);

    /// @notice The same, as a revert with `NotCovered(why)`.
    function requireCovered(
        address account,
        bytes32 policyId,
        uint256 maximumAge,
        uint256 nullifier,
        Record calldata record
    ) external view;

    function pledgeDomain() external view returns (bytes32);
}
