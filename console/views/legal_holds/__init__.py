"""The pages of legal holds."""
