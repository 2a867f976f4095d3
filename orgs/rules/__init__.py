"""Rules about actors, inherited settings, and local sign-in."""
