"""What changes under a plan while it is made, and whom it keeps."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import pytest

from directory.models import RunState
from directory.sync.plan import stored_users
from directory.values.plan import Outcome, StoredUser
from orgs.models import Org, User
from tests.integration.employer import Employer
from tests.worlds import again, change_of, org, simulate, simulate_and_sync, sync, user

pytestmark = pytest.mark.django_db


def roles_of(found: User) -> list[str]:
    return sorted(again(found).roles.values_list("name", flat=True))


class TestWhileAPlanIsMade:
    def test_an_org_that_is_renamed_keeps_its_default_roles(
        self, employer: Employer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        berlin = org("Berlin")
        employer.hires("mia")
        employer.server(orgs=("Berlin",), role_name_script="function (entry) { return [] }")
        mia = user("mia", org_name="Berlin")
        simulate_and_sync()
        before = roles_of(mia)
        assert before == ["Desktop User", "PROe User"]
        pages = stored_users.pages

        def renamed_meanwhile(user_ids: Sequence[int], org_ids: Collection[int]) -> Iterator[dict[int, StoredUser]]:
            Org.objects.filter(pk=berlin.pk).update(name="Berlin 2", name_key="berlin 2")
            yield from pages(user_ids, org_ids)

        monkeypatch.setattr(stored_users, "pages", renamed_meanwhile)

        sync()

        assert roles_of(mia) == before

    def test_a_user_who_moves_away_before_their_row_is_read_does_not_end_the_run(
        self, employer: Employer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outside = org("Outside", parent="ADMIN")
        employer.hires("mia")
        employer.hires("sean")
        employer.server()
        mia = user("mia")
        user("sean")
        load = stored_users.load

        def moved_meanwhile(user_ids: Collection[int], *, lock: bool = False) -> dict[int, StoredUser]:
            User.objects.filter(pk=mia.pk).update(org=outside)
            return load(user_ids, lock=lock)

        monkeypatch.setattr(stored_users, "load", moved_meanwhile)

        run = simulate()

        assert run.state == RunState.PLANNED
        assert run.changes.filter(username="sean").exists()


class TestWhomAPlanKeeps:
    def test_does_not_count_for_the_limits(self, employer: Employer) -> None:
        User.objects.sysadmins().update(blocked=True, blocked_by="person")
        employer.hires("mia")
        employer.server(limit_entries_percent=1)
        user("mia")
        user("boss", roles=["SYSADMIN"])
        for number in range(9):
            user(f"gone{number}")
        simulate()

        run = sync()

        kept = change_of(run, "boss")
        assert (kept.outcome, kept.cause) == (Outcome.KEPT, "")
        assert (run.state, run.held_back, run.counts["deactivated"]) == (RunState.APPLIED, [], 9)
