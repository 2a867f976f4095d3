"""Checks the settings of a connection before it is opened."""

from __future__ import annotations

import ldap

from directory.ldap.errors import DirectoryUnavailable, Stage
from directory.ldap.url import Url, parse_url
from directory.ldap.validation.filter_syntax import check_filter
from directory.values.ldap import Connection
from directory.values.pem_certificates import validity

SCOPES = {"base": ldap.SCOPE_BASE, "onelevel": ldap.SCOPE_ONELEVEL, "subtree": ldap.SCOPE_SUBTREE}
LARGEST_PAGE = 2**31 - 1


def check_settings(connection: Connection) -> list[Url]:
    """Check the settings of a connection, and return its URLs.

    Raises:
        DirectoryUnavailable: a setting is wrong.
    """
    urls = [parse_url(url) for url in connection.urls]
    if not urls:
        raise DirectoryUnavailable("The LDAP server has no URL", stage=Stage.NAME)
    if connection.bind_dn and not connection.bind_dn.strip():
        raise DirectoryUnavailable("The bind DN consists of spaces", stage=Stage.BIND)
    if connection.bind_dn and not connection.bind_password.strip():
        # RFC 4513, 5.1.2: a server would answer with success, but bind anonymously.
        raise DirectoryUnavailable("The bind DN has no password, which would bind anonymously", stage=Stage.BIND)
    if connection.sasl_external and not connection.client_certificate:
        raise DirectoryUnavailable("SASL EXTERNAL needs a client certificate", stage=Stage.BIND)
    if connection.at and (ended := validity(connection.client_certificate, connection.at)):
        raise DirectoryUnavailable(f"{ended[0].upper()}{ended[1:]}", stage=Stage.TLS)
    _check_text("bind DN", connection.bind_dn, Stage.BIND)
    _check_text("bind password", connection.bind_password, Stage.BIND)
    _check_text("search base", connection.search_base, Stage.BASE)
    if connection.search_scope not in SCOPES:
        raise DirectoryUnavailable("The search scope is none of base, onelevel and subtree", stage=Stage.BASE)
    if problem := check_filter(connection.search_filter):
        raise DirectoryUnavailable(f"Bad search filter: {problem}", stage=Stage.FILTER)
    if not 1 <= connection.page_size <= LARGEST_PAGE:
        raise DirectoryUnavailable(f"The page size has to be between 1 and {LARGEST_PAGE}", stage=Stage.SEARCH)
    if min(connection.connect_timeout, connection.operation_timeout) < 1:
        raise DirectoryUnavailable("A time-out has to be at least one second", stage=Stage.CONNECT)
    return urls


def _check_text(name: str, value: str, stage: Stage) -> None:
    if "\0" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
        raise DirectoryUnavailable(f"The {name} holds a character that LDAP can't carry", stage=stage)
