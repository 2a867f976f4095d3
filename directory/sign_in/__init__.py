"""Signing in with the password of a directory: who may, on which servers, and within which time."""
