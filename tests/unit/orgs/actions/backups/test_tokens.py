"""Tokens of devices are issued once, exchanged and ended; nobody can read one again."""

from __future__ import annotations

import base64
from datetime import datetime

import pytest

from directory.invariants import broken
from orgs.actions.backups import new_archives, tokens
from orgs.actions.devices_by_hand import replacement, states
from orgs.actions.errors import Refused
from orgs.actions.users import blocking
from orgs.backups import gate
from orgs.models import (
    Archive,
    ArchiveState,
    AuditEntry,
    Device,
    DeviceToken,
    KeyHolder,
    Repository,
    RepositoryLocation,
)
from orgs.rules.actors import SYSTEM, person
from tests.backups import signed_in_device
from tests.makers import make_sysadmin
from tests.worlds import NOON, device, user

pytestmark = pytest.mark.django_db


def refused(token: str) -> str:
    found = gate.refusal(gate.of_token(token))
    return found.code if found else ""


class TestASignIn:
    def test_gives_a_token_of_256_bits_of_which_only_the_hash_is_stored(self) -> None:
        one = signed_in_device(user("sean"))

        stored = DeviceToken.objects.get(device=one.device)

        assert len(base64.urlsafe_b64decode(one.token + "=")) == 32
        assert stored.sha256 == gate.digest(one.token)
        assert one.token not in repr(tokens.issue(device_id=one.device.pk, by=SYSTEM, at=NOON))

    def test_is_in_the_audit_trail_without_token_and_password(self) -> None:
        one = signed_in_device(user("sean"))

        entries = list(AuditEntry.objects.values())

        assert {"device signed in", "archive begun"} <= {entry["action"] for entry in entries}
        assert not any(secret in str(entries) for secret in (one.token, one.password, gate.digest(one.token)))
        assert broken(at=NOON) == []

    def test_ends_the_token_of_before_and_leaves_archive_and_password(self) -> None:
        one = signed_in_device(user("sean"))

        again = tokens.issue(device_id=one.device.pk, by=SYSTEM, at=NOON)

        assert (refused(one.token), refused(again.token)) == ("unknown", "")
        assert again.password == one.password
        assert Repository.objects.count() == 1

    def test_authorizes_a_device_that_had_to_sign_in_again(self) -> None:
        one = signed_in_device(user("sean"))
        states.deauthorize(device_ids=[one.device.pk], by=SYSTEM, at=NOON)

        again = tokens.issue(device_id=one.device.pk, by=SYSTEM, at=NOON)

        assert refused(again.token) == ""
        assert broken(at=NOON) == []

    def test_begins_an_archive_where_there_is_none(self) -> None:
        laptop = Device.objects.create(user=user("sean"), name="laptop")

        issued = tokens.issue(device_id=laptop.pk, by=SYSTEM, at=NOON)

        assert refused(issued.token) == ""
        assert Archive.objects.get(device=laptop).repository.password == issued.password
        with pytest.raises(Refused, match="has an archive already"):
            new_archives.begin(device_id=laptop.pk, by=SYSTEM, at=NOON)

    def test_begins_with_nothing_stored_where_a_row_alone_had_a_size(self) -> None:
        one = signed_in_device(user("sean"))
        assert one.device.archives.get().size_bytes == 0

    def test_begins_no_second_repository_beside_an_older_one(self) -> None:
        laptop = device(user("sean"))
        old = laptop.archives.get()
        Archive.objects.filter(pk=old.pk).update(state=ArchiveState.EXPIRED, purge_at=NOON)
        Repository.objects.create(archive=old, password="b" * 43, location=RepositoryLocation.COLD)
        Archive.objects.create(device=laptop)

        with pytest.raises(Refused, match="an older one that is not yet deleted"):
            tokens.issue(device_id=laptop.pk, by=SYSTEM, at=NOON)

    @pytest.mark.parametrize(
        ("state", "dates", "sentence"),
        [
            (ArchiveState.COLD_STORAGE, {"cold_since": NOON, "expires_at": NOON}, "is in cold storage"),
            (ArchiveState.EXPIRED, {"purge_at": NOON}, "has expired and is lost"),
        ],
    )
    def test_begins_none_beside_an_archive_that_is_not_live(
        self, state: ArchiveState, dates: dict[str, datetime], sentence: str
    ) -> None:
        laptop = device(user("sean"))
        Archive.objects.update(state=state, **dates)
        with pytest.raises(Refused, match=sentence):
            new_archives.begin(device_id=laptop.pk, by=SYSTEM, at=NOON)

    def test_stores_no_password_that_the_user_holds(self) -> None:
        laptop = device(user("sean"))

        issued = tokens.issue(device_id=laptop.pk, by=SYSTEM, at=NOON, key_holder=KeyHolder.USER)

        assert issued.password == ""
        assert Repository.objects.get().key_holder == KeyHolder.USER

    def test_is_refused_in_the_words_of_the_gate_while_somebody_is_cut_off(self) -> None:
        sean = user("sean")
        laptop = device(sean)
        blocking.block(user_ids=[sean.pk], by=SYSTEM, at=NOON)

        with pytest.raises(Refused, match="Your account is blocked"):
            tokens.issue(device_id=laptop.pk, by=SYSTEM, at=NOON)

        assert not DeviceToken.objects.exists()

    def test_is_refused_when_the_archive_has_expired(self) -> None:
        laptop = device(user("sean"))
        Archive.objects.update(state=ArchiveState.EXPIRED, cold_since=NOON, expires_at=NOON, purge_at=NOON)

        with pytest.raises(Refused, match="has expired and is lost"):
            tokens.issue(device_id=laptop.pk, by=SYSTEM, at=NOON)

    def test_of_somebody_who_holds_more_is_refused_to_others(self) -> None:
        laptop, mia = device(make_sysadmin()), user("mia")

        with pytest.raises(Refused):
            tokens.issue(device_id=laptop.pk, by=person(mia), at=NOON)


class TestAReplacedComputer:
    def test_loses_its_token(self) -> None:
        sean = user("sean")
        old, new = signed_in_device(sean), signed_in_device(sean, "new laptop")

        replacement.replace(device_id=old.device.pk, computer_id=new.device.pk, by=SYSTEM, at=NOON)

        assert (refused(old.token), refused(new.token)) == ("unknown", "device-inactive")
        issued = tokens.issue(device_id=old.device.pk, by=SYSTEM, at=NOON)
        assert (refused(issued.token), issued.password) == ("", old.password)
        assert broken(at=NOON) == []

    def test_that_becomes_itself_again_leaves_the_other_devices_token_behind(self) -> None:
        sean = user("sean")
        old, new = signed_in_device(sean), signed_in_device(sean, "new laptop")
        replacement.replace(device_id=old.device.pk, computer_id=new.device.pk, by=SYSTEM, at=NOON)
        issued = tokens.issue(device_id=old.device.pk, by=SYSTEM, at=NOON)

        states.reactivate(device_ids=[new.device.pk], by=SYSTEM, at=NOON)
        states.authorize(device_ids=[old.device.pk], by=SYSTEM, at=NOON)

        assert refused(issued.token) == "unknown"
