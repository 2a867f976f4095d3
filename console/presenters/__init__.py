"""Prepares the contents of pages as plain values for their templates."""
