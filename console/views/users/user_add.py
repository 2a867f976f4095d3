"""The page that adds one user by hand: fill in, see what directory and scripts decide, create exactly that."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from console.forms.user_add import UserAddForm
from console.http.page_requests import browser_has_gone, render_page
from console.presenters.users.prepared_user import new_user_card
from console.security.access import ConsoleRequest, author, require
from directory.actions import server_trials
from directory.input_errors import Refused
from directory.provisioning import single_creation
from directory.provisioning.applicants import Applicant
from directory.provisioning.single_creation import PreparedUser
from orgs.actions import escalation_guard
from orgs.models import Org, Role
from orgs.models.orgs import OrgQuerySet
from orgs.permissions import Permission


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.USER)
def add(request: ConsoleRequest) -> HttpResponse:
    """Show the form; then the decision about the user; then create the user, if the decision is still the same."""
    orgs = Org.objects.with_users_managed_by(request.user)
    roles = _grantable(request)
    if request.method != "POST":
        form = UserAddForm(orgs=orgs, roles=roles, initial={"org": _first_org(request, orgs)})
        return _form(request, form)
    form = UserAddForm(request.POST, orgs=orgs, roles=roles)
    if not form.is_valid() or "change" in request.POST:
        return _form(request, form)
    applicant = form.applicant()
    try:
        prepared = _prepared(request, applicant, orgs)
        if not prepared.problem and request.POST.get("shown") == prepared.digest:
            return _create(request, prepared)
    except Refused as reason:
        form.add_error(None, f"{reason}")
        return _form(request, form)
    if prepared.problem:
        form.add_error(None, _sentence(prepared.problem))
        return _form(request, form)
    return _decision(request, form, applicant, prepared)


def _prepared(request: ConsoleRequest, applicant: Applicant, orgs: OrgQuerySet) -> PreparedUser:
    """Return the decision; the directory is read in a process whose time is limited."""
    owner = request.session.session_key or f"user {request.user.pk}"
    with server_trials.people_reader(owner=owner, waits=lambda: not browser_has_gone(request)) as reader_of:
        return single_creation.prepare(
            applicant,
            within=set(orgs.values_list("pk", flat=True)),
            by=author(request),
            at=timezone.now(),
            reader_of=reader_of,
        )


def _create(request: ConsoleRequest, prepared: PreparedUser) -> HttpResponse:
    made = single_creation.create(prepared, by=author(request), at=timezone.now())
    user = made.users[0]
    messages.success(request, _("The user %(name)s is created.") % {"name": user.username})
    for warning in made.warnings.get(user.username, ()):
        messages.warning(request, _sentence(f"{user.username}: {warning}"))
    return redirect("users:detail", pk=user.pk)


def _form(request: ConsoleRequest, form: UserAddForm) -> HttpResponse:
    return render_page(request, "users/add.html", {"form": form})


def _decision(request: ConsoleRequest, form: UserAddForm, applicant: Applicant, prepared: PreparedUser) -> HttpResponse:
    hidden = {"csrfmiddlewaretoken", "shown", "change"}
    given = [(name, value) for name, values in request.POST.lists() for value in values if name not in hidden]
    context: dict[str, Any] = {
        "form": form,
        "card": new_user_card(prepared, applicant),
        "given": given,
        "shown": prepared.digest,
        "again": "shown" in request.POST,
    }
    return render_page(request, "users/add_decision.html", context)


def _grantable(request: ConsoleRequest) -> QuerySet[Role]:
    """Return the roles that the viewer may give in their own org; deeper down they reach less far."""
    actor = escalation_guard.acting(author(request))
    roles = Role.objects.order_by("name")
    if actor is None:
        return roles
    return roles.exclude(name__in=escalation_guard.not_grantable(actor, roles, org_path=request.user.org.path))


def _first_org(request: ConsoleRequest, orgs: OrgQuerySet) -> int:
    """Return the org that the address names, else the viewer's own."""
    text = request.GET.get("org", "")
    pk = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    return pk if orgs.filter(pk=pk).exists() else request.user.org_id


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
