"""Reads all groups of a directory."""
