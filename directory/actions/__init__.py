"""What administrators do with LDAP servers, runs, alerts and the sync's settings."""
