"""People of a directory who sign in to the console: their entries, their users, and what a browser gets."""

from __future__ import annotations

from typing import Any

from django.test import Client

from directory.models import LdapServer, Match
from orgs.models import User
from tests.directories import Directory, to_ldif
from tests.fake_ldap import FakeDirectory
from tests.makers import NOW, make_user
from tests.worlds import NO_LIMITS, ldap_server

WRONG = "Username and password do not fit together"
TOO_MANY = "Too many attempts"
CHANGE_FIRST = "Your password has to be changed first"
ADDRESS = "198.51.100.7"
BASE = "dc=example,dc=com"
PEOPLE = f"ou=People,{BASE}"
ROLE = "PROe User"


def password_of(name: str) -> str:
    """Return the password of a person in the directory."""
    return f"Geheim, {name} & söhne!"


def person(name: str, *, dn: str = "", **attributes: Any) -> str:
    """Return LDIF of a person with a password."""
    values = {
        "objectClass": ["inetOrgPerson"],
        "uid": name,
        "cn": name.title(),
        "givenName": name.title(),
        "sn": f"{name.title()}son",
        "mail": f"{name}@example.com",
        "userPassword": password_of(name),
    }
    return to_ldif(dn or f"uid={name},{PEOPLE}", values | attributes)


def people_ldif(*names: str) -> str:
    """Return LDIF of a branch with these people."""
    branch = to_ldif(PEOPLE, {"objectClass": "organizationalUnit", "ou": "People"})
    return branch + "".join(map(person, names))


def asks(directory: Directory, **settings: Any) -> LdapServer:
    """Have the org Default ask this directory."""
    values = {
        "search_base": directory.base,
        "bind_dn": directory.reader_dn,
        "bind_password": directory.reader_password,
        "ca_certificate": directory.ca_certificate,
        **NO_LIMITS,
    }
    return ldap_server(settings.pop("url", directory.url), **values | settings)


def user_of(name: str, **options: Any) -> User:
    """Make the user of a person, without a local password."""
    names = {"first_name": name.title(), "last_name": f"{name.title()}son", "email": f"{name}@example.com"}
    return make_user(name, **{"roles": [ROLE], **names, **options})


def matched(user: User, server: LdapServer, directory: Directory) -> User:
    """Note the entry of a user as theirs, as a sync does."""
    dn = f"uid={user.username},{PEOPLE}"
    with directory.administrator() as connection:
        [unique_id] = connection.read_s(dn, attrlist=["entryUUID"])["entryUUID"]
    Match.objects.create(user=user, server=server, dn=dn, unique_id=unique_id.decode(), matched_at=NOW)
    return user


def try_in(
    username: str, password: str, *, browser: Client | None = None, address: str = ADDRESS
) -> tuple[Client, str]:
    """Fill in the form of the sign-in; return the browser, and what it shows, empty if the person is in."""
    browser = browser or Client()
    response = browser.post("/sign-in/", {"username": username, "password": password}, REMOTE_ADDR=address)
    return browser, "" if response.status_code == 302 else response.content.decode()


def is_in(browser: Client) -> bool:
    """Return whether somebody is signed in there."""
    return bool(browser.get("/").status_code == 200)


def person_binds(server: FakeDirectory, *, reader: str = "") -> list[bytes]:
    """Return the passwords that a server got, but for that of its own reader."""
    return [password for password in server.passwords if password != reader.encode()]
