"""Gadgets: small circuits with a contract. *Requires / Ensures / Cost* and the section of specs/gadgets.md
that each implements.
"""
