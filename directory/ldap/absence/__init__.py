"""Proves that a person is gone from the directory, not hidden."""
