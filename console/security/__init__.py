"""Sessions, throttling, permissions of pages, and the security log."""
