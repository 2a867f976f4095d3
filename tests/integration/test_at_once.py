"""Several who change the same users at the same moment: each waits for the other, and nobody is turned away."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection, transaction

from directory.sync.plan import stored_users
from orgs.actions.users import blocking
from orgs.models import User
from orgs.rules.actors import SYSTEM
from tests.worlds import NOON, user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
TIMES = 60


def at_once(*acts: Callable[[], object]) -> list[BaseException]:
    """Have each of these done again and again, all at the same time; return what went wrong."""
    troubles: list[BaseException] = []
    together = threading.Barrier(len(acts))

    def work(act: Callable[[], object]) -> None:
        try:
            together.wait(30)
            for _ in range(TIMES):
                act()
        except Exception as error:  # noqa: BLE001  # whatever somebody would have seen
            troubles.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return troubles


def block_and_unblock(*people: User) -> None:
    ids = [each.pk for each in people]
    blocking.block(user_ids=ids, by=SYSTEM, at=NOON)
    blocking.unblock(user_ids=ids, by=SYSTEM, at=NOON)


@transaction.atomic
def as_a_run_does(*people: User) -> None:
    stored_users.load([each.pk for each in people], lock=True)
    block_and_unblock(*people)


class TestSysadmins:
    def test_are_blocked_by_two_people_and_a_run_at_once(self) -> None:
        ada, sean, vera, mia = (user(name, roles=["SYSADMIN"]) for name in ("ada", "sean", "vera", "mia"))
        lee = user("lee")

        troubles = at_once(
            partial(block_and_unblock, ada, lee), partial(block_and_unblock, vera), partial(as_a_run_does, sean, lee)
        )

        assert troubles == []
        assert set(User.objects.sysadmins()) >= {ada, sean, vera, mia}
