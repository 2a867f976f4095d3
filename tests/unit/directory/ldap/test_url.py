"""The address of one LDAP server, and nothing else."""

from __future__ import annotations

import pytest

from directory.ldap.url import check_url


class TestCheckUrl:
    @pytest.mark.parametrize(
        "url", ["ldap://dc1", "LDAPS://dc1.example.com:3269", "ldap://10.0.0.1:389/", "ldap://[::1]:389"]
    )
    def test_accepts_one_server(self, url: str) -> None:
        assert check_url(url) is None

    @pytest.mark.parametrize(
        "url",
        [
            "", "dc1", "http://dc1", "ldapi:///", "ldapi://%2ftmp%2fldapi", "cldap://dc1", "file:///etc/passwd", "ldap://",
            "ldap:///dc=example", "ldap://dc1/dc=example", "ldap://dc1//", "ldap://dc1 ldap://dc2", "ldap://dc1,ldap://dc2",
            " ldap://dc1", "ldap://dc1\n", "ldap://user@dc1", "ldap://dc1:0", "ldap://dc1:70000", "ldap://dc1:ldap",
            "ldap://dc1?cn", "ldap://dc1:389:636", "ldap://dc%31", "ldap://-dc1",
        ],
    )  # fmt: skip
    def test_refuses_everything_else(self, url: str) -> None:
        assert check_url(url)
