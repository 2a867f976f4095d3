"""slapd 2.5.13 with syncprov before dynlist dies of a sync search that has nothing to send: it is not sent one twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest
from django.urls import reverse

from directory.models import LdapServer, Run, RunServer, RunState
from tests import overlays
from tests.directories import Directory
from tests.faults.proxy import Proxy
from tests.makers import make_sysadmin, signed_in
from tests.servers.company import Company
from tests.servers.openldap import BASE
from tests.servers.rollcall import Rollcall, planned_changes
from tests.worlds import sync

pytestmark = [pytest.mark.django_db, pytest.mark.once]


class Dying(NamedTuple):
    """A company whose slapd dies; it is asked by an address that stays when it is started again."""

    company: Company
    directory: Directory
    address: Proxy
    rollcall: Rollcall


@contextmanager
def dying() -> Iterator[Dying]:
    company = Company(Directory(base=BASE), BASE)
    company.nests = True
    extra = f"{overlays.SYNCPROV}\n{overlays.DYNLIST}"
    ldif = company.ldif(member_of=False)
    with (
        Directory(base=BASE, ldif=ldif, schemas=overlays.DYNAMIC_SCHEMAS, extra=extra, aged=True) as directory,
        Proxy(directory.port) as address,
    ):
        company.directory, company.read_at = directory, address.url
        rollcall = Rollcall(company)
        assert rollcall.begins().readings.get().cursor["by"] == "syncrepl"
        yield Dying(company, directory, address, rollcall)


def test_it_is_not_asked_what_has_changed_where_nothing_has() -> None:
    with dying() as here:
        here.rollcall.reads(incremental=True)

        reading = here.rollcall.reads(incremental=True)

        assert not here.directory.has_ended()
        assert (reading.since["by"], reading.proof["results"]) == ("syncrepl", {})
        page = signed_in(make_sysadmin("boss")).get(reverse("runs:detail", args=[reading.run_id])).content.decode()
        assert "by the server&#x27;s own cookie nothing had changed" in page
        here.company.disables("ada")
        assert here.rollcall.reads(incremental=True).since["by"] == "syncrepl"
        assert not here.rollcall.facts()["ada"]["active"]
        assert not planned_changes()


def test_where_it_dies_all_the_same_the_run_says_so_and_the_next_one_works() -> None:
    with dying() as here:
        # As if another replica had been there at the last reading: nothing is new, and the cookies differ.
        last = RunServer.objects.latest("pk")
        more = last.cursor["at"].replace("#000#", "#001#")
        RunServer.objects.filter(pk=last.pk).update(cursor={**last.cursor, "at": f"{last.cursor['at']};{more}"})

        failed = sync(incremental=True)

        assert here.directory.has_ended()
        assert failed.state == RunState.FAILED
        error = failed.readings.get().error
        assert "broke off when it was asked by syncrepl" in error
        assert "look whether it is still running" in error
        client = signed_in(make_sysadmin("boss"))
        page = client.get(reverse("runs:detail", args=[failed.pk])).content.decode()
        assert "broke off when it was asked by syncrepl" in page
        assert all(facts["active"] for facts in here.rollcall.facts().values())

        here.directory.start()
        here.address.target = here.directory.port
        here.company.disables("ada")
        reading = here.rollcall.reads(incremental=True)

        assert reading.cursor["by"] == "modifyTimestamp"
        assert not here.rollcall.facts()["ada"]["active"]
        here.company.joins("bo", "helpdesk")
        assert here.rollcall.reads(incremental=True).since["by"] == "modifyTimestamp"
        assert here.rollcall.facts()["bo"]["administrator"]
        assert not here.directory.has_ended()
        assert not planned_changes()
        server = LdapServer.objects.get()
        assert (
            "broke off when it was asked by syncrepl"
            in client.get(reverse("ldap_servers:edit", args=[server.pk])).content.decode()
        )
        assert Run.objects.latest("pk").state == RunState.APPLIED
