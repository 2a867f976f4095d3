"""The rules about real backups: tokens, repositories and their moves."""
