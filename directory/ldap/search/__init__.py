"""Searches, page by page, and their entries."""
