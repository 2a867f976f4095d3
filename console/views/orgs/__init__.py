"""The pages of orgs."""
