"""The models of acts on many users."""
