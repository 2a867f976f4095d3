"""The stored backups themselves: folders on disk, how they move, and who may use them."""
