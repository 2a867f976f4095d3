"""Filters of the lists, one module an area."""
