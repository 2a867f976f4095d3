"""Values of signing in."""
