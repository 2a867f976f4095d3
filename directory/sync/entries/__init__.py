"""Entries and groups of one server, as they were last read."""
