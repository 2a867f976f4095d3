"""The frozen values that LDAP, scripts and syncs share, and pure functions over them. No Django."""
