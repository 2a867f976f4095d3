"""Runs scripts behind an operating-system boundary."""
