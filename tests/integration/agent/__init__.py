"""Backup programs on devices: registration, questions and reports."""
