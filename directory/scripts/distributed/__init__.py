"""Spreads script evaluation over the workers."""
