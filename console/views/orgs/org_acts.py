"""Creates orgs, and changes what one is: its name, notes, registration key, whether it is in use."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from console.forms.orgs import NewOrgForm, OrgNameForm, OrgNotesForm
from console.http.page_requests import render_page
from console.presenters.orgs import act_effects
from console.presenters.orgs.missing_orgs import fitting_parent, users_to_take
from console.security.access import ConsoleRequest, author, require
from console.views.acts import carry_out
from console.views.orgs.org_access import org_to_change
from directory.input_errors import Refused
from directory.models import Run
from orgs.actions import orgs
from orgs.models import Org
from orgs.permissions import Permission


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.ORG_CREATE)
def org_add(request: ConsoleRequest) -> HttpResponse:
    """Create an org; with a run and a name, the one that the run did not find, and say whom it would take."""
    parents = Org.objects.in_reach_of(request.user, Permission.ORG_CREATE).active()
    name, run = request.GET.get("name", "")[:255], _run_of(request)
    taken = users_to_take(run, name, request.user) if run is not None and name else None
    if request.method == "POST":
        form = NewOrgForm(request.POST, parents=parents)
        if form.is_valid() and (created := _created(request, form)) is not None:
            return created
    else:
        parent = fitting_parent(run, name, request.user) if run is not None and name else None
        wanted = request.GET.get("parent", "")
        chosen = parent.pk if parent is not None else wanted if wanted.isdecimal() else None
        form = NewOrgForm(initial={"name": name, "parent": chosen}, parents=parents)
    return render_page(request, "orgs/add.html", {"form": form, "taken": taken, "may": parents.exists()})


def _run_of(request: ConsoleRequest) -> Run | None:
    number = request.GET.get("run", "")
    if not number.isdecimal() or len(number) > 18:
        return None
    return Run.objects.visible_to(request.user).filter(pk=int(number)).first()


def _created(request: ConsoleRequest, form: NewOrgForm) -> HttpResponse | None:
    """Create the org; None if that is refused, with the reason at the field."""
    given = form.cleaned_data
    try:
        org = orgs.create(name=given["name"], parent=given["parent"], by=author(request), at=timezone.now())
    except Refused as reason:
        form.add_error("name", f"{capfirst(str(reason))}.")
        return None
    messages.success(request, _("%(name)s is created.") % {"name": org.name})
    return redirect("orgs:detail", pk=org.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.ORG_UPDATE_BASIC)
def org_rename(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show where the name is used, ask for another one, show what it would mean, and rename the org."""
    org = org_to_change(request, pk, Permission.ORG_UPDATE_BASIC)
    uses = act_effects.uses_of_name(org) if request.user.may(Permission.SYSTEM) else None
    form = OrgNameForm(request.POST if request.method == "POST" else None, initial={"name": org.name})
    context: dict[str, Any] = {"org": org, "form": form, "uses": uses}
    if form.is_valid():
        name = form.cleaned_data["name"]
        if "confirmed" in request.POST:
            return carry_out(
                request,
                partial(orgs.change, org=org, name=name),
                done=_("%(old)s is called %(new)s now.") % {"old": org.name, "new": " ".join(name.split())},
                back=reverse("orgs:detail", args=[pk]),
                refused=reverse("orgs:rename", args=[pk]),
            )
        context["name"] = name
        context["preview"] = act_effects.of_rename(org, name, act_effects.uses_of_name(org))
    return render_page(request, "orgs/rename.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.ORG_UPDATE_BASIC)
def org_notes(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Edit the notes about an org."""
    org = org_to_change(request, pk, Permission.ORG_UPDATE_BASIC)
    form = OrgNotesForm(request.POST if request.method == "POST" else None, initial={"notes": org.notes})
    if form.is_valid():
        return carry_out(
            request,
            partial(orgs.change, org=org, notes=form.cleaned_data["notes"]),
            done=_("The notes of %(name)s are saved.") % {"name": org.name},
            back=reverse("orgs:detail", args=[pk]),
        )
    return render_page(request, "orgs/notes.html", {"org": org, "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.ORG_DELETE)
def org_deactivate(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show what stands in the way and what follows, and take the org out of use."""
    org = org_to_change(request, pk, Permission.ORG_DELETE)
    if request.method == "POST":
        return _set_active(request, org, active=False, done=_("%(name)s is deactivated."))
    preview = act_effects.of_deactivation(org)
    return render_page(request, "orgs/deactivate.html", {"org": org, "preview": preview})


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.ORG_DELETE)
def org_reactivate(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show what follows, and bring the org back into use."""
    org = org_to_change(request, pk, Permission.ORG_DELETE)
    if request.method == "POST":
        return _set_active(request, org, active=True, done=_("%(name)s is active again."))
    preview = act_effects.of_reactivation(org)
    return render_page(request, "orgs/reactivate.html", {"org": org, "preview": preview})


def _set_active(request: ConsoleRequest, org: Org, *, active: bool, done: str) -> HttpResponseRedirect:
    return carry_out(
        request,
        partial(orgs.set_active, org=org, active=active),
        done=done % {"name": org.name},
        back=reverse("orgs:detail", args=[org.pk]),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.ORG_UPDATE_BASIC)
def org_renew_key(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show what stops working, and give the org a new registration key."""
    org = org_to_change(request, pk, Permission.ORG_UPDATE_BASIC)
    if request.method == "POST":
        return carry_out(
            request,
            partial(orgs.renew_registration_key, org=org),
            done=lambda key: _("%(name)s has the new registration key %(key)s.") % {"name": org.name, "key": key},
            back=reverse("orgs:detail", args=[pk]),
        )
    return render_page(request, "orgs/renew_key.html", {"org": org, "preview": act_effects.of_new_key(org)})
