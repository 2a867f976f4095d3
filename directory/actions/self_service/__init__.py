"""People who get in by themselves: which key is theirs, and their account by the scripts."""
