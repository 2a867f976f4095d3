"""Companies on OpenLDAP: one for each overlay, each told of changes by syncrepl or by time stamps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal

from tests import overlays
from tests.directories import Directory
from tests.proxies import Proxy
from tests.servers.company import LOCKED_SECONDS, Company

BASE = "dc=example,dc=com"
SALES = f"ou=Sales,{BASE}"


class Glued(Company):
    """One branch has a database of its own, between which and the others nothing can be renamed."""

    def moves(self, name: str, branch: str) -> None:
        """Delete an entry, and make it elsewhere, as there is no other way."""
        groups = [group for group, members in self.members().items() if self.dns[name].lower() in members]
        for group in groups:
            self.quits(name, group)
        self.makes_anew(name, branch)
        for group in groups:
            self.joins(name, group)

    def members(self) -> dict[str, list[str]]:
        """Return the DNs of each group's members, lowered."""
        with self.directory.administrator() as connection:
            return {
                name: [value.decode().lower() for value in connection.read_s(dn, attrlist=["member"])["member"]]
                for name, dn in self.groups.items()
            }


@contextmanager
def memberof(*, syncprov: bool, resolved: bool = False) -> Iterator[Company]:
    """A company whose server writes memberOf into entries; ``resolved`` has Rollcall read the groups itself."""
    with _alone(overlays.MEMBEROF, syncprov=syncprov, member_of=True) as company:
        company.nests, company.read_with = resolved, {"resolve_groups": resolved}
        yield company


@contextmanager
def dynlist(*, syncprov: bool) -> Iterator[Company]:
    """A company whose server computes memberOf, groups of groups as well."""
    with _alone(overlays.DYNLIST, syncprov=syncprov, member_of=False) as company:
        company.nests = True
        yield company


@contextmanager
def _alone(overlay: str, *, syncprov: bool, member_of: bool) -> Iterator[Company]:
    # A slapd that has syncprov before dynlist ends at the first sync search.
    lines = [overlay, overlays.REFINT, overlays.ppolicy(BASE), overlays.SYNCPROV if syncprov else ""]
    # The company is founded before its directory is there, as it is loaded in bulk.
    company = Company(Directory(base=BASE), BASE)
    ldif = overlays.policy(BASE, seconds=LOCKED_SECONDS) + company.ldif(member_of=member_of)
    with Directory(
        base=BASE, ldif=ldif, schemas=overlays.DYNAMIC_SCHEMAS, extra="\n".join(lines), aged=True
    ) as directory:
        company.directory = directory
        yield company


@contextmanager
def glue() -> Iterator[Company]:
    """A company one branch of which has a database of its own."""
    company = Glued(Directory(base=BASE), BASE, nests=True)
    # Of people in the other database the overlay names no groups at all.
    company.read_with = {"resolve_groups": True}
    ldif = company.ldif(member_of=False)
    directory = Directory(
        base=BASE,
        ldif=ldif,
        schemas=overlays.DYNAMIC_SCHEMAS,
        before=overlays.glued(SALES, f"cn=admin,{BASE}"),
        extra=f"{overlays.DYNLIST}\n{overlays.REFINT}",
        aged=True,
    )
    with directory:
        company.directory = directory
        yield company


@contextmanager
def proxied(kind: Literal["ldap", "meta"]) -> Iterator[Company]:
    """A company whose directory is read through a proxy: ``ldap`` or ``meta``."""
    with ExitStack() as stack:
        company = stack.enter_context(memberof(syncprov=False))
        origin = company.directory
        assert isinstance(origin, Directory)
        proxy = stack.enter_context(Proxy(kind, origin))
        company.read_at = proxy.url
        # It leaves the paging control out of its answers.
        company.read_with = {"cannot_page": kind == "meta"}
        yield company
