"""The rule language: front end and plaintext reading.     specs/rules.md

A rule file becomes a RuleSet through phases that are modules here, in this order: document, parse, resolve,
types, bounds, sides. The typed tree (tree) then has two readings: plaintext here, circuits in the packages
above.
"""

from zkmargin.circuits.rules.check import check_tables
from zkmargin.circuits.rules.functions import FUNCTION_NAMES
from zkmargin.circuits.rules.load import list_rules, load_rules, parse_rules
from zkmargin.circuits.rules.plaintext import Evaluation, evaluate, evaluate_public
from zkmargin.circuits.rules.problems import Problem, RuleProblems
from zkmargin.circuits.rules.show import PHASES, show_phase
from zkmargin.circuits.rules.tree import RuleSet

__all__ = [
    "FUNCTION_NAMES",
    "PHASES",
    "Evaluation",
    "Problem",
    "RuleProblems",
    "RuleSet",
    "check_tables",
    "evaluate",
    "evaluate_public",
    "list_rules",
    "load_rules",
    "parse_rules",
    "show_phase",
]
