"""Acts on many users at once, one module a step."""
