"""Instruments, tables, accounts, pricing and scenarios: plain numbers, no cryptography."""
