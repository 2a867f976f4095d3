"""The models behind real backups: tokens of devices, repositories, their moves, and reports of backups."""
