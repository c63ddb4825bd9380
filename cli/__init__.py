"""The zkmargin command line."""
