// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGroth16Verifier} from "./IGroth16Verifier.sol";

/// @notice The equation e(A, B) = e(alpha, beta) e(IC_0 + sum a_i IC_i, gamma) e(C, delta) of Groth16 (eprint 2016/260),
/// by the precompiles of EIP-196 and EIP-197.
/// @dev The key is data behind this code, put there by Groth16Key: one audited and reproducible code for every key, and
/// a key that is read from its own code at three gas per word. Layout of the data, in words: alpha (2), beta (4),
/// gamma (4), delta (4), IC (2 each), coordinates of G2 as x.c0, x.c1, y.c0, y.c1, then the number n of public inputs.
contract Groth16Verifier is IGroth16Verifier {
    uint256 private constant Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583;
    uint256 private constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;
    uint256 private constant EC_ADD = 6;
    uint256 private constant EC_MUL = 7;
    uint256 private constant PAIRING = 8;
    /// Words before IC: alpha, beta, gamma, delta.
    uint256 private constant FIXED = 14;
    uint256 private constant PAIR = 192;
    /// 3 / (9 + u), the constant of the twist's equation.
    uint256 private constant TWIST_C0 = 19485874751759354771024239261021720505790618469301721065564631296452457478373;
    uint256 private constant TWIST_C1 = 266929791119991161246907387137283842545076965332900288569378510910307636690;

    /// @inheritdoc IGroth16Verifier
    function verify(uint256[8] calldata proof, uint256[] calldata inputs) external view {
        (uint256 key, uint256 count) = _readKey();
        if (inputs.length != count) revert InputCount(count, inputs.length);
        _requireProof(proof);
        uint256 scalars = _allocate(32 * count);
        assembly ("memory-safe") {
            calldatacopy(scalars, inputs.offset, mul(32, count))
        }
        _requireCanonical(scalars, count);
        uint256 pairs = _allocate(4 * PAIR);
        assembly ("memory-safe") {
            let ic := add(key, mul(32, FIXED))
            mstore(add(pairs, mul(2, PAIR)), mload(ic))
            mstore(add(pairs, add(mul(2, PAIR), 32)), mload(add(ic, 32)))
        }
        _combine(key, scalars, count, pairs + 2 * PAIR);
        assembly ("memory-safe") {
            mstore(pairs, calldataload(proof))
            mstore(add(pairs, 32), sub(Q, calldataload(add(proof, 32)))) // -A; A.y is not zero on this curve
            calldatacopy(add(pairs, 64), add(proof, 64), 128)
            mstore(add(pairs, PAIR), mload(key)) // alpha
            mstore(add(pairs, add(PAIR, 32)), mload(add(key, 32)))
            calldatacopy(add(pairs, mul(3, PAIR)), add(proof, 192), 64)
        }
        _closeWithKey(key, pairs + PAIR);
        _requireProduct(pairs, 4);
    }

    /// @inheritdoc IGroth16Verifier
    /// @dev With rho_0 = 1 and 128-bit rho_i from a hash over key, proofs, inputs and i:
    /// prod e(-rho_i A_i, B_i) e(sum rho_i alpha, beta) e(sum rho_i IC(a_i), gamma) e(sum rho_i C_i, delta) = 1.
    /// All factors lie in a group of prime order r (the precompile checks every B_i), so if some proof does not hold, at
    /// most one of 2**128 values of its coefficient satisfies the equation, whatever the other coefficients are.
    function verifyBatch(uint256[8][] calldata proofs, uint256[][] calldata inputs) external view {
        (uint256 key, uint256 count) = _readKey();
        uint256 n = proofs.length;
        if (n == 0 || inputs.length != n) revert InputCount(n, inputs.length);
        uint256 pairs = _allocate((n + 3) * PAIR);
        uint256 seed = uint256(keccak256(abi.encode("zkmargin.v1.batch", _hashKey(key, count), proofs, inputs)));
        uint256[] memory sums = new uint256[](count);
        uint256 total = 0;
        uint256 sumC = pairs + (n + 2) * PAIR;
        for (uint256 k = 0; k < n; ++k) {
            if (inputs[k].length != count) revert InputCount(count, inputs[k].length);
            _requireProof(proofs[k]);
            uint256 rho = k == 0 ? 1 : uint256(keccak256(abi.encode(seed, k))) >> 128;
            total = addmod(total, rho, R);
            for (uint256 i = 0; i < count; ++i) {
                uint256 value = inputs[k][i];
                if (value >= R) revert InputNotCanonical(i);
                sums[i] = addmod(sums[i], mulmod(rho, value, R), R);
            }
            _addToBatch(proofs[k], rho, pairs + k * PAIR, sumC, k == 0);
        }
        uint256 fixedPairs = pairs + n * PAIR;
        _multiply(key, total, fixedPairs);
        uint256 scalars;
        assembly ("memory-safe") {
            scalars := add(sums, 32)
        }
        _multiply(key + FIXED * 32, total, fixedPairs + PAIR);
        _combine(key, scalars, count, fixedPairs + PAIR);
        _closeWithKey(key, fixedPairs);
        _requireProduct(pairs, n + 3);
    }

    /// @inheritdoc IGroth16Verifier
    function vkHash() external pure returns (bytes32) {
        (uint256 key, uint256 count) = _readKey();
        for (uint256 i = 0; i < FIXED / 2 + count + 1; ++i) {
            uint256 x;
            uint256 y;
            assembly ("memory-safe") {
                x := mload(add(key, mul(64, i)))
                y := mload(add(key, add(32, mul(64, i))))
            }
            // A pair of words is a point of G1 or a coordinate of G2, of which a point of order r has none that is zero.
            if ((x | y) == 0 || x >= Q || y >= Q) revert KeyMalformed();
        }
        return _hashKey(key, count);
    }

    /// @inheritdoc IGroth16Verifier
    function inputCount() external pure returns (uint256 count) {
        (, count) = _readKey();
    }

    /// The key's place in memory, and n.
    function _readKey() private pure returns (uint256 key, uint256 count) {
        uint256 size;
        assembly ("memory-safe") {
            size := codesize()
            codecopy(0, sub(size, 32), 32)
            count := mload(0)
        }
        uint256 length = (FIXED + 2 * (count + 1)) * 32;
        if (count == 0 || count > 64 || size < length + 32) revert KeyMalformed();
        key = _allocate(length);
        assembly ("memory-safe") {
            codecopy(key, sub(sub(size, 32), length), length)
        }
    }

    function _hashKey(uint256 key, uint256 count) private pure returns (bytes32) {
        uint256 length = (FIXED + 2 * (count + 1)) * 32;
        bytes memory coordinates = new bytes(length);
        assembly ("memory-safe") {
            for { let i := 0 } lt(i, length) { i := add(i, 32) } {
                mstore(add(add(coordinates, 32), i), mload(add(key, i)))
            }
        }
        return sha256(abi.encodePacked("zkmargin.v1.vk", uint32(count), coordinates));
    }

    function _allocate(uint256 length) private pure returns (uint256 place) {
        assembly ("memory-safe") {
            place := mload(64)
            mstore(64, add(place, length))
        }
    }

    /// Canonical coordinates; A and C on the curve, B on the twist, none at infinity. The subgroup of B is the pairing's to
    /// check. Precompiles refuse all of this too, but take all gas and give no reason.
    function _requireProof(uint256[8] calldata proof) private pure {
        bool canonical;
        assembly ("memory-safe") {
            canonical := and(lt(calldataload(proof), Q), lt(calldataload(add(proof, 32)), Q))
            canonical := and(canonical, lt(calldataload(add(proof, 64)), Q))
            canonical := and(canonical, lt(calldataload(add(proof, 96)), Q))
            canonical := and(canonical, lt(calldataload(add(proof, 128)), Q))
            canonical := and(canonical, lt(calldataload(add(proof, 160)), Q))
            canonical := and(canonical, lt(calldataload(add(proof, 192)), Q))
            canonical := and(canonical, lt(calldataload(add(proof, 224)), Q))
        }
        if (!canonical) _refuseCoordinate(proof);
        _requireG1(proof[0], proof[1]);
        _requireG2(proof[3], proof[2], proof[5], proof[4]);
        _requireG1(proof[6], proof[7]);
    }

    function _requireCanonical(uint256 scalars, uint256 count) private pure {
        uint256 i = 0;
        assembly ("memory-safe") {
            for {} lt(i, count) { i := add(i, 1) } {
                if iszero(lt(mload(add(scalars, mul(32, i))), R)) { break }
            }
        }
        if (i < count) revert InputNotCanonical(i);
    }

    function _refuseCoordinate(uint256[8] calldata proof) private pure {
        uint256 i = 0;
        while (proof[i] < Q) ++i;
        revert CoordinateNotCanonical(i);
    }

    /// y^2 = x^3 + 3
    function _requireG1(uint256 x, uint256 y) private pure {
        if ((x | y) == 0) revert PointAtInfinity();
        if (mulmod(y, y, Q) != addmod(mulmod(mulmod(x, x, Q), x, Q), 3, Q)) revert PointOffCurve();
    }

    /// y^2 = x^3 + 3 / (9 + u) in Fq[u] / (u^2 + 1)
    function _requireG2(uint256 x0, uint256 x1, uint256 y0, uint256 y1) private pure {
        if ((x0 | x1 | y0 | y1) == 0) revert PointAtInfinity();
        (uint256 s0, uint256 s1) = _square(x0, x1);
        uint256 c0 = addmod(mulmod(s0, x0, Q), Q - mulmod(s1, x1, Q), Q); // q itself is reduced by addmod
        uint256 c1 = addmod(mulmod(s0, x1, Q), mulmod(s1, x0, Q), Q);
        (uint256 left0, uint256 left1) = _square(y0, y1);
        if (left0 != addmod(c0, TWIST_C0, Q) || left1 != addmod(c1, TWIST_C1, Q)) revert PointOffCurve();
    }

    /// (a + b u)^2 = (a + b)(a - b) + 2 a b u
    function _square(uint256 a, uint256 b) private pure returns (uint256, uint256) {
        unchecked {
            return (mulmod(a + b, a + Q - b, Q), mulmod(2 * a, b, Q)); // a, b < q < 2**254: nothing wraps
        }
    }

    /// Adds sum scalars_i * IC_(i+1) to the point at `to`.
    function _combine(uint256 key, uint256 scalars, uint256 count, uint256 to) private view {
        uint256 ic = key + FIXED * 32;
        bool ok = true;
        uint256 work = _allocate(160);
        assembly ("memory-safe") {
            // work: the sum so far (64 bytes), a term (64), a scalar; ecMul reads 96 bytes and writes over the term
            mstore(work, mload(to))
            mstore(add(work, 32), mload(add(to, 32)))
            let term := add(work, 64)
            for { let end := add(scalars, mul(32, count)) } lt(scalars, end) { scalars := add(scalars, 32) } {
                ic := add(ic, 64)
                mstore(term, mload(ic))
                mstore(add(term, 32), mload(add(ic, 32)))
                mstore(add(term, 64), mload(scalars))
                ok := and(ok, staticcall(gas(), EC_MUL, term, 96, term, 64))
                ok := and(ok, staticcall(gas(), EC_ADD, work, 128, work, 64))
            }
            mstore(to, mload(work))
            mstore(add(to, 32), mload(add(work, 32)))
        }
        if (!ok) revert PrecompileFailed();
    }

    /// scalar * (the point of G1 at `from`), at `to`.
    function _multiply(uint256 from, uint256 scalar, uint256 to) private view {
        bool ok;
        uint256 work = _allocate(96);
        assembly ("memory-safe") {
            mstore(work, mload(from))
            mstore(add(work, 32), mload(add(from, 32)))
            mstore(add(work, 64), scalar)
            ok := staticcall(gas(), EC_MUL, work, 96, to, 64)
        }
        if (!ok) revert PrecompileFailed();
    }

    /// The pair (-rho A, B) at `pair`; rho C is added to the point at `sumC`.
    function _addToBatch(uint256[8] calldata proof, uint256 rho, uint256 pair, uint256 sumC, bool first) private view {
        bool ok = true;
        uint256 work = _allocate(160);
        assembly ("memory-safe") {
            mstore(work, calldataload(proof))
            mstore(add(work, 32), sub(Q, calldataload(add(proof, 32))))
            mstore(add(work, 64), rho)
            ok := staticcall(gas(), EC_MUL, work, 96, pair, 64)
            calldatacopy(add(pair, 64), add(proof, 64), 128)
            switch first
            case 1 { calldatacopy(sumC, add(proof, 192), 64) }
            default {
                let term := add(work, 64)
                calldatacopy(term, add(proof, 192), 64)
                mstore(add(term, 64), rho)
                ok := and(ok, staticcall(gas(), EC_MUL, term, 96, term, 64))
                mstore(work, mload(sumC))
                mstore(add(work, 32), mload(add(sumC, 32)))
                ok := and(ok, staticcall(gas(), EC_ADD, work, 128, sumC, 64))
            }
        }
        if (!ok) revert PrecompileFailed();
    }

    /// The second halves of the three pairs at `pairs`: beta, gamma, delta, halves of coordinates swapped.
    function _closeWithKey(uint256 key, uint256 pairs) private pure {
        assembly ("memory-safe") {
            let from := add(key, 64)
            let to := add(pairs, 64)
            for { let i := 0 } lt(i, 3) { i := add(i, 1) } {
                mstore(to, mload(add(from, 32)))
                mstore(add(to, 32), mload(from))
                mstore(add(to, 64), mload(add(from, 96)))
                mstore(add(to, 96), mload(add(from, 64)))
                from := add(from, 128)
                to := add(to, PAIR)
            }
        }
    }

    function _requireProduct(uint256 pairs, uint256 count) private view {
        bool ok;
        uint256 product;
        assembly ("memory-safe") {
            ok := staticcall(gas(), PAIRING, pairs, mul(count, PAIR), 0, 32)
            ok := and(ok, eq(returndatasize(), 32))
            product := mload(0)
        }
        if (!ok) revert PrecompileFailed();
        if (product != 1) revert ProofInvalid();
    }
}
