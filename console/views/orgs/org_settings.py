"""Changes the settings that an org inherits until it has its own; each page first shows what would change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django import forms
from django.http import HttpResponse, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from console.forms.orgs import (
    DefaultRolesForm,
    DirectoryServiceForm,
    KeyHolderForm,
    OrgServersForm,
    RetentionForm,
    SnapshotsForm,
)
from console.http.page_requests import render_page
from console.presenters.orgs import key_effects, setting_effects, snapshot_effects
from console.presenters.orgs.setting_effects import Preview
from console.security.access import ConsoleRequest, author, confirmed, require
from console.views.acts import carry_out
from console.views.orgs.org_access import org_to_change
from directory.actions.organization import org_settings
from directory.models import LdapServer
from directory.org_scope import server_lists
from orgs.actions import escalation_guard, orgs
from orgs.models import Org, Role
from orgs.permissions import Permission
from orgs.rules.actors import Actor
from orgs.rules.inheritance import effective_settings
from orgs.rules.snapshot_retention import SnapshotRetention


@dataclass(frozen=True, slots=True)
class _OrgSetting:
    """One setting: its form, the value in a valid form, what a value would change, and the act that stores it.

    A value of None stands for inheriting.
    """

    title: str | Promise
    intro: str | Promise
    form: Callable[[QueryDict | None, Org, Actor], forms.Form]
    value: Callable[[Any], Any]
    preview: Callable[[Org, Any, datetime], Preview]
    act: Callable[[Org, Any], Callable[..., object]]


def _page(request: ConsoleRequest, org: Org, setting: _OrgSetting) -> HttpResponse:
    """Show the form, then what the value would change, then store it; ``inherit`` needs no form."""
    inherits = (request.POST if request.method == "POST" else request.GET).get("inherit") == "yes"
    form = setting.form(request.POST if request.method == "POST" and not inherits else None, org, author(request))
    context: dict[str, Any] = {"org": org, "title": setting.title, "intro": setting.intro, "form": form}
    if not inherits and not form.is_valid():
        return render_page(request, "orgs/setting.html", context)
    value = None if inherits else setting.value(form)
    if request.method == "POST" and "confirmed" in request.POST:
        return carry_out(
            request,
            setting.act(org, value),
            done=_("%(setting)s of %(name)s is saved.") % {"setting": setting.title, "name": org.name},
            back=reverse("orgs:detail", args=[org.pk]),
        )
    context |= {
        "inherits": inherits,
        "preview": setting.preview(org, value, timezone.now()),
        "kept": _kept(request.POST),
    }
    return render_page(request, "orgs/setting_confirm.html", context)


def _kept(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the values of a form as they were sent, to be sent once more."""
    fields = given.lists() if isinstance(given, QueryDict) else ()
    return [(name, value) for name, values in fields for value in values if name not in _NOT_KEPT]


_NOT_KEPT = {"csrfmiddlewaretoken", "confirmed", "inherit"}

_RETENTION = _OrgSetting(
    title=gettext_lazy("Archive retention"),
    intro=gettext_lazy(
        "Archives of deactivated devices wait in cold storage for this time. Archives that are there follow."
    ),
    form=lambda given, org, _by: RetentionForm(
        given, initial={"days": effective_settings()[org.pk].archive_retention_days}
    ),
    value=lambda form: form.cleaned_data["days"],
    preview=lambda org, days, at: setting_effects.of_retention(org, days, at=at),
    act=lambda org, days: partial(orgs.change, org=org, archive_retention_days=days),
)


_SNAPSHOTS = _OrgSetting(
    title=gettext_lazy("Snapshots"),
    intro=gettext_lazy(
        "Each backup makes a snapshot. Every night Rollcall forgets those that none of these numbers keeps, and removes the "
        "files that only they needed. A snapshot is kept if any of the numbers keeps it."
    ),
    form=lambda given, org, _by: SnapshotsForm(given, initial=effective_settings()[org.pk].snapshot_retention.counts()),
    value=lambda form: SnapshotRetention(**form.cleaned_data),
    preview=lambda org, kept, _at: snapshot_effects.of_snapshots(org, kept),
    act=lambda org, kept: partial(orgs.change, org=org, snapshot_retention=None if kept is None else kept.counts()),
)


