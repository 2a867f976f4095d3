"""The models of runs, one module for each subject."""
