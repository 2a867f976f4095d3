"""Lists: filter, sort, page, export."""
