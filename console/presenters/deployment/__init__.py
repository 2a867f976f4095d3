"""What the pages of deployment policies show."""
