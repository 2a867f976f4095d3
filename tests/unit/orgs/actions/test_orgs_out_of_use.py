"""Nobody becomes active in an org that is out of use, as no sync would decide about them any more."""

from __future__ import annotations

import pytest

from orgs.actions import orgs
from orgs.actions.errors import Refused
from orgs.actions.users import deactivation, org_moves, user_creation
from orgs.actions.users.user_creation import NewUser
from orgs.actions.users.user_profiles import Profile
from orgs.models import CreatedBy, Org
from orgs.rules.actors import SYSTEM
from tests.worlds import NOON, again, org, user

pytestmark = pytest.mark.django_db


@pytest.fixture
def closed() -> Org:
    return orgs.set_active(org=org("Closed"), active=False, by=SYSTEM, at=NOON)


def test_nobody_is_created_there(closed: Org) -> None:
    with pytest.raises(Refused, match="is not active"):
        user_creation.create(users=[NewUser(Profile("mia"), closed.pk)], created_by=CreatedBy.HAND, by=SYSTEM, at=NOON)


def test_nobody_is_moved_there(closed: Org) -> None:
    with pytest.raises(Refused, match="is not active"):
        org_moves.move(moves={user("sean").pk: closed.pk}, by=SYSTEM, at=NOON)


def test_nobody_is_reactivated_there() -> None:
    sean = user("sean", org_name="Closed")
    deactivation.deactivate(user_ids=[sean.pk], by=SYSTEM, at=NOON)
    orgs.set_active(org=org("Closed"), active=False, by=SYSTEM, at=NOON)

    with pytest.raises(Refused, match="sean is in Closed, which is not active"):
        deactivation.reactivate(user_ids=[sean.pk], by=SYSTEM, at=NOON)

    assert not again(sean).active


def test_no_org_is_made_below_it(closed: Org) -> None:
    with pytest.raises(Refused, match="Closed is not active"):
        orgs.create(name="Below", parent=closed, by=SYSTEM, at=NOON)


def test_an_org_below_it_stays_out_of_use() -> None:
    upper = org("Upper")
    lower = orgs.create(name="Lower", parent=upper, by=SYSTEM, at=NOON)
    for each in (lower, upper):
        orgs.set_active(org=each, active=False, by=SYSTEM, at=NOON)

    with pytest.raises(Refused, match="Upper, above Lower, is not active"):
        orgs.set_active(org=lower, active=True, by=SYSTEM, at=NOON)
