"""What a venue or a registry's operator runs: submissions, challenges, receipts, the log, the margin clock, by HTTP."""
