"""Mutated inputs for every parser: ``python -m tests.fuzz --seconds 60``; the corpus replays in the tests."""

import sys
from pathlib import Path

# The small world of tests/parties.py and the sample rule set are shared with the tests; pytest puts their folders on
# the path, -m does not.
_TESTS = Path(__file__).resolve().parents[1]
for _folder in (str(_TESTS), str(_TESTS / "rules")):
    if _folder not in sys.path:
        sys.path.insert(0, _folder)
