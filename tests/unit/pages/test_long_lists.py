"""Lists and exports that are long: what they hold stays right, and takes as few looks at the database as it may."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from orgs.models import Archive, AuditEntry, Device, RoleGrant
from tests.makers import make_device, make_matter, make_sysadmin, make_user, make_users, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def client() -> Client:
    return signed_in(make_sysadmin())


def rows_of(response: Any) -> list[dict[str, str]]:
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


class TestTheExportOfUsers:
    def test_holds_every_column_of_every_user(self, client: Client) -> None:
        wendy = make_user("wendy", roles=["PROe User", "Desktop User"], email="w@example.com", first_name="Wendy")
        make_matter("Inquiry", wendy)

        ada, row = rows_of(client.get(reverse("users:export")))

        assert (ada["username"], ada["roles"], ada["on_hold"]) == ("ada", "SYSADMIN", "no")
        assert {name: row[name] for name in row if name != "created"} == {
            "username": "wendy",
            "email": "w@example.com",
            "first_name": "Wendy",
            "last_name": "",
            "org": "Default",
            "roles": "Desktop User, PROe User",
            "active": "yes",
            "deactivated_by": "",
            "deactivated_at": "",
            "blocked": "no",
            "blocked_by": "",
            "blocked_at": "",
            "pending": "no",
            "on_hold": "yes",
            "managed_locally": "no",
        }
        assert row["created"]

    def test_asks_for_all_roles_at_once(self, client: Client) -> None:
        make_users((f"user{number}" for number in range(20)), roles=["PROe User"])

        with CaptureQueriesContext(connection) as queries:
            rows_of(client.get(reverse("users:export")))

        assert sum(RoleGrant._meta.db_table in query["sql"] for query in queries) <= 2


class TestTheExportOfDevices:
    def test_holds_every_column_of_every_device(self, client: Client) -> None:
        device = make_device(make_user("wendy"))

        (row,) = rows_of(client.get(reverse("devices:export")))

        assert row == {
            "name": "laptop",
            "guid": device.guid,
            "user": "wendy",
            "org": "Default",
            "os": "Windows 11",
            "app_version": "",
            "active": "yes",
            "blocked": "no",
            "authorized": "yes",
            "last_connected": "",
        }


class TestStoredBytes:
    def test_are_summed_up_for_each_device(self) -> None:
        wendy = make_user("wendy")
        laptop, desk = make_device(wendy, "laptop", size_bytes=5), make_device(wendy, "desk", size_bytes=7)
        Archive.objects.create(device=laptop, size_bytes=3)
        Archive.objects.filter(device=desk).delete()

        stored = {device.name: device.stored_bytes for device in Device.objects.with_stored_bytes()}  # type: ignore[attr-defined]  # annotated

        assert stored == {"laptop": 8, "desk": 0}


class TestWhatTheAuditTrailKnows:
    @pytest.mark.parametrize("field", ["action", "object_type"])
    def test_is_each_value_once_in_order(self, field: str) -> None:
        make_matter("Inquiry", make_user("wendy"), make_user("stan"))

        known = AuditEntry.objects.values_of(field)

        assert known == sorted(set(AuditEntry.objects.values_list(field, flat=True)))
        assert len(known) > 1

    def test_is_nothing_in_an_empty_one(self) -> None:
        AuditEntry.objects.all().delete()

        assert AuditEntry.objects.values_of("action") == []

    def test_has_an_index_for_its_order_and_its_actions(self) -> None:
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, AuditEntry._meta.db_table)

        assert (found["audit_newest_first"]["columns"], found["audit_newest_first"]["orders"]) == (
            ["at", "id"],
            ["DESC", "DESC"],
        )
        assert found["audit_by_action"]["columns"] == ["action", "id"]
