"""Reads archives for restores from the console: their snapshots, folders and files, by restic on the local folder."""
