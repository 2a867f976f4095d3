"""The store: a process of its own to which restic backs up, and from which it restores."""
