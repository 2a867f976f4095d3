"""The rules by which a change is decided. Pure: values in, values out."""
