"""Mutated inputs for every parser: ``python -m tests.fuzz --seconds 60``; the corpus replays in the tests."""

import sys
from pathlib import Path

# The small world of tests/parties.py is shared with the tests; pytest puts its folder on the path, -m does not.
_TESTS = str(Path(__file__).resolve().parents[1])
if _TESTS not in sys.path:
    sys.path.insert(0, _TESTS)
