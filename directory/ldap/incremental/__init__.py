"""Reads only what has changed, where the server can return that."""
