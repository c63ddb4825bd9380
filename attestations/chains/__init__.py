"""Chains as the attestor reads them: state proofs where a chain has them, marked observations where it has none."""
