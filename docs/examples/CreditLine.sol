// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IMarginRegistry} from "../../verifier/contracts/IMarginRegistry.sol";

/// @notice An example of a lender: whoever shows a standing pledge under the lender's policy may draw up to a limit.
/// @dev The registry says that the account met its margin requirement times the policy's buffer when it was proven; how old
/// that may be is the lender's choice. Coins are left out: `drawn` is what a real lender would pay out.
contract CreditLine {
    IMarginRegistry public immutable registry;
    bytes32 public immutable policyId;
    uint256 public immutable limit;
    uint256 public constant MAXIMUM_AGE = 3600;

    mapping(address borrower => uint256) public drawn;

    event Drawn(address indexed borrower, uint256 amount);

    error OverLimit(uint256 limit);

    constructor(IMarginRegistry registry_, bytes32 policyId_, uint256 limit_) {
        registry = registry_;
        policyId = policyId_;
        limit = limit_;
    }

    /// @param record from the registry's event `Pledged`, or the file that `zkmargin contracts submit` wrote
    function draw(uint256 amount, uint256 nullifier, IMarginRegistry.Record calldata record) external {
        registry.requireCovered(msg.sender, policyId, MAXIMUM_AGE, nullifier, record);
        if (drawn[msg.sender] + amount > limit) revert OverLimit(limit);
        drawn[msg.sender] += amount;
        emit Drawn(msg.sender, amount);
    }
}
