"""Checks addresses and ports of LDAP servers, before a setting is saved and again after each name look-up."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings

from directory.ldap.errors import DirectoryUnavailable, Stage
from directory.ldap.url import Url, check_url, parse_url

# One result of socket.getaddrinfo.
Found = tuple[Any, Any, int, str, tuple[Any, ...]]

LONGEST_HOST = 253
# Addresses at which clouds give credentials to any client; most others of this kind are link-local.
METADATA = tuple(
    map(
        ip_network,
        ("100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "fd00:ec2::254/128", "fd20:ce::254/128"),
    )
)
# Networks whose IPv6 addresses contain an IPv4 address: RFC 6052's prefix, and the old "compatible" form (RFC 4291).
EMBEDDING = (ip_network("64:ff9b::/96"), ip_network("::/96"))
BY_NAME = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})


def check_ldap_url(text: str, *, anywhere: bool = False) -> str | None:
    """Return why a URL is not allowed for an LDAP server, or None; host names are not looked up here.

    ``anywhere`` allows any port, and this machine itself.
    """
    if problem := check_url(text):
        return problem
    url = parse_url(text)
    if len(url.host) > LONGEST_HOST:
        return f"a host name has at most {LONGEST_HOST} characters"
    if not anywhere and (problem := check_port(url)):
        return problem
    if _names_loopback(url):
        return None if anywhere or settings.LDAP_LOOPBACK else _no_loopback(url.host)
    numeric = _numeric(url.host)
    return _forbidden(numeric, url.host) if numeric is not None else None


def names_this_machine(text: str) -> bool:
    """Return whether a URL has an address or name of the machine that Rollcall runs on; names are not looked up."""
    return check_url(text) is None and _names_loopback(parse_url(text))


def _names_loopback(url: Url) -> bool:
    numeric = _numeric(url.host)
    return url.host in BY_NAME if numeric is None else numeric.is_loopback


def check_port(url: Url) -> str | None:
    """Return why a port is not allowed for an LDAP server, or None."""
    if url.port in settings.LDAP_PORTS:
        return None
    ports = ", ".join(_ranges(sorted(settings.LDAP_PORTS)))
    return f"port {url.port} is none of the ports of LDAP servers ({ports}); the setting LDAP_PORTS allows others"


def _ranges(numbers: Sequence[int]) -> list[str]:
    """Return sorted numbers as texts, with neighbours joined to ranges."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][-1] + 1:
            found[-1] = [found[-1][0], number]
        else:
            found.append([number])
    return ["-".join(map(str, part)) for part in found]


def allowed(url: Url, found: Sequence[Found]) -> list[Found]:
    """Return the allowed ones among the ``found`` addresses of a host.

    Raises:
        DirectoryUnavailable: none of them is allowed.
    """
    reasons = {address[4][0]: _refusal(url, str(address[4][0])) for address in found}
    left = [address for address in found if not reasons[address[4][0]]]
    if not left:
        reason = next(filter(None, reasons.values()), "no address")
        raise DirectoryUnavailable(f"{url}: not connected ({reason})", stage=Stage.NAME)
    return left


def _refusal(url: Url, address: str) -> str | None:
    numeric = _unwrapped(address)
    subject = url.host if url.host == str(numeric) else f"{url.host} is {numeric}, which"
    if numeric.is_loopback:
        # A URL that names this machine was checked when it was saved. Any other name must not lead to this machine.
        return None if settings.LDAP_LOOPBACK or _names_loopback(url) else _no_loopback(subject)
    return _forbidden(numeric, subject)


def _forbidden(address: IPv4Address | IPv6Address, subject: str) -> str | None:
    if address.is_unspecified or address.is_multicast or address == IPv4Address("255.255.255.255"):
        return f"{subject} is no address of a server"
    if any(address in network for network in METADATA if network.version == address.version):
        return f"{subject} is a cloud's metadata service"
    if address.is_link_local:
        return f"{subject} is a link-local address, where clouds keep credentials"
    if isinstance(address, IPv4Address) and address in ip_network("0.0.0.0/8"):
        return f"{subject} is no address of a server"
    return None


def _no_loopback(subject: str) -> str:
    return f"{subject} is this machine itself; the setting LDAP_LOOPBACK allows an LDAP server on it"


def _numeric(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address of a host that is one in any spelling that the system's resolver accepts, such as 0x7f.1."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return None
    return _unwrapped(str(found[0][4][0]))


def _unwrapped(text: str) -> IPv4Address | IPv6Address:
    """Return an address without its zone; for IPv4 inside IPv6, the IPv4 address."""
    address = ip_address(text.partition("%")[0])
    if not isinstance(address, IPv6Address):
        return address
    if inner := address.ipv4_mapped or address.sixtofour:
        return inner
    if any(address in network for network in EMBEDDING) and int(address) > 1:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
