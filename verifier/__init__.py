"""Policy, verification of envelopes and of Groth16 proofs."""
