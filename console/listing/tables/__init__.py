"""The tables of the lists, one module an area."""
