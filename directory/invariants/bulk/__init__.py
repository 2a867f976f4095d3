"""The rules about acts on many users."""
