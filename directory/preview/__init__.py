"""Previews what a sync would do to one user, by what the directory holds now."""
