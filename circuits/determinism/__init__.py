"""Determinism analysis: every wire of a circuit is fixed by the inputs, or is a declared bound whose inequality
is there. A compiler phase; a circuit with any other wire is refused.
                                                                                       specs/determinism.md
"""
