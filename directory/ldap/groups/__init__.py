"""Reads all groups of a directory, and resolves who is in which."""
