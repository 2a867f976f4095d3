"""The forms of acts on many users."""
