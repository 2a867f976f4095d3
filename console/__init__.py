"""The project and every page."""
