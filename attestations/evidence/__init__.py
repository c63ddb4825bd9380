"""Evidence from elsewhere, verified byte by byte: state proofs of EVM chains, block headers, oracle messages.

Nothing here trusts who delivered it: a state proof holds under a state root, a header under a block hash, a price under
its signers. Which roots, hashes and signers count is the caller's word.
"""
