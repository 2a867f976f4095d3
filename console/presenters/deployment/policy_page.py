"""Presents one deployment policy: its state, what it brought by day, what it refused, and its acts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from console.elements import policy_states
from console.elements.badges import Badge
from console.elements.tabs import Tab
from console.forms.deployment.policies import orgs_for_policies
from console.presenters.deployment.policy_acts import POLICY_ACTS
from console.presenters.offered_acts import OfferedActs
from orgs.models import DeployedDevice, DeploymentPolicy, DeploymentRefusal, Device, User
from orgs.permissions import Permission

_DAYS = 14
_REFUSALS = 20


@dataclass(frozen=True, slots=True)
class DayCount:
    """How many devices came on one day."""

    day: date
    count: int


@dataclass(frozen=True, slots=True)
class PolicyPage:
    """What the page of a policy shows beside its devices.

    ``hidden_count`` devices belong to users outside of the viewer's part by now. ``days`` are the latest days on which
    devices came, newest first; ``earlier_count`` came before.
    """

    state: Badge
    acts: OfferedActs
    tabs: list[Tab]
    device_count: int
    hidden_count: int
    days: list[DayCount]
    earlier_count: int
    refusals: list[DeploymentRefusal]


def may_add(viewer: User) -> bool:
    """Return whether there is an org that the viewer may make a policy of."""
    return viewer.may(Permission.USER) and bool(orgs_for_policies(viewer).exists())


def visible_devices(policy: DeploymentPolicy, viewer: User) -> QuerySet[DeployedDevice]:
    """Return what a policy brought, as far as the viewer may see the devices, newest first."""
    devices = Device.objects.visible_to(viewer).order_by().values("pk")
    found = DeployedDevice.objects.filter(policy=policy, device__in=devices).order_by("-at", "-pk")
    return found.select_related("device__user__org")


def policy_page(policy: DeploymentPolicy, viewer: User, *, tab: str, at: datetime) -> PolicyPage:
    """Return what the page of a policy shows; ``tab`` is the open one."""
    count = policy.deployed_devices.count()
    by_day = policy.deployed_devices.order_by().annotate(day=TruncDate("at")).values_list("day")
    days = [DayCount(day, number) for day, number in by_day.annotate(Count("pk")).order_by("-day")[:_DAYS]]
    return PolicyPage(
        state=policy_states.state_of(policy, device_count=count, at=at),
        acts=POLICY_ACTS.offered(policy, viewer),
        tabs=[
            Tab(label, reverse(f"deployment:{name}", args=[policy.pk]), current=name == tab)
            for name, label in (("detail", _("What it brought")), ("install", _("Commands")))
        ],
        device_count=count,
        hidden_count=count - visible_devices(policy, viewer).count(),
        days=days,
        earlier_count=count - sum(each.count for each in days),
        refusals=list(policy.refusals.all()[:_REFUSALS]),
    )
