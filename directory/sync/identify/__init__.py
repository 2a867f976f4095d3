"""Which user an entry belongs to."""
