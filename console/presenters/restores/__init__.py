"""What pages show about restores: folders in snapshots, effects of a restore, and the restores that computers were asked for."""
