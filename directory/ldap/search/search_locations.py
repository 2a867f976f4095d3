"""Search locations, and how a referral changes them (RFC 4516)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from directory.ldap.url import Url, check_url, parse_url
from directory.ldap.validation.allowed_addresses import check_port
from directory.ldap.validation.filter_syntax import check_filter
from directory.values import distinguished_names

# The scopes in URLs (RFC 4516, 2); without one the search keeps its own.
URL_SCOPES = {"base": "base", "one": "onelevel", "sub": "subtree"}


@dataclass(frozen=True, slots=True)
class SearchLocation:
    """The part of a search that a referral may change: base, scope and filter."""

    base: str
    scope: str
    filter: str


def location_key(url: Url, target: SearchLocation) -> tuple[str, int, SearchLocation]:
    """Return a key that is equal for two referrals to the same search."""
    return url.host, url.port, replace(target, base=distinguished_names.key(target.base))


def parse_referral(text: str, target: SearchLocation) -> tuple[Url, SearchLocation] | None:
    """Return the server and the search that a referral leads to, or None if its URL is not allowed."""
    try:
        parts = urlsplit(text, allow_fragments=False)
    except ValueError:
        return None
    address = f"{parts.scheme}://{parts.netloc}"
    _, scope, search_filter = [*map(unquote, parts.query.split("?")), "", "", ""][:3]
    if check_url(address) or check_port(parse_url(address)) or (search_filter and check_filter(search_filter)):
        return None
    base = unquote(parts.path.removeprefix("/")) or target.base
    return parse_url(address), SearchLocation(
        base, URL_SCOPES.get(scope.lower(), target.scope), search_filter or target.filter
    )
