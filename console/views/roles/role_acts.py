"""Copies roles, changes custom ones, and deletes those that nobody has."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from console.forms.roles import RoleNameForm, RolePermissionsForm
from console.http.page_requests import render_page
from console.presenters.permission_grid import grid
from console.presenters.roles.role_card import effects_of_saving, not_to_give, uses_of
from console.security.access import ConsoleRequest, author, confirmed, require
from console.views.acts import carry_out
from directory.actions.organization import role_removal
from directory.input_errors import Refused
from orgs.actions import roles
from orgs.models import AuditEntry, Role
from orgs.permissions import Permission


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.SYSTEM)
@confirmed
def role_copy(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Make a custom role with the permissions of another role."""
    role = get_object_or_404(Role, pk=pk)
    name = _("Copy of %(name)s") % {"name": role.name}
    form = RoleNameForm(request.POST if request.method == "POST" else None, initial={"name": name})
    if form.is_valid():
        try:
            made = roles.save(
                role=None,
                name=form.cleaned_data["name"],
                permissions=role.permissions,
                by=author(request),
                at=timezone.now(),
            )
        except Refused as reason:
            form.add_error("name", f"{capfirst(str(reason))}.")
        else:
            messages.success(request, _("%(name)s is created: choose its permissions.") % {"name": made.name})
            return redirect("roles:edit", pk=made.pk)
    return render_page(request, "roles/copy.html", {"role": role, "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.SYSTEM)
@confirmed
def role_edit(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show the permissions of a custom role, show what a change would mean for its holders, and save it."""
    role = get_object_or_404(Role, pk=pk)
    if role.locked:
        return render_page(request, "roles/locked.html", {"role": role})
    withheld = not_to_give(author(request))
    initial = {"name": role.name, "permissions": role.permissions}
    form = RolePermissionsForm(request.POST if request.method == "POST" else None, initial=initial, withheld=withheld)
    context: dict[str, Any] = {"role": role, "form": form, "uses": uses_of(role, request.user), "withheld": withheld}
    if not form.is_valid():
        return render_page(request, "roles/edit.html", context | {"areas": grid(form.ticked)})
    given = form.cleaned_data
    if "confirmed" in request.POST:
        return _save(request, role, given["name"], given["permissions"])
    change = effects_of_saving(role, given["name"], given["permissions"], context["uses"])
    return render_page(request, "roles/confirm.html", context | {"given": given, "change": change})


def _save(request: ConsoleRequest, role: Role, name: str, permissions: list[str]) -> HttpResponse:
    at = timezone.now()

    def save(**_when: Any) -> str:
        saved = roles.save(role=role, name=name, permissions=permissions, by=author(request), at=at)
        return saved.name

    response = carry_out(
        request,
        save,
        done=lambda saved: _("%(name)s is saved.") % {"name": saved},
        back=reverse("roles:detail", args=[role.pk]),
        refused=reverse("roles:edit", args=[role.pk]),
    )
    _warn_of_forgotten_passwords(request, at)
    return response


def _warn_of_forgotten_passwords(request: ConsoleRequest, at: Any) -> None:
    forgotten = AuditEntry.objects.filter(action="password forgotten", actor=request.user, at=at).order_by("pk")
    if names := list(forgotten.values_list("object_label", flat=True)):
        text = ngettext(
            "%(names)s has no local password any more: it was set by somebody who holds less. Set a new one.",
            "These users have no local password any more, as somebody who holds less set it: %(names)s. Set new ones.",
            len(names),
        )
        messages.warning(request, text % {"names": ", ".join(names)})


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.SYSTEM)
@confirmed
def role_delete(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Say who has a custom role, or delete it."""
    role = get_object_or_404(Role, pk=pk)
    if request.method == "POST":
        return carry_out(
            request,
            partial(role_removal.delete, role=role),
            done=_("%(name)s is deleted.") % {"name": role.name},
            back=reverse("roles:list"),
            refused=reverse("roles:detail", args=[pk]),
        )
    return render_page(request, "roles/delete.html", {"role": role, "uses": uses_of(role, request.user)})
