"""Presents acts on many users: the kinds, the question before, and the page of each act."""
