"""The margin clock: which accounts have shown their margin in time, which are called, and when calls pause."""
