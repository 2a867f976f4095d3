"""The child process that evaluates scripts. It imports nothing of Rollcall."""
