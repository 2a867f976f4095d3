"""Presents one deployment policy: its state, what it brought by day, what it refused, and what its acts would change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from console.elements import policy_states
from console.elements.badges import Badge
from console.elements.effects import Effect
from console.elements.tabs import Tab
from console.forms.deployment.policies import orgs_for_policies
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


def act_effects(policy: DeploymentPolicy, question: str) -> list[Effect]:
    """Return what an act on a policy would change, with counts."""
    count = policy.deployed_devices.count()
    stay = Effect(_("Stay"), count, _("Devices that came by it go on as they are."), icon="monitor")
    changes = {
        "renew_token": Effect(
            _("End"),
            1,
            _("The present token counts no longer: computers that still get it are refused."),
            "key-round",
            "out",
        ),
        "enable": Effect(_("Open"), 1, _("Computers with its token register again."), "circle-check", "back"),
        "disable": Effect(
            _("Refuse"), 1, _("Computers with its token are refused until it is enabled again."), "ban", "out"
        ),
        "delete": Effect(
            _("Delete"),
            1,
            _("Its token counts no longer. It does not come back, and its refusals are gone."),
            "trash-2",
            "out",
        ),
    }
    return [changes[question], stay]
