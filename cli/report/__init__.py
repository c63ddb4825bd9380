"""``zkmargin check --report`` and ``--sweep``: an account elsewhere in price and time, and one page that shows it."""
