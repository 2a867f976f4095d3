"""Connections to LDAP servers: sockets, TLS, bind, and the stream of LDAP messages."""
