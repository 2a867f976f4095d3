"""Tries connection settings out before they are saved."""
