"""The pages of deployment policies."""
