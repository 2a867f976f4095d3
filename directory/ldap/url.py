"""URLs of LDAP servers: a scheme, a host and perhaps a port, nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass

from directory.ldap.errors import DirectoryUnavailable, Stage

DEFAULT_PORTS = {"ldap": 389, "ldaps": 636}
HOST = r"(?P<host>[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9]+)?\])"
URL = re.compile(rf"(?P<scheme>[a-z]+)://{HOST}(?::(?P<port>\d{{1,5}}))?/?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Url:
    """The URL of one server; ``host`` has no brackets around an IPv6 address."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def parse_url(text: str) -> Url:
    """Return the server of a URL.

    Raises:
        DirectoryUnavailable: the text is not the URL of one server. libldap would accept lists, socket files and more.
    """
    problem = check_url(text)
    found = URL.fullmatch(text)
    if problem or not found:
        raise DirectoryUnavailable(f"{text!r}: {problem}", stage=Stage.NAME)
    scheme = found["scheme"].lower()
    return Url(scheme, found["host"].strip("[]").lower(), int(found["port"] or DEFAULT_PORTS[scheme]))


def check_url(text: str) -> str | None:
    """Return what is wrong with an LDAP server's URL, or None."""
    scheme = text.partition("://")[0].lower()
    if any(sign.isspace() for sign in text) or text.count("://") > 1:
        return "one URL only, without spaces"
    if scheme not in DEFAULT_PORTS:
        return "the URL has to begin with ldap:// or ldaps://"
    found = URL.fullmatch(text)
    if not found:
        return "only a host and perhaps a port may follow, as in ldaps://dc1.example.com:636"
    if found["port"] and not 1 <= int(found["port"]) <= 65535:
        return "the port has to be between 1 and 65535"
    return None
