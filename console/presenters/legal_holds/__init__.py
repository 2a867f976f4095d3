"""What the pages of legal holds show before an act: whom it concerns, by name."""
