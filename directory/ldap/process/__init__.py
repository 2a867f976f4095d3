"""Reads a directory in a separate process."""
