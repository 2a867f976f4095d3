"""The models of runs, one module a subject."""
