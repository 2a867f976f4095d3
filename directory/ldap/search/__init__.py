"""Searches, page by page, and the entries that come."""
