"""Signing in and out, and confirming the password."""
