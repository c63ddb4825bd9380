// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGroth16Verifier} from "./IGroth16Verifier.sol";
import {Groth16Verifier} from "./Groth16Verifier.sol";
import {IMarginRegistry} from "./IMarginRegistry.sol";
import {Signatures} from "./Signatures.sol";

/// @notice Policies and attestor sets. A policy never changes; the administrator adds policies and ends them, nothing else.
abstract contract Policies is IMarginRegistry {
    using Signatures for Signers;

    /// What of a policy is read again. `configuration` is keccak256(abi.encode(policy)): what `contracts status` compares.
    struct Kept {
        Terms terms;
        address verifierKey;
        bytes32 verifierId;
        bytes32 publishers;
        bytes32 attestors;
        bytes32 chains;
        bytes32 configuration;
    }

    /// Epochs in which an attestor set's roots count; `untilEpoch` is the first in which they do not, zero if there is none.
    struct Tenure {
        uint64 fromEpoch;
        uint64 untilEpoch;
    }

    address public immutable administrator;
    uint256 public immutable epochLength;
    bytes32 private immutable _verifierCode;
    uint256 private immutable _verifierSize;

    mapping(bytes32 policyId => Kept) internal _policies;
    /// keccak256(policyId, verifierId, ruleDigest, r1csDigest, vkHash) => verifier
    mapping(bytes32 key => IGroth16Verifier) internal _verifiers;
    /// keccak256(policyId, index) => keccak256(venueId, set id)
    mapping(bytes32 venue => bytes32) internal _venues;
    mapping(bytes32 attestorSetId => Tenure) public tenures;
    bytes32 public attestorSetId;
    uint64 private _attestorNonce;

    constructor(address administrator_, uint64 epochLength_) {
        if (administrator_ == address(0) || epochLength_ == 0) revert PolicyMalformed("constructor");
        administrator = administrator_;
        epochLength = epochLength_;
        bytes memory code = type(Groth16Verifier).runtimeCode;
        _verifierCode = keccak256(code);
        _verifierSize = code.length;
    }

    modifier onlyAdministrator() {
        if (msg.sender != administrator) revert NotAdministrator();
        _;
    }

    /// @inheritdoc IMarginRegistry
    function addPolicy(Policy calldata policy) external onlyAdministrator {
        bytes32 id = policy.policyId;
        Kept storage kept = _policies[id];
        if (kept.configuration != 0) revert PolicyExists(id);
        if (id == 0) revert PolicyMalformed("policyId");
        _requireTerms(policy);
        if (!policy.publishers.isSound()) revert PolicyMalformed("publishers");
        kept.terms = policy.terms;
        kept.verifierKey = _accountOf(policy.verifier);
        kept.verifierId = keccak256(bytes(policy.verifier));
        kept.publishers = policy.publishers.idOf();
        kept.configuration = keccak256(abi.encode(policy));
        _addVenues(id, policy.venues);
        _addRuleSets(id, kept.verifierId, policy.venues.length, policy.ruleSets);
        if (policy.terms.collateral) {
            kept.attestors = policy.attestors.idOf();
            kept.chains = keccak256(abi.encode(policy.chains));
            _seatAttestors(policy.attestors, kept.attestors);
        }
        emit PolicyAdded(id, kept.configuration, policy);
    }

    /// @inheritdoc IMarginRegistry
    function retirePolicy(bytes32 policyId) external onlyAdministrator {
        if (_policies[policyId].configuration == 0) revert PolicyUnknown(policyId);
        _policies[policyId].terms.retired = true;
        emit PolicyRetired(policyId);
    }

    /// @notice keccak256(abi.encode(policy)) of what was added, zero for an unknown policy; whether it has ended.
    function policyState(bytes32 policyId) external view returns (bytes32 configuration, bool retired) {
        Kept storage kept = _policies[policyId];
        return (kept.configuration, kept.terms.retired);
    }

    function _requireTerms(Policy calldata policy) private pure {
        Terms calldata terms = policy.terms;
        if (terms.retired || terms.venues == 0 || terms.venues != policy.venues.length) revert PolicyMalformed("venues");
        if (terms.den == 0 || terms.num < terms.den || terms.kind > 1) revert PolicyMalformed("claim");
        if (policy.ruleSets.length == 0) revert PolicyMalformed("ruleSets");
        bool attested = policy.attestors.members.length != 0;
        if (terms.collateral != attested || terms.collateral != (policy.chains.length != 0)) {
            revert PolicyMalformed("collateral");
        }
        if (terms.exclusive && !terms.collateral) revert PolicyMalformed("exclusive");
        if (attested && !policy.attestors.isSound()) revert PolicyMalformed("attestors");
    }

    /// One signer for two venues would vouch for both sides of an offset.
    function _addVenues(bytes32 policyId, Venue[] calldata venues) private {
        for (uint256 i = 0; i < venues.length; ++i) {
            if (!venues[i].signers.isSound()) revert PolicyMalformed("venues");
            if (i != 0 && venues[i].venueId <= venues[i - 1].venueId) revert PolicyMalformed("venues");
            for (uint256 k = 0; k < i; ++k) {
                if (_meet(venues[i].signers.members, venues[k].signers.members)) revert PolicyMalformed("venues");
            }
            bytes32 signers = venues[i].signers.idOf();
            _venues[keccak256(abi.encode(policyId, i))] = keccak256(abi.encode(venues[i].venueId, signers));
        }
    }

    /// Whether two ascending lists have an address in common.
    function _meet(address[] calldata a, address[] calldata b) private pure returns (bool) {
        uint256 i = 0;
        uint256 k = 0;
        while (i < a.length && k < b.length) {
            if (a[i] == b[k]) return true;
            if (a[i] < b[k]) ++i;
            else ++k;
        }
        return false;
    }

    /// A key counts by its digest, and is for the inputs that `submit` makes: the verifier runs this project's code, and its key, as it reads it, has that digest.
    function _addRuleSets(bytes32 policyId, bytes32 verifierId, uint256 venues, RuleSet[] calldata ruleSets) private {
        for (uint256 i = 0; i < ruleSets.length; ++i) {
            RuleSet calldata entry = ruleSets[i];
            if (entry.transcriptDigest == 0 && !entry.insecure) revert PolicyMalformed("transcriptDigest");
            address verifier = entry.verifier;
            uint256 size = _verifierSize;
            bytes memory code = new bytes(size);
            assembly ("memory-safe") {
                extcodecopy(verifier, add(code, 32), 0, size)
            }
            if (keccak256(code) != _verifierCode) revert PolicyMalformed("verifier");
            if (IGroth16Verifier(verifier).vkHash() != entry.vkHash) revert PolicyMalformed("vkHash");
            if (IGroth16Verifier(verifier).inputCount() != 6 + venues) revert PolicyMalformed("inputs");
            bytes32 key =
                keccak256(abi.encode(policyId, verifierId, entry.ruleDigest, entry.r1csDigest, entry.vkHash));
            _verifiers[key] = IGroth16Verifier(verifier);
        }
    }

    /// One attestor set at a time for all policies: two sets could bind one account to two owners. A set with a higher nonce
    /// follows from the epoch after the next, in which nobody can have pledged yet.
    function _seatAttestors(Signers calldata attestors, bytes32 id) private {
        bytes32 before = attestorSetId;
        if (id == before) return;
        uint64 first = 0;
        if (before != 0) {
            if (attestors.nonce <= _attestorNonce) revert AttestorSetMismatch(before, id);
            first = uint64(block.timestamp / epochLength) + 2;
            if (tenures[before].fromEpoch >= first) revert AttestorSetMismatch(before, id);
            tenures[before].untilEpoch = first;
        }
        tenures[id] = Tenure(first, 0);
        attestorSetId = id;
        _attestorNonce = attestors.nonce;
        emit AttestorsRotated(id, first);
    }

    /// The address at the end of `eip155:<chain>:0x<40 lower-case hex digits>`.
    function _accountOf(string calldata account) private pure returns (address) {
        bytes calldata text = bytes(account);
        uint256 length = text.length;
        if (length < 51 || bytes7(text[:7]) != "eip155:" || bytes3(text[length - 43:]) != ":0x") {
            revert PolicyMalformed("verifier account");
        }
        uint256 value = 0;
        for (uint256 i = length - 40; i < length; ++i) {
            uint8 c = uint8(text[i]);
            if (c >= 48 && c <= 57) value = (value << 4) | (c - 48);
            else if (c >= 97 && c <= 102) value = (value << 4) | (c - 87);
            else revert PolicyMalformed("verifier account");
        }
        return address(uint160(value));
    }
}
