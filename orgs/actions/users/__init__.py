"""What happens to users, one module a subject."""
