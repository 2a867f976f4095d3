"""LDAP servers: list, form, tests of unsaved settings, deleting."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.forms.fields import show_errors
from console.forms.ldap_servers import LdapServerForm
from console.forms.preset_filling import fill_in
from console.forms.sync_settings import IntervalForm
from console.http.page_requests import browser_has_gone, render_page
from console.presenters.ldap_servers import Caution, cautions, effects_of_deleting, server_rows, warnings
from console.security.access import ConsoleRequest, author, require
from console.security.sessions import is_confirmed
from console.views.acts import carry_out
from directory.actions import alerts, server_trials, servers, sync_settings
from directory.actions.server_trials import DirectoryUnavailable
from directory.input_errors import Invalid, Refused, Unanswered
from directory.models import LdapServer, SyncSettings
from directory.models.fields import Undecryptable
from directory.servers import presets, setting_warnings
from directory.sync.read import syncrepl_failures
from directory.values import server_fields
from directory.values.server_field_kinds import FieldSection
from orgs.permissions import Permission


@require_safe
@require(Permission.SYSTEM)
def server_list(request: ConsoleRequest) -> HttpResponse:
    """Show the servers, and the actions on all of them."""
    visible_servers = LdapServer.objects.visible_to(request.user).in_order()
    context = {
        "rows": server_rows(visible_servers, at=timezone.now()),
        "unchecked": visible_servers.unchecked(),
        "cautions": cautions(visible_servers.enabled(), at=timezone.now()),
        "interval": IntervalForm(instance=SyncSettings.load()),
    }
    return render_page(request, "ldap_servers/list.html", context)


@require_POST
@require(Permission.SYSTEM)
def interval(request: ConsoleRequest) -> HttpResponse:
    """Save the sync interval, in a fragment of the list."""
    form = IntervalForm(request.POST, instance=SyncSettings.load())
    saved = form.is_valid() and _save_interval(request, form)
    if saved and not request.htmx:
        messages.success(request, _("The sync interval is saved."))
        return redirect("ldap_servers:list")
    rows = server_rows(LdapServer.objects.visible_to(request.user).in_order(), at=timezone.now()) if saved else []
    context = {"interval": form, "saved": saved, "rows": rows}
    return render_page(request, "ldap_servers/interval.html", context, fragments=("interval",))


def _save_interval(request: ConsoleRequest, form: IntervalForm) -> bool:
    try:
        sync_settings.save(values=form.cleaned_data, by=author(request), at=timezone.now())
    except Invalid as invalid:
        show_errors(form, invalid)
        return False
    return True


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.SYSTEM)
def server_add(request: ConsoleRequest) -> HttpResponse:
    """Create a server."""
    return _form_page(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.SYSTEM)
def server_edit(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Change a server."""
    return _form_page(request, get_object_or_404(LdapServer.objects.visible_to(request.user), pk=pk))


def _form_page(request: ConsoleRequest, server: LdapServer | None) -> HttpResponse:
    form = LdapServerForm(request.POST or None, viewer=request.user, server=server)
    questions: dict[str, list[str]] = {}
    filled = None
    if "fill_in" in request.POST:
        key = request.POST["fill_in"] or request.POST.get("preset", "")
        filled = fill_in(form, presets.BY_KEY.get(key))
        form = filled.form
    elif request.method == "POST" and (saved := _save_valid(request, form, questions)):
        return redirect("ldap_servers:edit", pk=saved.pk)
    unchecked = server is not None and not server.verify_certificates
    context = {
        "form": form,
        "server": server,
        "filled": filled,
        "presets": presets.PRESETS,
        "questions": questions,
        "unchecked": unchecked,
        "warnings": warnings(form.scripts()),
        "cautions": cautions([server], at=timezone.now()) if server else [],
    }
    return render_page(request, "ldap_servers/form.html", context)


def _save_valid(request: ConsoleRequest, form: LdapServerForm, questions: dict[str, list[str]]) -> LdapServer | None:
    """Save a valid form; show all errors of an invalid one."""
    if form.is_valid():
        return _save(request, form, questions)
    # An empty body, or one that is not a form, has no values.
    if form.is_bound:
        form.add_problems()
    return None


