"""Acts on orgs and roles that LDAP servers depend on: what decides about users, and who may change that."""
