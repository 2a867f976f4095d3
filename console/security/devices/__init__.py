"""Who signs in on a device: the registration key, the password, and the second factor."""
