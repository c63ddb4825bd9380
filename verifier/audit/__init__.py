"""The audit of a collateral bundle: every step goes on after a fault, and says what it found.     specs/audit.md"""
