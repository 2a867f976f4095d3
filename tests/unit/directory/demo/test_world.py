"""The demo is a world as Rollcall would have made it."""

from __future__ import annotations

import pytest

from directory.demo import world as demo
from directory.demo.people import invent
from directory.invariants import broken
from tests.worlds import NOON


@pytest.mark.django_db
def test_the_demo_breaks_no_rule() -> None:
    demo.build(invent(), url="ldap://127.0.0.1:1", bind_dn="cn=admin", bind_password="a secret", at=NOON)

    assert broken(at=NOON) == []
