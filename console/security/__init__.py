"""Sign-in, sessions, throttling, permissions of pages, and the security log."""
