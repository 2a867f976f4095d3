"""Complete readings of a directory, with their proof."""
