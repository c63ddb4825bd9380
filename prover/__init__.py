"""Witness, setup and proofs."""
