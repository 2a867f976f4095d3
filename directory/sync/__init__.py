"""A sync: read, plan, review, apply, undo, finish. pipeline.py is the order."""
