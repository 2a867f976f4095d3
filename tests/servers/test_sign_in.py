"""Signing in with the password of each make of directory: who comes in, and what is said of who does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest

from directory.ldap.process.isolated_connection_trial import try_sign_in
from directory.models import LdapServer
from directory.values.sign_in.directory_passwords import PasswordReason
from orgs.models import AuditEntry
from tests.servers import accounts
from tests.servers.accounts import Closing
from tests.servers.company import PASSWORD, PEOPLE, Company
from tests.sign_ins import CHANGE_FIRST, WRONG, is_in, try_in, user_of
from tests.worlds import NO_LIMITS, ldap_server, simulate_and_sync

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@dataclass(frozen=True)
class Make:
    """A make of directory, and how accounts are closed there."""

    name: str
    company: Callable[[], AbstractContextManager[Company]]
    closings: tuple[Closing, ...]


MAKES = (
    Make("OpenLDAP", accounts.openldap, accounts.OPENLDAP),
    Make("Samba AD", accounts.samba, accounts.SAMBA),
    Make("389-ds", accounts.netscape, accounts.NETSCAPE),
)
# Who comes in, and who is changed besides by a closing; each closing has a person of its own.
ANYBODY = "ada"
OTHERS = [name for name in PEOPLE if name != ANYBODY]
EACH_CLOSING = [
    pytest.param(make, closing, name, id=f"{make.name}-{closing}")
    for make in MAKES
    for closing, name in zip(make.closings, OTHERS, strict=False)
]
SHOWN = {PasswordReason.EXPIRED: CHANGE_FIRST, PasswordReason.MUST_CHANGE: CHANGE_FIRST}


@pytest.fixture(scope="module")
def companies() -> Iterator[Callable[[Make], Company]]:
    """Start the directory of each make once, when it is first asked for."""
    running: dict[str, Company] = {}
    opened: list[AbstractContextManager[Company]] = []

    def company(make: Make) -> Company:
        if make.name not in running:
            opened.append(make.company())
            running[make.name] = opened[-1].__enter__()
            # Before any password of a newcomer has to be changed first.
            running[make.name].hires("ivy", "Staff")
        return running[make.name]

    yield company
    for each in reversed(opened):
        each.__exit__(None, None, None)


def asks(company: Company) -> None:
    """Have the org Default ask the company's directory."""
    directory = company.directory
    settings = {name: value for name, value in company.settings.items() if not name.endswith("_script")}
    given = {"search_base": company.base, "bind_dn": directory.reader_dn, "bind_password": directory.reader_password}
    ldap_server(directory.url, **given | settings | NO_LIMITS)


def reason() -> str:
    return str(AuditEntry.objects.filter(action="sign-in refused").latest("pk").after["reason"])


@pytest.mark.parametrize("make", MAKES, ids=lambda make: make.name)
def test_the_right_password_opens_and_a_wrong_one_does_not(make: Make, companies: Callable[[Make], Company]) -> None:
    asks(companies(make))
    user_of(ANYBODY)

    # The right password has the directory forget wrong ones, which would lock the account.
    for wrong in (f"{PASSWORD}!", PASSWORD.upper()):
        assert WRONG in try_in(ANYBODY, wrong)[1]
        assert is_in(try_in(ANYBODY, PASSWORD)[0])
    assert WRONG in try_in("nobody", PASSWORD)[1]


@pytest.mark.parametrize(("make", "closing", "name"), EACH_CLOSING)
def test_an_account_that_is(make: Make, closing: Closing, name: str, companies: Callable[[Make], Company]) -> None:
    company = companies(make)
    asks(company)
    user_of(name)
    closing.happens(company, name)

    wrong, right = try_in(name, "not the password")[1], try_in(name, PASSWORD)[1]

    # Who does not know the password learns nothing of the account.
    assert WRONG in wrong
    assert SHOWN.get(closing.reason, WRONG) in right
    assert str(closing.reason) in reason()


@pytest.mark.parametrize("make", MAKES, ids=lambda make: make.name)
def test_a_test_of_a_sign_in_has_the_servers_words(make: Make, companies: Callable[[Make], Company]) -> None:
    asks(companies(make))
    server = LdapServer.objects.get()
    wrong, right = (
        try_sign_in(server.connection, server.mapping, username=ANYBODY, password=password)
        for password in ("not the password", PASSWORD)
    )

    assert all(step.ok for step in right)
    assert [step.stage for step in right][-2:] == ["person", "password"]
    assert not wrong[-1].ok
    assert "the server says that the password is wrong" in wrong[-1].detail
    assert "LDAP result 49" in wrong[-1].detail


@pytest.mark.parametrize("make", MAKES, ids=lambda make: make.name)
def test_who_was_renamed_and_moved_comes_in_under_the_name_of_before(
    make: Make, companies: Callable[[Make], Company]
) -> None:
    company = companies(make)
    asks(company)
    user_of("ivy")
    simulate_and_sync()
    company.names("ivy", "yvonne")
    company.renames_entry("ivy", "Ivyson, Yvonne")
    company.moves("ivy", "Sales")

    assert is_in(try_in("ivy", PASSWORD)[0])
    assert WRONG in try_in("yvonne", PASSWORD)[1]
