"""Who shares a limit of attempts: each IPv4 address, and each IPv6 network of one place, has its own."""

from __future__ import annotations

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from console.security.client_address import client_address, client_network
from orgs.backups.deployment_gate import within_networks


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        # A web server that listens to both kinds of addresses writes an IPv4 address so.
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:7::1", "2001:db8:0:7::/64"),
        ("2001:db8:0:7:ffff::1", "2001:db8:0:7::/64"),
        ("", ""),
        ("nonsense", "nonsense"),
    ],
)
def test_an_address_has_its_network(address: str, network: str) -> None:
    assert client_network(RequestFactory().get("/", REMOTE_ADDR=address)) == network


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ("198.51.100.1, 192.0.2.1", "192.0.2.1"),
        # Some proxies add the port, which is another one for each connection: each would have limits of its own.
        ("198.51.100.1, 192.0.2.1:50123", "192.0.2.1"),
        ("[2001:db8::1]:50123", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("unknown", "unknown"),
    ],
)
def test_the_address_that_the_proxy_added_counts_without_its_port(
    settings: Settings, header: str, address: str
) -> None:
    settings.BEHIND_PROXY = True

    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": header})

    assert client_address(request) == address


@pytest.mark.parametrize("address", ["192.0.2.9", "::ffff:192.0.2.9", "::ffff:c000:0209"])
def test_an_address_lies_in_its_network_however_it_is_written(address: str) -> None:
    assert within_networks(address, ["192.0.2.0/24"])
    assert not within_networks(address, ["198.51.100.0/24", "::/0", "2001:db8::/32"])
