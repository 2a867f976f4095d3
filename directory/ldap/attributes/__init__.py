"""Attributes: which to request, which are computed, and their values as text."""
