"""The impact of a script edit on the entries that are stored."""
