"""A part whose users others hold is tried again after a pause; an act that waits too long ends and says so."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from django.db import OperationalError, connection
from django.db.models.functions import Now

from directory.actions.bulk import carrying_out, held_rows, single_acts
from directory.models import BulkAct, BulkKind, BulkState
from directory.sync.lease import MAX_ATTEMPTS
from orgs.models import User
from tests.bulk_acts import confirmed, prepared, results
from tests.makers import NOW, make_sysadmin, make_users

pytestmark = pytest.mark.database

TRIES = 2 * MAX_ATTEMPTS


def given_up(*_: object) -> None:
    """What the database says when a lock was not to be had in time."""
    raise OperationalError("canceling statement due to lock timeout") from psycopg.errors.LockNotAvailable()


def broken(*_: object) -> None:
    """What the database says when it is gone."""
    raise OperationalError("the server closed the connection") from psycopg.errors.AdminShutdown()


@pytest.fixture
def act() -> BulkAct:
    return confirmed(prepared(BulkKind.BLOCK, make_users(["ben", "cem"]), by=(ada := make_sysadmin())), by=ada)


def tried(act: BulkAct, *, after: timedelta = timedelta(), idle: timedelta = timedelta(seconds=5)) -> BulkAct:
    """Have a worker try the act, once the pause has been over for a while."""
    BulkAct.objects.filter(pk=act.pk, lease_until__isnull=False).update(lease_until=Now() - idle)
    carrying_out.carry_out(act.pk, clock=lambda: NOW + after)
    return BulkAct.objects.get(pk=act.pk)


@pytest.mark.django_db
class TestAPartWhoseUsersAreHeld:
    def test_is_tried_again_however_often(self, act: BulkAct, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as while_held:
            while_held.setattr(single_acts, "lock", given_up)
            waiting = [tried(act) for _ in range(TRIES)][-1]
        assert (waiting.state, waiting.attempts, waiting.waits_since) == (BulkState.WORKING, 0, NOW)

        ended = tried(act)

        assert (ended.state, ended.done, ended.waits_since) == (BulkState.DONE, 2, None)

    def test_is_left_alone_during_the_pause(self, act: BulkAct, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as while_held:
            while_held.setattr(single_acts, "lock", given_up)
            tried(act)

        assert carrying_out.carry_out(act.pk, clock=lambda: NOW) is False

        assert not User.objects.filter(blocked=True).exists()

    def test_ends_the_act_when_that_lasts_too_long(self, act: BulkAct, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(single_acts, "lock", given_up)
        tried(act)

        ended = tried(act, after=held_rows.GIVES_UP_AFTER)

        assert (ended.state, ended.error) == (BulkState.FAILED, held_rows.GIVEN_UP)
        assert set(results(ended).values()) == {"waiting"}

    def test_that_no_worker_has_tried_for_long_begins_to_wait_anew(
        self, act: BulkAct, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(single_acts, "lock", given_up)
        tried(act)

        waiting = tried(act, after=held_rows.GIVES_UP_AFTER, idle=timedelta(minutes=3))

        assert (waiting.state, waiting.waits_since) == (BulkState.WORKING, NOW + held_rows.GIVES_UP_AFTER)

    def test_is_not_one_of_a_broken_database(self, act: BulkAct, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(single_acts, "lock", broken)

        with pytest.raises(OperationalError):
            tried(act)

        act.refresh_from_db()
        assert (act.attempts, act.waits_since) == (1, None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")
def test_a_lock_of_another_session_is_waited_for(act: BulkAct) -> None:
    other = connection.copy()
    other.set_autocommit(False)
    with other.cursor() as cursor, connection.cursor() as own:
        cursor.execute("SELECT id FROM orgs_user WHERE username = 'ben' FOR UPDATE")
        own.execute("SET lock_timeout = '100ms'")
        waiting = tried(act)
        other.rollback()
    other.close()
    assert (waiting.state, waiting.attempts) == (BulkState.WORKING, 0)

    assert tried(act).done == 2
    with connection.cursor() as own:
        own.execute("RESET lock_timeout")
