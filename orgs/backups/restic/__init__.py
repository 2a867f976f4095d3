"""restic on the folders of archives on this machine: calls of it, retention of snapshots, and checks."""
