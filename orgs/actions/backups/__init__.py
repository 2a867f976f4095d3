"""Actions on what real backups consist of: tokens of devices, repositories and their moves."""
