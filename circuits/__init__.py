"""The rule language, its compiler, gadgets and the constraint system."""
