"""Tries connection settings before they are saved."""
