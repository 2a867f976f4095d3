"""Reads only what has changed, where the server can tell that."""
