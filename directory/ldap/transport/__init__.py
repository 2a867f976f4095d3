"""Connections to LDAP servers: sockets, TLS, bind, and LDAP messages on the wire."""
