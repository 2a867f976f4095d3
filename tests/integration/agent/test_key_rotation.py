"""The rotation of keys encrypts the passwords of archives anew, and leaves those alone that users hold."""

from __future__ import annotations

from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.db import connection
from pytest_django import Settings

from orgs.actions import orgs
from orgs.models import Repository
from orgs.rules.actors import SYSTEM
from tests.backups import signed_in_device
from tests.makers import NOW, make_org, make_user

pytestmark = pytest.mark.django_db


def test_passwords_of_archives_are_read_with_the_new_key_alone(settings: Settings) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    settings.ENCRYPTION_KEYS = [old]
    made = signed_in_device(make_user("rosa"))
    theirs = make_org("Research")
    orgs.change(org=theirs, key_holder="user", by=SYSTEM, at=NOW)
    signed_in_device(make_user("ulla", org=theirs), "own key")
    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM orgs_repository")
        assert made.password not in str(cursor.fetchall())

    settings.ENCRYPTION_KEYS = [new, old]
    call_command("rotate_keys", stdout=StringIO())
    settings.ENCRYPTION_KEYS = [new]

    assert Repository.objects.get(archive__device=made.device).password == made.password
    assert Repository.objects.get(archive__device__name="own key").password == ""
