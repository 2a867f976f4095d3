"""Tables of the lists, one module an area."""
