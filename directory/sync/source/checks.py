"""Whether a DN and a CA certificate are well formed, and text made safe to stand in a filter."""

from __future__ import annotations

import ssl

from ldap import dn as ldap_dn
from ldap.filter import escape_filter_chars


def check_dn(text: str) -> str | None:
    """Return what is wrong with a DN (RFC 4514), None if nothing is; the empty DN is the root."""
    if "\0" in text or not ldap_dn.is_dn(text):
        return f"{text!r} is no DN, as in ou=people,dc=example,dc=com"
    return None


def check_certificate(text: str) -> str | None:
    """Return what is wrong with PEM text that is to be trusted, None if nothing is."""
    if "PRIVATE KEY" in text:
        return "that holds a private key: only the authority's certificate is wanted here"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        return "not a certificate in PEM form (-----BEGIN CERTIFICATE----- ...)"
    return None


def escape_filter(text: str) -> str:
    """Return text as a value in a filter (RFC 4515): nothing in it counts as syntax."""
    return str(escape_filter_chars(text))
