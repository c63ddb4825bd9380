"""Zero-knowledge proofs that a private derivatives portfolio meets its margin requirement."""