_KEY_HOLDER = _OrgSetting(
    title=gettext_lazy("Key of archives"),
    intro=gettext_lazy("Each archive is encrypted with a password of its own, which is made when the archive begins."),
    form=lambda given, org, _by: KeyHolderForm(given, initial={"holder": effective_settings()[org.pk].key_holder}),
    value=lambda form: form.cleaned_data["holder"],
    preview=lambda org, holder, _at: key_effects.of_key_holder(org, holder or ""),
    act=lambda org, holder: partial(orgs.change, org=org, key_holder=holder or ""),
)


def _default_roles_form(given: QueryDict | None, org: Org, by: Actor) -> forms.Form:
    """Offer the roles that the acting person may give in this org, and those that it gives now."""
    present, actor = effective_settings()[org.pk].default_roles, escalation_guard.acting(by)
    roles = list(Role.objects.all())
    refused = escalation_guard.not_grantable(actor, roles, org_path=org.path) if actor is not None else {}
    offered = [role.pk for role in roles if role.name in present or role.name not in refused]
    chosen = [role.pk for role in roles if role.name in present]
    return DefaultRolesForm(given, roles=Role.objects.filter(pk__in=offered), initial={"roles": chosen})


def _give_by_default(org: Org, roles: list[Role] | None) -> Callable[..., object]:
    return partial(orgs.change, org=org, own_default_roles=roles is not None, default_roles=roles or [])


_DEFAULT_ROLES = _OrgSetting(
    title=gettext_lazy("Default roles"),
    intro=gettext_lazy(
        "New users get these roles, and so does everybody whose role name script returns an empty list."
    ),
    form=_default_roles_form,
    value=lambda form: list(form.cleaned_data["roles"]),
    preview=lambda org, roles, _at: setting_effects.of_default_roles(
        org, None if roles is None else frozenset(role.name for role in roles)
    ),
    act=_give_by_default,
)

_SERVICE = _OrgSetting(
    title=gettext_lazy("Directory service"),
    intro=gettext_lazy("Only users of orgs that are managed by LDAP are in the scope of a sync."),
    form=lambda given, org, _by: DirectoryServiceForm(
        given, initial={"service": effective_settings()[org.pk].directory_service}
    ),
    value=lambda form: form.cleaned_data["service"],
    preview=lambda org, service, _at: setting_effects.of_directory_service(org, service or ""),
    act=lambda org, service: partial(org_settings.set_directory_service, org=org, service=service or ""),
)

_SERVERS = _OrgSetting(
    title=gettext_lazy("LDAP servers"),
    intro=gettext_lazy(
        "A sync looks for each user on these servers, in this order; the first that has the user decides."
    ),
    form=lambda given, org, _by: OrgServersForm(
        given, servers=list(LdapServer.objects.in_order()), current=server_lists()[org.pk]
    ),
    value=lambda form: form.chosen(),
    preview=lambda org, servers, _at: setting_effects.of_servers(org, servers or ()),
    act=lambda org, servers: partial(org_settings.set_servers, org=org, servers=servers or ()),
)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.ORG_UPDATE_BASIC)
@confirmed
def retention(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Change how long archives of an org stay in cold storage."""
    return _page(request, org_to_change(request, pk, Permission.ORG_UPDATE_BASIC), _RETENTION)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.ORG_UPDATE_BASIC)
@confirmed
def snapshots(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Change how many snapshots the archives of an org keep."""
    return _page(request, org_to_change(request, pk, Permission.ORG_UPDATE_BASIC), _SNAPSHOTS)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.ORG_UPDATE_BASIC)
@confirmed
def key_holder(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Change who holds the passwords of new archives of an org."""
    return _page(request, org_to_change(request, pk, Permission.ORG_UPDATE_BASIC), _KEY_HOLDER)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.ORG_UPDATE_BASIC)
@confirmed
def default_roles(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Change which roles users of an org get where nothing else decides."""
    return _page(request, org_to_change(request, pk, Permission.ORG_UPDATE_BASIC), _DEFAULT_ROLES)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.SYSTEM)
@confirmed
def directory_service(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Change whether a directory decides about the users of an org."""
    return _page(request, org_to_change(request, pk, Permission.ORG_UPDATE_BASIC), _SERVICE)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.SYSTEM)
@confirmed
def servers(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Change which LDAP servers an org asks, and in which order."""
    return _page(request, org_to_change(request, pk, Permission.ORG_UPDATE_BASIC), _SERVERS)
