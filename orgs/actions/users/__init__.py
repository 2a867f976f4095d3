"""The actions on users, one module a subject."""
