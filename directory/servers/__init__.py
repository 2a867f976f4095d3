"""Rules about the settings of LDAP servers: checks, powers, questions, warnings and presets."""
