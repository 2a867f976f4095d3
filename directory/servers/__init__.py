"""LDAP servers: what their settings may be, warnings, presets, JSON."""
