// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMarginRegistry} from "./IMarginRegistry.sol";

/// @notice EIP-712 of the signed structures, under the domain of the contract that runs this.   specs/documents.md#eip-712
library Documents {
    bytes32 internal constant DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 internal constant STATEMENT = keccak256(
        "PositionStatement(uint256 commitment,uint8 scheme,bytes sizeCommitment,bytes32 listingDigest,uint64 asOf,"
        "uint64 issuedAt,uint64 expiresAt,bytes32 venueId,bytes32 audience,uint64 epoch,uint64 seq)"
    );
    bytes32 internal constant SNAPSHOT = keccak256(
        "MarketSnapshot(bytes32 marketDigest,bytes32 ruleDigest,uint256 tableCommitment,bytes32 listingDigest,"
        "uint64 priceTime,uint64 issuedAt,uint64 expiresAt,bytes32 sourcesHash)"
    );
    bytes32 internal constant ROOT = keccak256(
        "CollateralRoot(uint256 root,uint64 epoch,uint64 seq,uint32 leafCount,uint8 depth,bytes32 checkpointsHash,"
        "bytes32 leavesHash,bytes32 prevDigest,bytes32 pledgeDomain,bytes32 attestorSetId,uint64 issuedAt,"
        "uint64 expiresAt)"
    );
    bytes32 internal constant CHECKPOINT = keccak256(
        "Checkpoint(string chain,uint64 blockNumber,bytes32 blockHash,bytes32 stateRoot,uint64 blockTime,"
        "uint8 finality,uint8 proofKind)"
    );
    bytes32 internal constant REVOCATION = keccak256("RevokeRoot(bytes32 rootDigest,uint16 reason,uint64 at)");
    bytes32 internal constant RELEASE = keccak256("Release(uint256 nullifier,uint64 epoch,uint64 at)");
    bytes32 internal constant CONTEXT = keccak256(
        "StatementContext(bytes32 verifierId,bytes32 challenge,bytes32 target,bytes32 ruleDigest,bytes32 r1csDigest,"
        "bytes32 vkHash,bytes32 marketDigest,bytes32 listingDigest,bytes32 statementsHash,bytes32 rootDigest,"
        "uint64 epoch,uint64 issuedAt,uint64 expiresAt,bytes32 policyId)"
    );
    bytes32 internal constant SCOPE = keccak256("PledgeScope(bytes32 pledgeDomain,uint64 epoch)");
    bytes32 private constant NO_BYTES = keccak256("");
    uint256 private constant SCHEME_POSEIDON = 1;

    /// Computed each time: after a fork of the chain signatures of the other side do not hold here.
    function separator() internal view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN, keccak256("ZKMargin"), keccak256("1"), block.chainid, address(this)));
    }

    /// keccak256(abi.encode(chainId, contract)): the pledge domain, and the target of proofs.
    function pledgeDomain() internal view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this)));
    }

    function scope(uint64 epoch) internal view returns (uint256) {
        return uint256(keccak256(abi.encode(SCOPE, pledgeDomain(), epoch))) >> 8;
    }

    function digest(bytes32 domain, bytes32 structure) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", domain, structure));
    }

    function hash(IMarginRegistry.Statement calldata s) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                STATEMENT, s.commitment, SCHEME_POSEIDON, NO_BYTES, s.listingDigest, s.asOf, s.issuedAt, s.expiresAt,
                s.venueId, s.audience, s.epoch, s.seq
            )
        );
    }

    function hash(IMarginRegistry.Snapshot calldata s) internal pure returns (bytes32) {
        return keccak256(abi.encode(SNAPSHOT, s));
    }

    function hash(IMarginRegistry.Root calldata r) internal pure returns (bytes32) {
        return keccak256(abi.encode(ROOT, r));
    }

    function hash(IMarginRegistry.Checkpoint calldata c) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                CHECKPOINT, keccak256(bytes(c.chain)), c.blockNumber, c.blockHash, c.stateRoot, c.blockTime, c.finality,
                c.proofKind
            )
        );
    }

    function hash(IMarginRegistry.Revocation calldata r) internal pure returns (bytes32) {
        return keccak256(abi.encode(REVOCATION, r));
    }

    function hashRelease(uint256 nullifier, uint64 epoch, uint64 moment) internal pure returns (bytes32) {
        return keccak256(abi.encode(RELEASE, nullifier, epoch, moment));
    }
}
