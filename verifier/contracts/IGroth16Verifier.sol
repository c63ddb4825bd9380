// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @notice Groth16 over BN254 under one verifying key. Returns if a proof holds, reverts with a named error otherwise.
/// @dev A proof is A.x, A.y, B.x.c1, B.x.c0, B.y.c1, B.y.c0, C.x, C.y: the order of the pairing precompile (EIP-197),
/// in which the two halves of a coordinate of G2 are swapped against snarkjs's JSON.
interface IGroth16Verifier {
    /// A public input is not below r: an alias of another would be accepted otherwise.
    error InputNotCanonical(uint256 index);
    /// The key takes another number of public inputs, or inputs and proofs are not as many.
    error InputCount(uint256 expected, uint256 got);
    /// A coordinate of a proof is not below q.
    error CoordinateNotCanonical(uint256 index);
    /// A, B or C is the point at infinity, which no honest proof holds.
    error PointAtInfinity();
    /// A, B or C is not on its curve.
    error PointOffCurve();
    /// A precompile failed: B is outside the subgroup of order r, or gas ran out.
    error PrecompileFailed();
    /// The pairing equation does not hold.
    error ProofInvalid();
    /// The key behind the code is malformed, or a point of it is at infinity.
    error KeyMalformed();

    function verify(uint256[8] calldata proof, uint256[] calldata inputs) external view;

    /// @notice All proofs hold; wrong with a probability of at most 2**-128 per attempt (specs/contracts.md#batches).
    function verifyBatch(uint256[8][] calldata proofs, uint256[][] calldata inputs) external view;

    /// @notice SHA-256 of the key as specs/formats.md#vk-hash has it, computed from the key that verification uses.
    function vkHash() external view returns (bytes32);

    function inputCount() external view returns (uint256);
}
