"""Presents users: the parts of their page, the acts that it offers, and the choices of these."""
