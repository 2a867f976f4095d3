"""Presents a user: states, roles, devices, legal holds, changes by runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from console.elements.badges import set_by
from console.listing.listing import show_table
from console.listing.tables.runs import UserChangeTable
from console.presenters.user_acts import UserActs, user_acts
from directory.actions import namesake_usernames
from directory.models import KnownId, Match, Run, RunChange, RunRepeat
from orgs.models import Custodian, Device, DirectoryService, RoleGrant, User
from orgs.permissions import Permission
from orgs.rules.inheritance import effective_settings
from orgs.text import misleading


@dataclass(frozen=True, slots=True)
class UserState:
    """One state, with who set it and when."""

    label: str | Promise
    on: bool
    by: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class UserCard:
    """All values on the page of a user beside the user's row."""

    states: list[UserState]
    grants: Iterable[RoleGrant]
    match: Match | None
    further_ids: list[str]
    doubt: namesake_usernames.NamesakeDoubt
    acts: UserActs
    from_ldap: bool
    misleading: str
    devices: Iterable[Device] | None
    legal_holds: Iterable[Custodian]
    history: Any
    system: bool


@dataclass(frozen=True, slots=True)
class Repeated:
    """A repeated change, for the table of changes."""

    pk: int
    run: Run
    change: RunChange

    def __getattr__(self, name: str) -> Any:
        return getattr(self.change, name)

    @property
    def run_id(self) -> int:
        """The id of the run that repeats the change, not of the run that stored it."""
        return self.run.pk


def _history(user: User) -> Any:
    """Return the changes of runs to a user: a query, or a list if some runs repeat earlier changes."""
    changes = RunChange.objects.about(user).with_runs_named()
    repeated = RunRepeat.objects.about(user)
    if not repeated:
        return changes
    stored = {change.pk: change for change in changes}
    runs = Run.objects.only("created_at", "simulated", "undo_of").in_bulk({run for _, run in repeated})
    again = [Repeated(pk, runs[run], stored[pk]) for pk, run in repeated]
    return sorted([*stored.values(), *again], key=lambda change: (change.run.created_at, change.run_id), reverse=True)


def user_card(user: User, viewer: User, request: HttpRequest) -> UserCard:
    """Return the values on the user's page that the viewer may see."""
    match = Match.objects.select_related("server").filter(user=user).first()
    service = effective_settings()[user.org_id].directory_service
    system = viewer.may(Permission.SYSTEM)
    return UserCard(
        states=[
            UserState(_("Deactivated"), not user.active, set_by(user.deactivated_by), user.deactivated_at),
            UserState(_("Blocked"), user.blocked, set_by(user.blocked_by), user.blocked_at),
            UserState(_("Deactivation pending"), user.pending, set_by(user.pending_by), user.pending_at),
        ],
        grants=user.grants.select_related("role").order_by("role__name", "pk"),
        match=match,
        further_ids=list(KnownId.objects.filter(user=user).values_list("unique_id", flat=True)),
        doubt=namesake_usernames.doubt(user),
        acts=user_acts(user, viewer),
        from_ldap=match is not None and service == DirectoryService.LDAP and not user.managed_locally,
        misleading=misleading(user.username),
        devices=Device.objects.visible_to(viewer).filter(user=user).prefetch_related("archives")
        if viewer.may(Permission.COMPUTER_READ)
        else None,
        legal_holds=user.custodianships.select_related("matter").order_by("-added_at", "-pk"),
        history=show_table(request, UserChangeTable(_history(user), linked=system, order_by="-at")),
        system=system,
    )
