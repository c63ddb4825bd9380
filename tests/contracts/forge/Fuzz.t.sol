// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IGroth16Verifier} from "../src/IGroth16Verifier.sol";
import {IMarginRegistry} from "../src/IMarginRegistry.sol";

/// What forge's virtual machine offers.
interface Vm {
    function etch(address target, bytes calldata code) external;
    function prank(address sender) external;
    function warp(uint256 time) external;
    function roll(uint256 number) external;
    function chainId(uint256 id) external;
    function load(address target, bytes32 slot) external view returns (bytes32);
    function assume(bool condition) external pure;
    function readFile(string calldata path) external view returns (string memory);
    function parseJsonAddress(string calldata json, string calldata key) external pure returns (address);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function parseJsonBytesArray(string calldata json, string calldata key) external pure returns (bytes[] memory);
    function parseJsonBytes32(string calldata json, string calldata key) external pure returns (bytes32);
}

/// @notice Whatever is sent to the contracts, they accept nothing but what the fixture holds. The fixture, by Python: codes as
/// they stand on a chain, calls that set the stage, valid calls of every kind.
contract FuzzTest {
    Vm private constant VM = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);
    address private registry;
    address private verifier;
    bytes32 private slot;
    bytes private submission;
    bytes private verification;
    bytes private batch;
    bytes[] private documents;
    bytes private closing;
    uint256 private clock;

    function setUp() public {
        string memory fixture = VM.readFile("fixture.json");
        registry = VM.parseJsonAddress(fixture, ".registry");
        verifier = VM.parseJsonAddress(fixture, ".verifier");
        VM.etch(registry, VM.parseJsonBytes(fixture, ".registryCode"));
        VM.etch(verifier, VM.parseJsonBytes(fixture, ".verifierCode"));
        VM.chainId(VM.parseJsonUint(fixture, ".chainId"));
        clock = VM.parseJsonUint(fixture, ".time");
        VM.warp(clock);
        VM.roll(100);
        bytes[] memory policies = VM.parseJsonBytesArray(fixture, ".policies");
        for (uint256 i = 0; i < policies.length; ++i) {
            VM.prank(VM.parseJsonAddress(fixture, ".administrator"));
            _mustDo(registry, policies[i]);
        }
        documents = VM.parseJsonBytesArray(fixture, ".documents");
        for (uint256 i = 0; i < documents.length; ++i) _mustDo(registry, documents[i]);
        submission = VM.parseJsonBytes(fixture, ".submission");
        verification = VM.parseJsonBytes(fixture, ".verification");
        batch = VM.parseJsonBytes(fixture, ".batch");
        closing = VM.parseJsonBytes(fixture, ".release");
        slot = VM.parseJsonBytes32(fixture, ".slot");
    }

    function _mustDo(address target, bytes memory data) private {
        (bool done,) = target.call(data);
        require(done, "the fixture does not hold");
    }

    /// The fixture itself: a valid submission leaves its record, a valid proof and batch return.
    function test_theValidOnesHold() public {
        _mustDo(verifier, verification);
        _mustDo(verifier, batch);
        require(VM.load(registry, slot) == 0, "recorded before");
        _mustDo(registry, submission);
        require(VM.load(registry, slot) != 0, "not recorded");
    }

    /// The offset of the empty list `held`, wrapped round: Solidity reads an empty list there too. Fuzzing found it.
    function test_anotherSpellingOfTheSame() public {
        bytes memory changed = bytes.concat(submission);
        changed[4 + 32 * 31] = 0x9b;
        require(_same(changed, submission, this.tellSubmission.selector), "says another thing");
        _mustDo(registry, changed);
    }

    // --- mutations: bytes of a valid call are changed; unless it still says the same, it is refused ------------------

    function testFuzz_submission(uint256[4] calldata places, uint256[4] calldata values, uint8 count) public {
        bytes memory changed = _mutated(submission, places, values, count);
        VM.assume(!_same(changed, submission, this.tellSubmission.selector));
        _mustRefuse(registry, changed);
    }

    function testFuzz_verification(uint256[4] calldata places, uint256[4] calldata values, uint8 count) public {
        bytes memory changed = _mutated(verification, places, values, count);
        VM.assume(!_same(changed, verification, this.tellVerification.selector));
        _mustRefuse(verifier, changed);
    }

    function testFuzz_batch(uint256[4] calldata places, uint256[4] calldata values, uint8 count) public {
        bytes memory changed = _mutated(batch, places, values, count);
        VM.assume(!_same(changed, batch, this.tellBatch.selector));
        _mustRefuse(verifier, changed);
    }

    function testFuzz_statement(uint256[4] calldata places, uint256[4] calldata values, uint8 count) public {
        bytes memory changed = _mutated(documents[0], places, values, count);
        VM.assume(!_same(changed, documents[0], this.tellStatement.selector));
        _mustRefuse(registry, changed);
    }

    function testFuzz_snapshot(uint256[4] calldata places, uint256[4] calldata values, uint8 count) public {
        bytes memory changed = _mutated(documents[1], places, values, count);
        VM.assume(!_same(changed, documents[1], this.tellSnapshot.selector));
        _mustRefuse(registry, changed);
    }

    function testFuzz_root(uint256[4] calldata places, uint256[4] calldata values, uint8 count) public {
        bytes memory changed = _mutated(documents[2], places, values, count);
        VM.assume(!_same(changed, documents[2], this.tellRoot.selector));
        _mustRefuse(registry, changed);
    }

    function testFuzz_release(uint256[4] calldata places, uint256[4] calldata values, uint8 count) public {
        _mustDo(registry, submission);
        VM.warp(clock + 100);
        bytes memory changed = _mutated(closing, places, values, count);
        VM.assume(!_same(changed, closing, this.tellRelease.selector));
        _mustRefuse(registry, changed);
    }

    // --- anything at all ---------------------------------------------------------------------------------------------

    function testFuzz_anyProof(uint256[8] calldata proof, uint256[7] calldata values) public {
        uint256[] memory inputs = new uint256[](7);
        for (uint256 i = 0; i < 7; ++i) inputs[i] = values[i];
        _mustRefuse(verifier, abi.encodeCall(IGroth16Verifier.verify, (proof, inputs)));
    }

    function testFuzz_validProofOfOtherInputs(uint256[7] calldata values) public {
        bytes memory words = new bytes(verification.length - 4);
        for (uint256 i = 0; i < words.length; ++i) words[i] = verification[i + 4];
        (uint256[8] memory proof, uint256[] memory inputs) = abi.decode(words, (uint256[8], uint256[]));
        uint256 place = values[0] % 7;
        for (uint256 i = 0; i < 7; ++i) if (i == place || values[i] % 2 == 0) inputs[i] = values[i] >> 8;
        _mustRefuse(verifier, abi.encodeCall(IGroth16Verifier.verify, (proof, inputs)));
    }

    function testFuzz_anySubmission(IMarginRegistry.Submission calldata any) public {
        _mustRefuse(registry, abi.encodeCall(IMarginRegistry.submit, (any)));
    }

    function testFuzz_anyDocument(
        bytes32 policyId,
        uint256 venue,
        IMarginRegistry.Statement calldata statement,
        IMarginRegistry.Snapshot calldata snapshot,
        IMarginRegistry.Signed calldata signed
    ) public {
        _mustRefuse(registry, abi.encodeCall(IMarginRegistry.registerStatement, (policyId, venue, statement, signed)));
        _mustRefuse(registry, abi.encodeCall(IMarginRegistry.registerSnapshot, (policyId, snapshot, signed)));
    }

    function testFuzz_anyQuestion(
        address account,
        bytes32 policyId,
        uint256 maximumAge,
        uint256 nullifier,
        IMarginRegistry.Record calldata record
    ) public view {
        require(!IMarginRegistry(registry).isCovered(account, policyId, maximumAge, nullifier, record), "covered");
    }

    function testFuzz_anyPolicy(address sender, IMarginRegistry.Policy calldata policy) public {
        VM.prank(sender);
        (bool done,) = registry.call(abi.encodeCall(IMarginRegistry.addPolicy, (policy)));
        require(!done, "accepted");
    }

    function testFuzz_anyBytes(bytes calldata data) public {
        _mustRefuse(verifier, bytes.concat(IGroth16Verifier.verify.selector, data));
        _mustRefuse(registry, bytes.concat(IMarginRegistry.submit.selector, data));
        _mustRefuse(registry, bytes.concat(IMarginRegistry.revokeRoot.selector, data));
    }

    // --- how it is judged --------------------------------------------------------------------------------------------

    function _mustRefuse(address target, bytes memory data) private {
        bytes32 before = VM.load(registry, slot);
        (bool done,) = target.call(data);
        require(!done, "accepted");
        require(VM.load(registry, slot) == before, "written");
    }

    /// One to four places: a byte is replaced, or a whole word by a value, or by what the neighbouring word holds.
    function _mutated(bytes memory valid, uint256[4] calldata places, uint256[4] calldata values, uint8 count)
        private
        pure
        returns (bytes memory changed)
    {
        changed = bytes.concat(valid);
        uint256 words = (valid.length - 4) / 32;
        for (uint256 i = 0; i <= count % 4; ++i) {
            uint256 place = 4 + 32 * (places[i] % words);
            uint256 kind = (places[i] >> 128) % 4;
            if (kind == 0) {
                changed[place + (values[i] >> 8) % 32] = bytes1(uint8(values[i]));
                continue;
            }
            uint256 value = values[i];
            if (kind == 1) value %= 1 << 16;
            assembly ("memory-safe") {
                let at := add(add(changed, 32), place)
                if eq(kind, 3) { value := mload(sub(at, 32)) }
                mstore(at, value)
            }
        }
    }

    /// Whether changed calldata says the same, as Solidity reads arguments: bytes that no argument is read from do not
    /// count, and an offset that wraps may lead to what it led to before.
    function _same(bytes memory changed, bytes memory valid, bytes4 teller) private view returns (bool) {
        if (keccak256(changed) == keccak256(valid)) return true;
        (bool reads, bytes memory told) = address(this).staticcall(_turned(changed, teller));
        (, bytes memory expected) = address(this).staticcall(_turned(valid, teller));
        require(expected.length == 32, "the valid call does not read");
        return reads && keccak256(told) == keccak256(expected);
    }

    function _turned(bytes memory data, bytes4 selector) private pure returns (bytes memory turned) {
        turned = bytes.concat(data);
        for (uint256 i = 0; i < 4; ++i) turned[i] = selector[i];
    }

    function tellSubmission(IMarginRegistry.Submission calldata s) external pure returns (bytes32) {
        return keccak256(abi.encode(s));
    }

    function tellVerification(uint256[8] calldata proof, uint256[] calldata inputs) external pure returns (bytes32) {
        return keccak256(abi.encode(proof, inputs));
    }

    function tellBatch(uint256[8][] calldata proofs, uint256[][] calldata inputs) external pure returns (bytes32) {
        return keccak256(abi.encode(proofs, inputs));
    }

    function tellStatement(
        bytes32 id,
        uint256 venue,
        IMarginRegistry.Statement calldata statement,
        IMarginRegistry.Signed calldata signed
    ) external pure returns (bytes32) {
        return keccak256(abi.encode(id, venue, statement, signed));
    }

    function tellSnapshot(
        bytes32 id,
        IMarginRegistry.Snapshot calldata snapshot,
        IMarginRegistry.Signed calldata signed
    ) external pure returns (bytes32) {
        return keccak256(abi.encode(id, snapshot, signed));
    }

    function tellRoot(
        bytes32 id,
        IMarginRegistry.Root calldata root,
        IMarginRegistry.Checkpoint[] calldata checkpoints,
        IMarginRegistry.ChainRule[] calldata chains,
        IMarginRegistry.Signed calldata signed
    ) external pure returns (bytes32) {
        return keccak256(abi.encode(id, root, checkpoints, chains, signed));
    }

    function tellRelease(
        uint256 nullifier,
        IMarginRegistry.Record calldata record,
        uint64 moment,
        bytes calldata signature
    ) external pure returns (bytes32) {
        return keccak256(abi.encode(nullifier, record, moment, signature));
    }
}
