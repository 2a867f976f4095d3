"""The frozen values that LDAP, scripts and syncs share, and pure functions on them. No Django."""
