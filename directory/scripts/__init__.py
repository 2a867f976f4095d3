"""Runs the administrators' JavaScript."""
