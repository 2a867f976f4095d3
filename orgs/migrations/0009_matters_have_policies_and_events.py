"""Makes a preservation policy of each name that matters have, and the events of matters that began before there were any."""

from typing import Any

from django.db import migrations
from django.db.models import Exists, OuterRef, QuerySet

# Rows that one statement reads and writes.
BATCH = 5000
OPENED, CLOSED, ADDED, RELEASED = "opened", "closed", "custodian added", "custodian released"


def link_policies(apps: Any, _schema_editor: Any) -> None:
    """Link each matter to the policy of its name, which is made where there is none."""
    matters, policies = apps.get_model("orgs", "Matter").objects, apps.get_model("orgs", "PreservationPolicy").objects
    unlinked = matters.filter(preservation_policy=None).exclude(policy="")
    for name in list(unlinked.order_by("policy").values_list("policy", flat=True).distinct()):
        policy = policies.filter(name=name, org=None).first() or policies.create(name=name)
        unlinked.filter(policy=name).update(preservation_policy=policy)


def write_events(apps: Any, _schema_editor: Any) -> None:
    """Write the events that the stored rows say; who it was is not among them."""
    matters, custodians = apps.get_model("orgs", "Matter").objects, apps.get_model("orgs", "Custodian").objects
    event = apps.get_model("orgs", "MatterEvent")

    def without(kind: str, rows: QuerySet[Any], **same: Any) -> QuerySet[Any]:
        return rows.filter(~Exists(event.objects.filter(kind=kind, **same))).order_by("pk")

    def write(kind: str, rows: QuerySet[Any], matter: str, user: str | None, at: str) -> None:
        while batch := list(rows[:BATCH]):
            event.objects.bulk_create(
                [
                    event(
                        matter_id=getattr(row, matter),
                        user_id=user and getattr(row, user),
                        kind=kind,
                        at=getattr(row, at),
                    )
                    for row in batch
                ],
                batch_size=500,
            )

    of_matter = {"matter": OuterRef("pk")}
    of_user = {"matter": OuterRef("matter"), "user": OuterRef("user")}
    closed, released = matters.filter(closed_at__isnull=False), custodians.filter(released_at__isnull=False)
    write(OPENED, without(OPENED, matters.all(), at=OuterRef("opened_at"), **of_matter), "pk", None, "opened_at")
    write(CLOSED, without(CLOSED, closed, at=OuterRef("closed_at"), **of_matter), "pk", None, "closed_at")
    begun = without(ADDED, custodians.all(), at=OuterRef("added_at"), **of_user)
    write(ADDED, begun, "matter_id", "user_id", "added_at")
    gone = without(RELEASED, released, at=OuterRef("released_at"), **of_user)
    write(RELEASED, gone, "matter_id", "user_id", "released_at")


class Migration(migrations.Migration):
    # Each batch is committed by itself; both functions go on where they were broken off.
    atomic = False

    dependencies = [("orgs", "0008_policies_and_events_of_matters")]

    operations = [
        migrations.RunPython(link_policies, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(write_events, migrations.RunPython.noop, elidable=True),
    ]
