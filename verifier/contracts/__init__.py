"""Verification on chain: the contracts' sources and code, what they say, and a client.       specs/contracts.md"""
