"""Checks whether DNs, attribute names and CA certificates are well formed, and escapes values for filters."""

from __future__ import annotations

import re
import ssl

from ldap import dn as ldap_dn
from ldap.filter import escape_filter_chars

# RFC 4512, 2.5: a short name or a numeric OID, then options. Active Directory and others also have "_" in names.
ATTRIBUTE = re.compile(r"(?:[A-Za-z][A-Za-z0-9_-]*|[0-9]+(?:\.[0-9]+)+)(?:;[A-Za-z0-9-]+)*")


def check_attribute(text: str) -> str | None:
    """Return what is wrong with the name of an attribute, or None."""
    if not ATTRIBUTE.fullmatch(text):
        return f"{text!r} is no name of an attribute, as in givenName"
    return None


def check_dn(text: str) -> str | None:
    """Return what is wrong with a DN (RFC 4514), or None; the empty DN is the root."""
    if not text.isprintable() or not ldap_dn.is_dn(text):
        return f"{text!r} is no DN, as in ou=people,dc=example,dc=com"
    return None


def check_certificate(text: str) -> str | None:
    """Return what is wrong with the PEM text of a CA certificate, or None."""
    if "PRIVATE KEY" in text:
        return "that holds a private key: only the authority's certificate is wanted here"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        return "not a certificate in PEM form (-----BEGIN CERTIFICATE----- ...)"
    return None


def escape_filter(value: str | bytes) -> str:
    """Return a value escaped for a filter (RFC 4515), so that nothing in it counts as syntax."""
    if isinstance(value, bytes):
        return "".join(f"\\{octet:02x}" for octet in value)
    return str(escape_filter_chars(value))
