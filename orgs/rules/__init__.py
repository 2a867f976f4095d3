"""Who acts, what is inherited, and who may sign in."""
