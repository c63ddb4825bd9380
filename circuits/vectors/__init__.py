"""Published numeric cases of margin methodologies, run through the plaintext reading of the shipped rule sets."""

from zkmargin.circuits.vectors.run import Outcome, read_cases, run_cases

__all__ = ["Outcome", "read_cases", "run_cases"]
