"""The filters of the lists, one module an area."""
