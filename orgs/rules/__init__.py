"""Who acts, what is inherited, who may sign in, and the standard roles."""
