"""Old rows go when their time has come; what is on legal hold, or needed by something, stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from directory import invariants, status
from directory import retention as rules
from directory.actions import retention, undo
from directory.models import Alert, AlertKind, Mail, MailKind, Run, RunChange, RunState
from directory.status import State
from orgs.actions import devices, legal_holds, users
from orgs.actors import SYSTEM, Actor
from orgs.models import AuditEntry, Matter, User
from tests.directories import Directory, people
from tests.makers import make_sysadmin, signed_in
from tests.worlds import NOON, device, ldap_server, simulate, simulate_and_sync, sync, user

pytestmark = pytest.mark.django_db

ADA = Actor(label="ada")
COUNT = 12
YEAR = timedelta(days=366)
LIMITS = {"limit_deactivations_percent": 100, "limit_role_changes_percent": 100, "limit_moves_percent": 100}


@pytest.fixture
def corp() -> Iterator[Directory]:
    """A directory, and a year of runs: all changed, one more, four who are kept in each run."""
    with Directory(ldif=people(COUNT)) as directory:
        made = [user(f"u{number:05}") for number in range(1, COUNT + 1)]
        ldap_server(directory.url, search_filter="(objectClass=inetOrgPerson)", **LIMITS)
        simulate_and_sync()
        users.block(user_ids=[each.pk for each in made[:4]], by=ADA, at=NOON)
        sync()
        directory.modify("uid=u00009,ou=People,dc=example,dc=com", {"sn": "Newname"})
        sync(at=NOON + timedelta(days=1))
        yield directory


def later(at: datetime) -> datetime:
    """Have the newest reading a year after the others, as it is where runs go on."""
    return sync(at=at).created_at


def remove(at: datetime) -> dict[str, int]:
    return dict(retention.remove_old(by=SYSTEM, at=at))


def hold(name: str) -> Matter:
    matter = legal_holds.open_matter(name="Inquiry", policy="Keep all", by=SYSTEM, at=NOON)
    legal_holds.add_custodians(matter=matter, user_ids=[User.objects.get(username=name).pk], by=SYSTEM, at=NOON)
    return matter


class TestRunsThatAreOld:
    def test_go_with_their_changes_and_leave_a_sound_database(self, corp: Directory) -> None:
        at = later(NOON + YEAR + timedelta(days=2))
        before = Run.objects.count()

        removed = remove(at)

        assert removed["changes"] >= COUNT
        assert removed["runs"] == before - Run.objects.count() > 0
        assert not invariants.broken(at=at)
        noted = AuditEntry.objects.get(action="old rows removed")
        assert noted.after["runs"] == removed["runs"]
        assert noted.after["kept days"]["runs"] == 365

    def test_go_once(self, corp: Directory) -> None:
        at = later(NOON + YEAR + timedelta(days=2))
        remove(at)

        assert remove(at) == {}
        assert AuditEntry.objects.filter(action="old rows removed").count() == 1

    def test_stay_while_they_are_young(self, corp: Directory) -> None:
        assert remove(NOON + timedelta(days=300)) == {}

    def test_stay_for_ever_where_the_operator_says_so(self, corp: Directory, settings: Settings) -> None:
        settings.KEEP_RUNS_DAYS = 0

        assert "runs" not in remove(NOON + 20 * YEAR)
        assert RunChange.objects.exists()

    def test_go_a_little_at_a_time(self, corp: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(retention, "PART", 5)
        at = later(NOON + YEAR + timedelta(days=2))
        before = Run.objects.count()

        retention.remove_old(by=SYSTEM, at=at, seconds=0)

        assert Run.objects.count() == before
        assert not invariants.broken(at=at)
        for _ in range(4):
            retention.remove_old(by=SYSTEM, at=at, seconds=0)
            assert not invariants.broken(at=at)
        retention.remove_old(by=SYSTEM, at=at)
        assert Run.objects.count() < before

    def test_keep_what_newer_ones_repeat(self, corp: Directory) -> None:
        run = sync(at=NOON + YEAR + timedelta(days=2))
        said = sorted(run.changes.values_list("username", "outcome", "steps"), key=str)
        assert run.repeats.exists()

        remove(run.created_at)

        assert sorted(run.changes.values_list("username", "outcome", "steps"), key=str) == said
        assert not invariants.broken(at=run.created_at)

    def test_are_not_those_that_the_next_run_looks_back_at(self, corp: Directory) -> None:
        at = NOON + 3 * YEAR

        remove(at)

        run = sync(at=at)
        assert run.state == RunState.APPLIED, run.held_back
        assert not invariants.broken(at=at)

    def test_are_no_plans_that_wait(self, corp: Directory) -> None:
        Run.objects.filter(pk=sync().pk).update(state=RunState.HELD_BACK)
        waiting = Run.objects.get(state=RunState.HELD_BACK)

        remove(NOON + 3 * YEAR)

        assert Run.objects.filter(pk=waiting.pk).exists()


class TestSomebodyOnHold:
    def test_keeps_changes_and_audit_entries(self, corp: Directory, settings: Settings) -> None:
        settings.KEEP_AUDIT_DAYS = 365
        matter = hold("u00009")
        changed = RunChange.objects.filter(username="u00009", outcome="applied")
        entries = AuditEntry.objects.filter(object_type="user", object_label="u00009")
        before = (changed.count(), entries.count())
        at = later(NOON + YEAR + timedelta(days=2))

        remove(at)

        assert (changed.count(), entries.count()) == before
        assert not RunChange.objects.filter(username="u00008", outcome="applied").exists()
        run = changed[0].run
        assert run.cleared_at == at
        assert undo.why_not(run).endswith(f"its changes were removed on {at:%Y-%m-%d}")
        assert not invariants.broken(at=at)
        legal_holds.close_matter(matter=matter, by=SYSTEM, at=at)
        remove(at)
        assert not changed.exists()
        assert not invariants.broken(at=at)

    def test_keeps_what_runs_repeated(self, corp: Directory) -> None:
        hold("u00002")
        repeating = sync(at=NOON + timedelta(days=2))
        at = later(NOON + YEAR + timedelta(days=3))

        remove(at)

        assert [each.username for each in repeating.changes.all()] == ["u00002"]

    def test_is_shown_in_a_run_that_is_not_whole(self, corp: Directory) -> None:
        hold("u00009")
        at = later(NOON + YEAR + timedelta(days=2))
        remove(at)
        run = Run.objects.filter(cleared_at=at).latest("pk")

        page = signed_in(make_sysadmin()).get(reverse("runs:detail", args=[run.pk])).content.decode()

        assert "older than changes are kept" in page


class TestTheAuditTrail:
    def test_goes_after_its_time_but_for_the_newest_entry_about_each_object(
        self, corp: Directory, settings: Settings
    ) -> None:
        settings.KEEP_AUDIT_DAYS = 400
        hold("u00003")
        at = later(NOON + 2 * YEAR)

        removed = remove(at)

        assert removed["audit_entries"] > COUNT
        assert AuditEntry.objects.filter(object_type="user", object_label="u00008").count() == 1
        assert AuditEntry.objects.filter(action="put on legal hold").exists()
        assert not invariants.broken(at=at)

    def test_stays_at_least_as_long_as_runs(self, corp: Directory, settings: Settings) -> None:
        settings.KEEP_AUDIT_DAYS = 1

        assert remove(NOON + timedelta(days=300)) == {}


class TestOtherRows:
    def test_mails_and_dismissed_alerts_go(self, corp: Directory) -> None:
        run = Run.objects.latest("pk")
        Mail.objects.all().delete()
        for kind, sent in ((MailKind.SUMMARY, NOON), (MailKind.FAILED, None)):
            Mail.objects.create(run=run, kind=kind, subject="Done", body="Done", created_at=NOON, sent_at=sent)
        Alert.objects.create(kind=AlertKind.MAIL, message="old", created_at=NOON, dismissed_at=NOON)
        Alert.objects.create(kind=AlertKind.MAIL, message="open", created_at=NOON)

        removed = remove(NOON + timedelta(days=200))

        assert removed == {"mails": 1, "alerts": 1}
        assert [mail.sent_at for mail in Mail.objects.all()] == [None]
        assert [alert.message for alert in Alert.objects.filter(kind=AlertKind.MAIL)] == ["open"]

    def test_sessions_that_have_ended_go(self, client: Client) -> None:
        for days in (-1, 1):
            store = SessionStore()
            store["x"] = 1
            store.set_expiry(timezone.now() + timedelta(days=days))
            store.save()

        remove(timezone.now())

        assert Session.objects.count() == 1


class TestTheStatus:
    def test_says_what_is_kept(self, corp: Directory) -> None:
        kept = next(section for section in status.sections(at=NOON) if section.key == "kept")

        assert kept.state == State.OK
        assert "Kept for 365 days." in kept.lines[0].fact

    def test_warns_where_old_runs_are_not_removed(self, corp: Directory) -> None:
        simulate()
        at = later(NOON + YEAR + timedelta(days=20))

        kept = next(section for section in status.sections(at=at) if section.key == "kept")

        assert kept.state == State.WARNING


class TestWhatBeginsWhileOldRowsGo:
    def test_an_undo_that_has_begun_keeps_what_it_undoes(
        self, corp: Directory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        at = later(NOON + YEAR + timedelta(days=2))
        run = Run.objects.filter(state=RunState.APPLIED, stored_changes__outcome="applied").distinct().first()
        assert run is not None
        changed = run.stored_changes.filter(outcome="applied").count()
        found = rules.old_runs(at - timedelta(days=365))
        assert run.pk in found
        monkeypatch.setattr(rules, "old_runs", lambda _before: found)
        undo.start(run=run, by=ADA, at=at, wake=False)

        remove(at)

        assert run.stored_changes.filter(outcome="applied").count() == changed
        run.refresh_from_db()
        assert run.cleared_at is None

    def test_the_trail_of_the_devices_of_users_on_hold_stays(self, corp: Directory, settings: Settings) -> None:
        settings.KEEP_AUDIT_DAYS = 365
        at = later(NOON + YEAR + timedelta(days=2))
        held, other = (device(User.objects.get(username=name)) for name in ("u00005", "u00006"))
        for each in (held, other):
            devices.deactivate(device_ids=[each.pk], by=ADA, at=NOON)
            devices.reactivate(device_ids=[each.pk], by=ADA, at=NOON)
            AuditEntry.objects.create(
                at=NOON,
                actor_label="ada",
                action="archive moved",
                object_type="archive",
                object_id=each.archives.get().pk,
            )
            AuditEntry.objects.create(
                at=NOON,
                actor_label="ada",
                action="archive back",
                object_type="archive",
                object_id=each.archives.get().pk,
            )
        hold("u00005")

        remove(at)

        told = AuditEntry.objects.filter(object_type="device")
        assert (told.filter(object_id=held.pk).count(), told.filter(object_id=other.pk).count()) == (2, 1)
        told = AuditEntry.objects.filter(object_type="archive")
        ids = [each.archives.get().pk for each in (held, other)]
        assert [told.filter(object_id=pk).count() for pk in ids] == [2, 1]