def _save(request: ConsoleRequest, form: LdapServerForm, questions: dict[str, list[str]]) -> LdapServer | None:
    """Save, or show errors beside the fields; put questions that must be answered first into ``questions``."""
    if form.may_grant_admin and form.new_powers() and not is_confirmed(request):
        # Do not redirect to the page that asks for the password: the values of the form would be lost.
        form.add_error(
            "grantable_roles",
            _("%(roles)s: enter your password again first, in another tab at %(address)s, then save once more.")
            % {"roles": ", ".join(form.new_powers()), "address": reverse("session:confirm")},
        )
        return None
    try:
        saved = servers.save(
            server=form.server,
            values=form.values(),
            by=author(request),
            at=timezone.now(),
            orgs=form.served_orgs(),
            grantable_roles=form.cleaned_data["grantable_roles"],
            confirmed=form.confirmed(),
        )
    except Unanswered as unanswered:
        questions[unanswered.question] = unanswered.sentences
        form.add_error(unanswered.question, _("Answer this question, then save again."))
        return None
    except Invalid as invalid:
        show_errors(form, invalid)
        return None
    messages.success(request, _("%(name)s is saved.") % {"name": saved.name})
    return saved


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.SYSTEM)
def server_delete(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show the effects of deleting a server, and delete it."""
    server = get_object_or_404(LdapServer.objects.visible_to(request.user), pk=pk)
    if request.method != "POST":
        context = {"server": server, "effects": effects_of_deleting(server)}
        return render_page(request, "ldap_servers/delete.html", context)
    return carry_out(
        request,
        partial(servers.delete, server=server),
        done=_("%(name)s is deleted.") % {"name": server.name},
        back=reverse("ldap_servers:list"),
        refused=reverse("ldap_servers:edit", args=[pk]),
    )


@require_POST
@require(Permission.SYSTEM)
def server_move(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Move a server up or down by one place."""
    server = get_object_or_404(LdapServer.objects.visible_to(request.user), pk=pk)
    order = list(LdapServer.objects.in_order().values_list("pk", flat=True))
    position = order.index(server.pk)
    other = position - 1 if request.POST.get("direction") == "up" else position + 1
    if 0 <= other < len(order):
        order[position], order[other] = order[other], order[position]
    done = _("%(name)s is number %(place)d now.") % {"name": server.name, "place": order.index(pk) + 1}
    return carry_out(request, partial(servers.reorder, ids=order), done=done, back=reverse("ldap_servers:list"))


@require_POST
@require(Permission.SYSTEM)
def allow_sync_searches(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Allow syncrepl for a server again, after it broke off once."""
    server = get_object_or_404(LdapServer.objects.visible_to(request.user), pk=pk)
    syncrepl_failures.allow_again(server=server, by=author(request), at=timezone.now())
    messages.success(request, _("%(name)s is asked by syncrepl again for what has changed.") % {"name": server.name})
    return redirect("ldap_servers:edit", pk=server.pk)


@require_POST
@require(Permission.SYSTEM)
def try_connection(request: ConsoleRequest, pk: int | None = None) -> HttpResponse:
    """Test the connection with the values of the form, saved or not."""
    form = _unsaved(request, pk)
    return render_page(
        request, "ldap_servers/test_connection.html", _tried(request, form), fragments=("connection-result",)
    )


@require_POST
@require(Permission.SYSTEM)
def try_search(request: ConsoleRequest, pk: int | None = None) -> HttpResponse:
    """Show the first entries that a search with the values of the form finds, saved or not."""
    form = _unsaved(request, pk)
    return render_page(request, "ldap_servers/test_search.html", _found(request, form), fragments=("search-result",))


def _unsaved(request: ConsoleRequest, pk: int | None) -> LdapServerForm:
    server = None if pk is None else get_object_or_404(LdapServer.objects.visible_to(request.user), pk=pk)
    form = LdapServerForm(request.POST, viewer=request.user, server=server)
    form.is_valid()
    return form


def _tried(request: ConsoleRequest, form: LdapServerForm) -> dict[str, Any]:
    if problem := _not_ready(form, server_fields.in_section(FieldSection.GROUPS)):
        return problem
    try:
        connection = form.connection()
        steps = server_trials.test_connection(connection=connection, groups=form.group_search(), **_trial(request))
    except (DirectoryUnavailable, Refused, Undecryptable) as error:
        return {"problem": str(error)}
    if form.server is not None and form.is_stored(connection) and all(step.ok for step in steps):
        alerts.connection_works(server=form.server, at=timezone.now())
    found = server_trials.suggested(steps)
    return {
        "steps": steps,
        "suggested": found if found and not form.is_like(found) else None,
        "presets": presets.PRESETS,
        "server": form.server,
        "cautions": [Caution("", text) for text in setting_warnings.of_connection(connection)],
    }


def _trial(request: ConsoleRequest) -> dict[str, Any]:
    """Return the arguments of a test: its owner, the time, and a function that returns whether the browser waits."""
    owner = request.session.session_key or f"user {request.user.pk}"
    return {"owner": owner, "at": timezone.now(), "waits": lambda: not browser_has_gone(request)}


def _found(request: ConsoleRequest, form: LdapServerForm) -> dict[str, Any]:
    if problem := _not_ready(form):
        return problem
    try:
        entries = server_trials.first_entries(connection=form.connection(), mapping=form.mapping(), **_trial(request))
    except (DirectoryUnavailable, Refused, Undecryptable) as error:
        return {"problem": str(error)}
    return {"entries": entries}


def _not_ready(form: LdapServerForm, besides: Collection[str] = ()) -> dict[str, Any]:
    """Return the errors that prevent a test; ``besides`` are settings that it needs beside those of every test."""
    found: dict[str, Any] = {}
    if errors := form.connection_errors(besides):
        found["errors"] = errors
    if form.wants_another_password:
        found["problem"] = _(
            "Enter the bind password: a stored one is not sent to another address, under other TLS settings, with "
            "referrals or for another bind DN."
        )
    elif form.wants_another_key:
        found["problem"] = _(
            "Enter the client key: a stored one is not used at another address, under other TLS settings, with referrals or "
            "to sign in otherwise."
        )
    return found
