"""Forms of deployment policies."""
