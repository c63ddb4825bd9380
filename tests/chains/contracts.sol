// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// A plain ERC-20: balances in slot 0.
contract Token {
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;
    uint256 public totalSupply;
    uint8 public constant decimals = 6;

    event Transfer(address indexed from, address indexed to, uint256 amount);
    event Approval(address indexed owner, address indexed spender, uint256 amount);

    function mint(address to, uint256 amount) external {
        totalSupply += amount;
        balanceOf[to] += amount;
        emit Transfer(address(0), to, amount);
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        emit Approval(msg.sender, spender, amount);
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        _move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount);
        return true;
    }

    function _move(address from, address to, uint256 amount) private {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
        emit Transfer(from, to, amount);
    }
}

/// Holds one token for one pledge domain, both in its code and so in its code hash. Whose an account is, and until
/// when its coins stay, is read from storage: balances in slot 0, owners in slot 1, locks in slot 2. Its balances move
/// as an ERC-20's do, which makes the vault a receipt token over its own coins.
contract Vault {
    mapping(address => uint256) public balanceOf;
    mapping(address => uint256) public ownerOf;
    mapping(address => uint64) public lockUntil;
    Token public immutable token;
    bytes32 public immutable pledgeDomain;

    event Registered(address indexed account, uint256 owner);
    event Locked(address indexed account, uint64 until);

    constructor(Token token_, bytes32 pledgeDomain_) {
        token = token_;
        pledgeDomain = pledgeDomain_;
    }

    function register(uint256 owner) external {
        ownerOf[msg.sender] = owner;
        emit Registered(msg.sender, owner);
    }

    function lock(uint64 until) external {
        require(until >= lockUntil[msg.sender], "a lock never shortens");
        lockUntil[msg.sender] = until;
        emit Locked(msg.sender, until);
    }

    function deposit(uint256 amount) external {
        balanceOf[msg.sender] += amount;
        require(token.transferFrom(msg.sender, address(this), amount), "transfer");
    }

    function withdraw(uint256 amount) external {
        _unlocked();
        balanceOf[msg.sender] -= amount;
        require(token.transfer(msg.sender, amount), "transfer");
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        _unlocked();
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
        return true;
    }

    function _unlocked() private view {
        require(block.timestamp >= lockUntil[msg.sender], "locked");
    }
}

/// Delegates to an implementation in slot keccak256("eip1967.proxy.implementation") - 1 (EIP-1967).
contract Proxy {
    constructor(address implementation) {
        assembly {
            sstore(0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc, implementation)
        }
    }

    fallback() external {
        assembly {
            calldatacopy(0, 0, calldatasize())
            let to := sload(0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc)
            let done := delegatecall(gas(), to, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            switch done
            case 0 { revert(0, returndatasize()) }
            default { return(0, returndatasize()) }
        }
    }
}
