"""The rules of acts on many users, without Django."""
