// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Groth16Verifier} from "./Groth16Verifier.sol";
import {IGroth16Verifier} from "./IGroth16Verifier.sol";

/// @notice Creates a Groth16Verifier for one key: what is deployed is the verifier's code, then the key.
/// @dev Nothing but that code and that key decides the address under CREATE2.
contract Groth16Key {
    /// @param key words as Groth16Verifier has them, without n: alpha, beta, gamma, delta, IC.
    constructor(uint256[] memory key) {
        if (key.length < 18 || key.length % 2 != 0) revert IGroth16Verifier.KeyMalformed();
        uint256 inputs = key.length / 2 - 8;
        bytes memory code = abi.encodePacked(type(Groth16Verifier).runtimeCode, key, inputs);
        assembly ("memory-safe") {
            return(add(code, 32), mload(code))
        }
    }
}
