"""Collateral on many chains as lines of one Merkle tree: identifiers, leaves, the tree, and what is signed about it."""
