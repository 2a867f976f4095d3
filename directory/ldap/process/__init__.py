"""Reads a directory in a process of its own."""
