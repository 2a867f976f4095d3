"""Incremental reading: cursors, and the changes that a server can return."""
