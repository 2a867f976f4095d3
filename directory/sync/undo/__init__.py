"""Plans the undo of an applied run."""
