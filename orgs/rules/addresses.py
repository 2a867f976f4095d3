"""Network addresses as they are meant: an IPv4 client of a web server for both kinds is an IPv4 client."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

_MAPPED_BITS = 96


def address_of(text: str) -> IPv4Address | IPv6Address:
    """Return an address; ``::ffff:192.0.2.1`` is the IPv4 address.

    Raises:
        ValueError: for what is no address.
    """
    found = ipaddress.ip_address(text)
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def network_of(text: str) -> IPv4Network | IPv6Network:
    """Return a network, or one of a single address; ``::ffff:192.0.2.0/120`` is the IPv4 network.

    Raises:
        ValueError: for what is no network.
    """
    found = ipaddress.ip_network(text, strict=False)
    if isinstance(found, IPv6Network) and found.prefixlen >= _MAPPED_BITS and found.network_address.ipv4_mapped:
        return IPv4Network((found.network_address.ipv4_mapped, found.prefixlen - _MAPPED_BITS))
    return found
