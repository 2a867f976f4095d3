"""What a plan is decided from: when a username stands for another immutable id, and orgs by id."""

from __future__ import annotations

import pytest

from directory.values.ldap import Identity
from directory.values.plan import LookupResult, MatchedBy, OrgFacts, PlanContext, Presence

SOMEBODY = Identity("uid=ann,dc=example", "id-2", ("ann",))


class TestALostId:
    @pytest.mark.parametrize(
        ("result", "lost"),
        [
            (LookupResult(Presence.FOUND, matched_by=MatchedBy.USERNAME, known_id="id-1"), True),
            (LookupResult(Presence.FOUND, matched_by=MatchedBy.ID, known_id="id-1"), False),
            (LookupResult(Presence.FOUND, matched_by=MatchedBy.USERNAME), False),
            (LookupResult(Presence.ABSENT, known_id="id-1"), False),
            (LookupResult(Presence.ABSENT, known_id="id-1", namesakes=(SOMEBODY,)), True),
            (LookupResult(Presence.ABSENT, namesakes=(SOMEBODY,)), False),
        ],
    )
    def test_is_a_username_that_stands_for_another_id_or_for_none(self, result: LookupResult, lost: bool) -> None:
        assert result.lost_id is lost


def test_what_a_plan_is_made_against_has_its_orgs_by_id_too() -> None:
    default, staff = OrgFacts(2, "Default"), OrgFacts(3, "Staff")

    assert PlanContext({"default": default, "staff": staff}, {}).by_id == {2: default, 3: staff}
