"""Rollcall's processes: start, supervise, log."""
