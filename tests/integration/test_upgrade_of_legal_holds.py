"""Legal holds from before there were policies and events: each name becomes a policy, and what is stored becomes events."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps

from directory.invariants import matters as rules
from orgs.actions import legal_holds
from orgs.models import Matter, MatterEvent, PreservationPolicy
from orgs.rules.actors import SYSTEM
from tests.makers import NOW, make_users

pytestmark = [pytest.mark.django_db, pytest.mark.database]

MIGRATION: Any = import_module("orgs.migrations.0009_matters_have_policies_and_events")


@pytest.fixture
def matters(monkeypatch: pytest.MonkeyPatch) -> list[Matter]:
    """Three matters as older code left them, with more custodians than one batch has; one is closed."""
    monkeypatch.setattr(MIGRATION, "BATCH", 2)
    people = [user.pk for user in make_users(f"user{number}" for number in range(5))]
    found = [legal_holds.open_matter(name=name, by=SYSTEM, at=NOW) for name in ("Lease", "Audit", "Tender")]
    for matter in found[:2]:
        legal_holds.add_custodians(matter=matter, user_ids=people, by=SYSTEM, at=NOW + timedelta(hours=1))
    legal_holds.release(matter=found[0], user_ids=people[:1], by=SYSTEM, at=NOW + timedelta(hours=2))
    legal_holds.add_custodians(matter=found[0], user_ids=people[:1], by=SYSTEM, at=NOW + timedelta(hours=3))
    legal_holds.close_matter(matter=found[1], by=SYSTEM, at=NOW + timedelta(hours=4))
    Matter.objects.filter(pk__in=[found[0].pk, found[1].pk]).update(policy="Keep all")
    MatterEvent.objects.all().delete()
    return found


def upgrade() -> None:
    MIGRATION.link_policies(apps, None)
    MIGRATION.write_events(apps, None)


def test_have_policies_and_events_afterwards_and_nothing_twice(matters: list[Matter]) -> None:
    for _again in range(2):
        upgrade()

        assert list(rules.events(NOW)) == []
        assert list(rules.policies(NOW)) == []
        policy = PreservationPolicy.objects.get()
        assert (policy.name, set(policy.matters.values_list("name", flat=True))) == ("Keep all", {"Lease", "Audit"})
        assert MatterEvent.objects.filter(kind="opened").count() == 3
        assert set(MatterEvent.objects.values_list("actor_label", flat=True)) == {""}


def test_go_on_where_an_upgrade_was_broken_off(matters: list[Matter]) -> None:
    upgrade()
    MatterEvent.objects.filter(
        pk__in=list(MatterEvent.objects.order_by("-pk").values_list("pk", flat=True)[:4])
    ).delete()

    upgrade()

    assert list(rules.events(NOW)) == []
