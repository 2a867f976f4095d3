"""Pages of CSV uploads of users: the file, the preview with its rows to mend, and what became of each row."""
