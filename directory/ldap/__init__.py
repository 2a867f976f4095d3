"""Everything that speaks LDAP. A reading is complete or raises; it never ends with a part."""
