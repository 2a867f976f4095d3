"""Forms of uploads of users: the file, and the rows that are mended."""
