// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMarginRegistry} from "./IMarginRegistry.sol";

/// @notice Quorums of secp256k1 signatures, each with one spelling.                          specs/documents.md#signatures
library Signatures {
    error SignatureFormat(uint256 index);
    error SignatureHighS(uint256 index);
    error SignatureOrder(uint256 index);
    error SignatureDuplicate(uint256 index);
    error SignerUnknown(uint256 index, address signer);
    error BelowQuorum(uint256 expected, uint256 got);

    uint256 private constant N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    /// keccak256(abi.encode(uint64 nonce, address[] members, uint8 threshold)); zero for the empty set.
    function idOf(IMarginRegistry.Signers calldata signers) internal pure returns (bytes32) {
        if (signers.members.length == 0) return 0;
        return keccak256(abi.encode(signers.nonce, signers.members, signers.threshold));
    }

    /// Members strictly ascending and not zero, 1 <= threshold <= members.
    function isSound(IMarginRegistry.Signers calldata signers) internal pure returns (bool) {
        uint256 count = signers.members.length;
        address last = address(0);
        for (uint256 i = 0; i < count; ++i) {
            if (signers.members[i] <= last) return false;
            last = signers.members[i];
        }
        return signers.threshold >= 1 && signers.threshold <= count;
    }

    /// Every signature given holds, its signer is a member, signers ascend, and they are enough.
    function requireQuorumOver(IMarginRegistry.Signed calldata signed, bytes32 digest) internal pure {
        uint256 count = signed.signatures.length;
        address last = address(0);
        uint256 place = 0;
        address[] calldata members = signed.signers.members;
        for (uint256 i = 0; i < count; ++i) {
            address signer = recover(digest, signed.signatures[i], i);
            if (signer == last) revert SignatureDuplicate(i);
            if (signer < last) revert SignatureOrder(i);
            last = signer;
            while (place < members.length && members[place] < signer) ++place;
            if (place == members.length || members[place] != signer) revert SignerUnknown(i, signer);
        }
        if (count < signed.signers.threshold) revert BelowQuorum(signed.signers.threshold, count);
    }

    /// The signer of r, s, v: 65 bytes, v 27 or 28, s in the lower half.
    function recover(bytes32 digest, bytes calldata signature, uint256 index) internal pure returns (address signer) {
        if (signature.length != 65) revert SignatureFormat(index);
        bytes32 r = bytes32(signature[0:32]);
        bytes32 s = bytes32(signature[32:64]);
        uint8 v = uint8(signature[64]);
        if ((v != 27 && v != 28) || r == 0 || uint256(r) >= N || s == 0 || uint256(s) >= N) revert SignatureFormat(index);
        if (uint256(s) > N / 2) revert SignatureHighS(index);
        signer = ecrecover(digest, v, r, s);
        if (signer == address(0)) revert SignerUnknown(index, signer);
    }
}
