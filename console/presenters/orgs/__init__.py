"""Presents orgs: the tree, one org, and what a change of an org would mean."""
