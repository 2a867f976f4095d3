"""The pages of acts on many users."""
