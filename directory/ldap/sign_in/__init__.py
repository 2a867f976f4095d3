"""Checks the password of one person on one server."""
