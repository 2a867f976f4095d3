"""Presents roles: what permissions allow, who holds them, from where and how far, and what a change would mean."""
