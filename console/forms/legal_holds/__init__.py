"""The forms of legal holds."""
