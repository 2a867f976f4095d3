"""The database rows of runs: plans, counts, side effects, cached decisions."""
