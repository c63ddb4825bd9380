// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Documents} from "./Documents.sol";
import {IGroth16Verifier} from "./IGroth16Verifier.sol";
import {IMarginRegistry} from "./IMarginRegistry.sol";
import {Policies} from "./Policies.sol";
import {Signatures} from "./Signatures.sol";

/// @notice Judges margin proofs and keeps their pledges: one nullifier, one venue.            specs/contracts.md
/// @dev Each check is a revert with a name. Nothing is written before everything holds but what the same transaction undoes.
contract MarginRegistry is Policies {
    using Documents for *;
    using Signatures for *;

    /// Of a root under a policy: its number, its end, and when one of its blocks is too old for the policy.
    struct RootTimes {
        uint64 epoch;
        uint64 seq;
        uint64 expiresAt;
        uint64 usableUntil;
    }

    struct LatestRoot {
        bytes32 digest;
        uint64 seq;
    }

    struct Challenge {
        address account;
        uint64 expiresAt;
    }

    uint256 private constant TREE_DEPTH = 7;
    uint256 private constant CHALLENGE_LIFE = 1800;
    uint256 private constant SNAPSHOT_KIND = 256;

    /// nullifier => keccak256(abi.encode(record)); read from elsewhere by an EIP-1186 proof of this slot.
    mapping(uint256 nullifier => bytes32) public records;
    /// keccak256(policyId, digest) => 1 + the venue's index, or SNAPSHOT_KIND
    mapping(bytes32 document => uint256) private _documents;
    /// keccak256(policyId, digest) => its tree's root, its times
    mapping(bytes32 document => uint256) private _roots;
    mapping(bytes32 document => RootTimes) private _rootTimes;
    mapping(bytes32 digest => bool) public revoked;
    /// keccak256(attestorSetId, epoch) => the root with the highest number
    mapping(bytes32 numbered => LatestRoot) private _latest;
    /// keccak256(policyId, challenge) => who asked
    mapping(bytes32 asked => Challenge) private _challenges;
    uint256 private _challengeCount;

    constructor(address administrator_, uint64 epochLength_) Policies(administrator_, epochLength_) {}

    /// @inheritdoc IMarginRegistry
    function pledgeDomain() external view returns (bytes32) {
        return Documents.pledgeDomain();
    }

    // --- documents ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IMarginRegistry
    function registerStatement(bytes32 policyId, uint256 venue, Statement calldata statement, Signed calldata signed)
        external
    {
        bytes32 known = _venues[keccak256(abi.encode(policyId, venue))];
        if (known == 0) revert PolicyUnknown(policyId);
        bytes32 digest = Documents.digest(Documents.separator(), statement.hash());
        if (known != keccak256(abi.encode(statement.venueId, signed.signers.idOf()))) {
            revert StatementUnknown(venue, digest);
        }
        signed.requireQuorumOver(digest);
        _documents[keccak256(abi.encode(policyId, digest))] = venue + 1;
        emit DocumentRegistered(policyId, digest);
    }

    /// @inheritdoc IMarginRegistry
    function registerSnapshot(bytes32 policyId, Snapshot calldata snapshot, Signed calldata signed) external {
        Kept storage policy = _policyOf(policyId);
        bytes32 digest = Documents.digest(Documents.separator(), snapshot.hash());
        // Zero is what snapshots for binding `public` say, whose other inputs no contract computes.
        if (policy.publishers != signed.signers.idOf() || snapshot.tableCommitment == 0) revert SnapshotUnknown(digest);
        signed.requireQuorumOver(digest);
        _documents[keccak256(abi.encode(policyId, digest))] = SNAPSHOT_KIND;
        emit DocumentRegistered(policyId, digest);
    }

    /// @inheritdoc IMarginRegistry
    function registerRoot(
        bytes32 policyId,
        Root calldata root,
        Checkpoint[] calldata checkpoints,
        ChainRule[] calldata chains,
        Signed calldata signed
    ) external {
        Kept storage policy = _policyOf(policyId);
        Terms memory terms = policy.terms;
        if (!terms.collateral) revert CollateralRefused();
        bytes32 domain = Documents.pledgeDomain();
        if (root.pledgeDomain != domain) revert DomainMismatch(domain, root.pledgeDomain);
        bytes32 set = policy.attestors;
        if (root.attestorSetId != set || signed.signers.idOf() != set) {
            revert AttestorSetMismatch(set, root.attestorSetId);
        }
        bytes32 digest = Documents.digest(Documents.separator(), root.hash());
        signed.requireQuorumOver(digest);
        if (root.depth != TREE_DEPTH) revert RootMalformed();
        if (root.issuedAt > block.timestamp + terms.skew) revert RootNotYetValid(root.issuedAt);
        _requireTenure(set, root.epoch);
        if (revoked[digest]) revert RootRevoked(digest);
        _requireSequence(root, digest);
        if (keccak256(abi.encode(chains)) != policy.chains) revert CheckpointsMismatch();
        uint64 usableUntil = _requireCheckpoints(root, checkpoints, chains, terms.skew);
        bytes32 key = keccak256(abi.encode(policyId, digest));
        _roots[key] = root.root;
        _rootTimes[key] = RootTimes(root.epoch, root.seq, root.expiresAt, usableUntil);
        emit RootRegistered(policyId, digest, root.epoch, root.seq);
    }

    /// @inheritdoc IMarginRegistry
    /// @dev By the set that holds or held office; also of a root that nobody has registered yet.
    function revokeRoot(Revocation calldata revocation, Signed calldata signed) external {
        bytes32 set = signed.signers.idOf();
        Tenure memory tenure = tenures[set];
        if (set == 0 || (set != attestorSetId && tenure.untilEpoch == 0)) {
            revert AttestorSetMismatch(attestorSetId, set);
        }
        signed.requireQuorumOver(Documents.digest(Documents.separator(), revocation.hash()));
        revoked[revocation.rootDigest] = true;
        emit RootTakenBack(revocation.rootDigest, revocation.reason);
    }

    function _requireTenure(bytes32 set, uint64 epoch) private view {
        Tenure memory tenure = tenures[set];
        if (epoch < tenure.fromEpoch || (tenure.untilEpoch != 0 && epoch >= tenure.untilEpoch)) revert WrongEpoch(epoch);
    }

    /// Numbers rise within an epoch; two roots with one number are the attestors' equivocation.
    function _requireSequence(Root calldata root, bytes32 digest) private {
        LatestRoot storage latest = _latest[keccak256(abi.encode(root.attestorSetId, root.epoch))];
        bytes32 known = latest.digest;
        if (known == digest) return;
        if (known != 0) {
            if (root.seq == latest.seq) revert Equivocation(known, digest);
            if (root.seq < latest.seq) revert RootSuperseded(latest.seq, root.seq);
        }
        latest.digest = digest;
        latest.seq = root.seq;
    }

    /// Every checkpointed chain is on the policy, final enough, proven or allowed to be observed. Both lists ascend.
    function _requireCheckpoints(
        Root calldata root,
        Checkpoint[] calldata checkpoints,
        ChainRule[] calldata chains,
        uint256 skew
    ) private view returns (uint64 usableUntil) {
        usableUntil = type(uint64).max;
        bytes memory hashes = new bytes(32 * checkpoints.length);
        uint256 place = 0;
        for (uint256 i = 0; i < checkpoints.length; ++i) {
            Checkpoint calldata entry = checkpoints[i];
            bytes32 structure = entry.hash();
            assembly ("memory-safe") {
                mstore(add(add(hashes, 32), mul(32, i)), structure)
            }
            bytes32 name = keccak256(bytes(entry.chain));
            while (place < chains.length && keccak256(bytes(chains[place].chain)) != name) ++place;
            if (place == chains.length) revert CheckpointMissing(entry.chain);
            ChainRule calldata rule = chains[place];
            ++place;
            if (entry.finality < rule.finality) revert FinalityTooLow(entry.chain);
            bool proven = entry.proofKind == 1 || entry.proofKind == 2 || entry.proofKind == 5;
            if (!proven && !rule.observed) revert ProofKindRefused(entry.chain);
            if (entry.blockTime > block.timestamp + skew) revert BlockStale(entry.blockTime);
            uint64 until = uint64(uint256(entry.blockTime) + rule.maximumAge);
            if (until < usableUntil) usableUntil = until;
        }
        if (keccak256(hashes) != root.checkpointsHash) revert CheckpointsMismatch();
        if (block.timestamp > usableUntil) revert BlockStale(usableUntil);
    }

    function _policyOf(bytes32 policyId) private view returns (Kept storage policy) {
        policy = _policies[policyId];
        if (policy.configuration == 0) revert PolicyUnknown(policyId);
    }

    // --- challenges --------------------------------------------------------------------------------------------------

    /// @inheritdoc IMarginRegistry
    /// @dev Unknown before the block that it is made in, so that no proof is older than it; used once; the caller's.
    function requestChallenge(bytes32 policyId) external returns (bytes32 challenge) {
        _policyOf(policyId);
        uint256 count = ++_challengeCount;
        challenge = keccak256(
            abi.encode(block.chainid, address(this), policyId, msg.sender, count, blockhash(block.number - 1))
        );
        uint64 expiresAt = uint64(block.timestamp + CHALLENGE_LIFE);
        _challenges[keccak256(abi.encode(policyId, challenge))] = Challenge(msg.sender, expiresAt);
        emit ChallengeIssued(challenge, policyId, msg.sender, expiresAt);
    }

    function _consume(bytes32 policyId, bytes32 challenge, bool needed) private returns (address account) {
        if (challenge == 0) {
            if (needed) revert ChallengeMissing();
            return address(0);
        }
        bytes32 key = keccak256(abi.encode(policyId, challenge));
        Challenge memory asked = _challenges[key];
        if (asked.expiresAt == 0) revert ChallengeUnknown(challenge);
        if (block.timestamp >= asked.expiresAt) revert ChallengeExpired(asked.expiresAt);
        delete _challenges[key];
        return asked.account;
    }

    // --- pledges -----------------------------------------------------------------------------------------------------

    /// @inheritdoc IMarginRegistry
    /// @dev In the order of specs/documents.md#verification.
    function submit(Submission calldata s) external {
        bytes32 target = Documents.pledgeDomain();
        if (s.target != target) revert WrongTarget(target, s.target);
        Terms memory terms = _policies[s.policyId].terms;
        if (terms.venues == 0) revert PolicyUnknown(s.policyId);
        if (terms.retired) revert PolicyIsRetired(s.policyId);
        Record memory record;
        record.account = _consume(s.policyId, s.challenge, terms.challenge);
        IGroth16Verifier verifier = _requireKey(s);
        uint256 start = _requireTimes(s, terms);
        uint256 count = terms.venues;
        if (s.statements.length != count) revert StatementCount(count, s.statements.length);
        uint256[] memory inputs = new uint256[](6 + count);
        inputs[2 + count] = _requireRoot(s, terms, record);
        bytes32 domain = Documents.separator();
        _requireSnapshot(s, terms, domain);
        bytes32 statementsHash = _requireStatements(s, terms, domain, inputs, record);
        _requireClaim(s, terms);
        uint256 context = _contextOf(s, domain, statementsHash);
        if (s.context != context) revert ContextMismatch(context, s.context);
        inputs[0] = context;
        inputs[1] = s.claim;
        inputs[3 + count] = s.nullifier;
        inputs[4 + count] = Documents.scope(s.epoch);
        inputs[5 + count] = s.snapshot.tableCommitment;
        verifier.verify(s.proof, inputs);

        record.policyId = s.policyId;
        record.venueId = s.verifierId;
        record.vkHash = s.vkHash;
        record.rootDigest = s.rootDigest;
        record.epoch = s.epoch;
        record.issuedAt = s.issuedAt;
        record.effectiveFrom = s.issuedAt > start ? s.issuedAt : uint64(start);
        record.expiresAt = s.expiresAt;
        record.recordedAt = uint64(block.timestamp);
        record.claim = s.claim;
        record.context = context;
        _requireFree(s, record);
        records[s.nullifier] = keccak256(abi.encode(record));
        emit Pledged(s.nullifier, s.policyId, record.account, record);
    }

    function _requireKey(Submission calldata s) private view returns (IGroth16Verifier verifier) {
        bytes32 rules = s.snapshot.ruleDigest;
        verifier = _verifiers[keccak256(abi.encode(s.policyId, s.verifierId, rules, s.r1csDigest, s.vkHash))];
        if (address(verifier) == address(0)) {
            bytes32 verifierId = _policies[s.policyId].verifierId;
            if (s.verifierId != verifierId) revert WrongVerifier(verifierId, s.verifierId);
            revert KeyNotListed(rules, s.r1csDigest, s.vkHash);
        }
    }

    function _requireTimes(Submission calldata s, Terms memory terms) private view returns (uint256 start) {
        if (s.issuedAt >= s.expiresAt) revert ProofExpired(s.expiresAt);
        if (s.issuedAt > block.timestamp + terms.skew) revert ProofNotYetValid(s.issuedAt);
        if (block.timestamp >= s.expiresAt) revert ProofExpired(s.expiresAt);
        if (block.timestamp > uint256(s.issuedAt) + terms.proofAge) revert ProofExpired(uint256(s.issuedAt) + terms.proofAge);
        start = s.epoch * epochLength;
        uint256 end = start + epochLength;
        if (block.timestamp >= end || block.timestamp + terms.lead < start) revert WrongEpoch(s.epoch);
        if (s.expiresAt > end) revert PledgeTooLong(end, s.expiresAt);
    }

    /// The public input collateral_root: zero without a root.
    function _requireRoot(Submission calldata s, Terms memory terms, Record memory record) private view returns (uint256) {
        bytes32 digest = s.rootDigest;
        if (digest == 0) return 0;
        if (!terms.collateral) revert CollateralRefused();
        bytes32 key = keccak256(abi.encode(s.policyId, digest));
        RootTimes memory times = _rootTimes[key];
        if (times.expiresAt == 0) revert RootUnknown(digest);
        if (revoked[digest]) revert RootRevoked(digest);
        if (block.timestamp >= times.expiresAt) revert RootExpired(times.expiresAt);
        if (block.timestamp > times.usableUntil) revert BlockStale(times.usableUntil);
        if (times.epoch != s.epoch) revert WrongEpoch(times.epoch);
        if (terms.exclusive && s.claim >> 40 < s.expiresAt) revert LockEnds(s.expiresAt, s.claim >> 40);
        record.rootSeq = times.seq;
        return _roots[key];
    }

    function _requireSnapshot(Submission calldata s, Terms memory terms, bytes32 domain) private view {
        Snapshot calldata snapshot = s.snapshot;
        bytes32 digest = Documents.digest(domain, snapshot.hash());
        if (_documents[keccak256(abi.encode(s.policyId, digest))] != SNAPSHOT_KIND) revert SnapshotUnknown(digest);
        uint256 latest = block.timestamp + terms.skew;
        if (snapshot.priceTime > latest) revert PriceFuture(snapshot.priceTime);
        if (snapshot.issuedAt > latest) revert PriceFuture(snapshot.issuedAt);
        uint256 until = uint256(snapshot.priceTime) + terms.priceAge;
        if (block.timestamp > until) revert PriceStale(until);
        if (block.timestamp >= snapshot.expiresAt) revert PriceStale(snapshot.expiresAt);
    }

    /// keccak256 of the statements' digests; their commitments become public inputs, their numbers part of the record.
    function _requireStatements(
        Submission calldata s,
        Terms memory terms,
        bytes32 domain,
        uint256[] memory inputs,
        Record memory record
    ) private view returns (bytes32) {
        uint256 count = s.statements.length;
        bytes32[] memory digests = new bytes32[](count);
        record.statementSeqs = new uint64[](count);
        for (uint256 i = 0; i < count; ++i) {
            Statement calldata statement = s.statements[i];
            bytes32 digest = Documents.digest(domain, statement.hash());
            if (_documents[keccak256(abi.encode(s.policyId, digest))] != i + 1) revert StatementUnknown(i, digest);
            if (statement.audience != s.verifierId) revert WrongVerifier(s.verifierId, statement.audience);
            if (statement.epoch != s.epoch) revert WrongEpoch(statement.epoch);
            bytes32 listing = s.snapshot.listingDigest;
            if (statement.listingDigest != listing) revert ListingMismatch(listing, statement.listingDigest);
            _requireFresh(statement, terms, i);
            for (uint256 k = 0; k < i; ++k) {
                if (inputs[2 + k] == statement.commitment) revert StatementTwice(statement.commitment);
            }
            digests[i] = digest;
            inputs[2 + i] = statement.commitment;
            record.statementSeqs[i] = statement.seq;
        }
        return keccak256(abi.encodePacked(digests));
    }

    function _requireFresh(Statement calldata statement, Terms memory terms, uint256 index) private view {
        uint256 latest = block.timestamp + terms.skew;
        if (statement.asOf > latest) revert StatementFuture(index, statement.asOf);
        if (statement.issuedAt > latest) revert StatementFuture(index, statement.issuedAt);
        uint256 until = uint256(statement.asOf) + terms.statementAge;
        if (block.timestamp > until) revert StatementStale(index, until);
        if (block.timestamp >= statement.expiresAt) revert StatementStale(index, statement.expiresAt);
    }

    /// kind | num << 8 | den << 24 | minLock << 40, and at least what the policy asks for.
    function _requireClaim(Submission calldata s, Terms memory terms) private pure {
        uint256 kind = s.claim & 0xff;
        uint256 num = (s.claim >> 8) & 0xffff;
        uint256 den = (s.claim >> 24) & 0xffff;
        uint256 lock = s.claim >> 40;
        if (kind > 1 || den == 0 || num < den || lock > type(uint64).max) revert ClaimMalformed(s.claim);
        if (lock != 0 && s.rootDigest == 0) revert ClaimMalformed(s.claim);
        if (kind != terms.kind || num * terms.den < uint256(terms.num) * den) revert ClaimTooWeak(s.claim);
    }

    function _contextOf(Submission calldata s, bytes32 domain, bytes32 statementsHash) private pure returns (uint256) {
        bytes memory first = abi.encode(
            Documents.CONTEXT, s.verifierId, s.challenge, s.target, s.snapshot.ruleDigest, s.r1csDigest, s.vkHash
        );
        bytes memory second = abi.encode(
            s.snapshot.marketDigest, s.snapshot.listingDigest, statementsHash, s.rootDigest, s.epoch, s.issuedAt,
            s.expiresAt, s.policyId
        );
        return uint256(Documents.digest(domain, keccak256(bytes.concat(first, second)))) >> 8;
    }

    /// An empty slot is free. Its venue replaces a record by a newer one; after a release anyone may pledge, with a proof from
    /// after it.
    function _requireFree(Submission calldata s, Record memory record) private view {
        bytes32 slot = records[s.nullifier];
        if (s.held.length == 0) {
            if (slot != 0) revert NullifierTaken(s.nullifier);
            return;
        }
        Record calldata held = s.held[0];
        if (s.held.length != 1 || slot != keccak256(abi.encode(held))) revert RecordMismatch(s.nullifier);
        if (held.context == record.context) revert Replayed(record.context);
        if (held.releasedAt != 0) {
            if (s.issuedAt < held.releasedAt) revert Replayed(record.context);
            return;
        }
        if (held.venueId != record.venueId || held.account != record.account) revert HeldByAnother(s.nullifier);
        _requireRefresh(held, record);
    }

    /// Of the same key and policy, newer, ends no earlier, goes back behind no document.
    function _requireRefresh(Record calldata held, Record memory record) private pure {
        if (held.policyId != record.policyId) revert RefreshRefused("policyId");
        if (held.vkHash != record.vkHash) revert RefreshRefused("vkHash");
        if (record.issuedAt <= held.issuedAt) revert RefreshRefused("issuedAt");
        if (record.expiresAt < held.expiresAt) revert RefreshRefused("expiresAt");
        if (record.rootSeq < held.rootSeq) revert RootSuperseded(held.rootSeq, record.rootSeq);
        for (uint256 i = 0; i < record.statementSeqs.length; ++i) {
            uint256 seq = record.statementSeqs[i];
            if (seq < held.statementSeqs[i]) revert StatementSuperseded(i, held.statementSeqs[i], seq);
        }
    }

    /// @inheritdoc IMarginRegistry
    /// @dev Signed by the venue's own key: Release(uint256 nullifier,uint64 epoch,uint64 at). `moment` lies after the record and
    /// not in the future, so that a release cannot be used again for a later record.
    function release(uint256 nullifier, Record calldata record, uint64 moment, bytes calldata signature) external {
        if (records[nullifier] != keccak256(abi.encode(record))) revert RecordMismatch(nullifier);
        if (record.releasedAt != 0) revert ReleaseRefused("released before");
        if (moment <= record.recordedAt || moment > block.timestamp) revert ReleaseRefused("moment");
        bytes32 digest =
            Documents.digest(Documents.separator(), Documents.hashRelease(nullifier, record.epoch, moment));
        address signer = Signatures.recover(digest, signature, 0);
        if (signer != _policies[record.policyId].verifierKey) revert Signatures.SignerUnknown(0, signer);
        Record memory ended = record;
        ended.releasedAt = moment;
        records[nullifier] = keccak256(abi.encode(ended));
        emit Released(nullifier, record.policyId, ended);
    }

    // --- questions ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IMarginRegistry
    function isCovered(
        address account,
        bytes32 policyId,
        uint256 maximumAge,
        uint256 nullifier,
        Record calldata record
    ) external view returns (bool) {
        return bytes(_uncovered(account, policyId, maximumAge, nullifier, record)).length == 0;
    }

    /// @inheritdoc IMarginRegistry
    function requireCovered(
        address account,
        bytes32 policyId,
        uint256 maximumAge,
        uint256 nullifier,
        Record calldata record
    ) external view {
        string memory why = _uncovered(account, policyId, maximumAge, nullifier, record);
        if (bytes(why).length != 0) revert NotCovered(why);
    }

    /// Why a record does not count; empty if it does.
    function _uncovered(
        address account,
        bytes32 policyId,
        uint256 maximumAge,
        uint256 nullifier,
        Record calldata record
    ) private view returns (string memory) {
        if (records[nullifier] != keccak256(abi.encode(record))) return "record";
        if (record.policyId != policyId) return "policy";
        if (account == address(0) || record.account != account) return "account";
        if (record.releasedAt != 0) return "released";
        if (block.timestamp < record.effectiveFrom) return "pending";
        if (block.timestamp >= record.expiresAt) return "expired";
        if (block.timestamp > record.issuedAt && block.timestamp - record.issuedAt > maximumAge) return "old";
        if (record.rootDigest != 0 && revoked[record.rootDigest]) return "root revoked";
        return "";
    }

    /// @inheritdoc IMarginRegistry
    function multicall(bytes[] calldata calls) external {
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool done, bytes memory answer) = address(this).delegatecall(calls[i]);
            if (!done) {
                assembly ("memory-safe") {
                    revert(add(answer, 32), mload(answer))
                }
            }
        }
    }
}
