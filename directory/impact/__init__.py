"""The impact of a script edit on the stored entries."""
