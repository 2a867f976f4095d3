"""The actions on users that depend on the directory."""
