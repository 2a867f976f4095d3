"""Rollcall's processes: starting, supervision, environment and data folder."""
