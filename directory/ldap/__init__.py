"""Everything that speaks LDAP. A reading reads everything or raises, never a part."""
