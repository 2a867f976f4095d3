"""The pages of LDAP servers."""
