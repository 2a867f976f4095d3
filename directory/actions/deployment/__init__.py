"""Silent registration of computers by deployment policies."""
