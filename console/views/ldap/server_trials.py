"""Tests of an LDAP server's settings, saved or not: the connection, the search, one person's sign-in."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from console.forms.ldap_servers import LdapServerForm
from console.forms.sign_in_trial import SignInTrialForm
from console.http.page_requests import browser_has_gone, render_page
from console.presenters.ldap_servers import Caution
from console.security import sign_in_throttle
from console.security.access import ConsoleRequest, author, require
from directory.actions import alerts, server_trials
from directory.actions.server_trials import ConnectionStep, DirectoryUnavailable
from directory.input_errors import Refused
from directory.models import LdapServer
from directory.servers import presets, setting_warnings
from directory.values import server_fields
from directory.values.server_field_kinds import FieldSection
from orgs.models.encrypted_text import Undecryptable
from orgs.permissions import Permission


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


@require_POST
@require(Permission.SYSTEM)
def try_sign_in(request: ConsoleRequest, pk: int | None = None) -> HttpResponse:
    """Test the sign-in of one person with the values of the form, saved or not; the password is kept nowhere."""
    form = _unsaved(request, pk)
    return render_page(
        request, "ldap_servers/test_sign_in.html", _signed_in(request, form), fragments=("sign-in-result",)
    )


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


def _signed_in(request: ConsoleRequest, form: LdapServerForm) -> dict[str, Any]:
    who = SignInTrialForm(request.POST)
    if problem := _not_ready(form):
        return problem
    if not who.is_valid():
        return {"errors": {str(who[name].label): messages for name, messages in who.errors.items()}}
    username, password = who.cleaned_data["sign_in_username"], who.cleaned_data["sign_in_password"]
    # The same limits as for signing in: else this would be a way to guess passwords, and to have accounts locked.
    attempt = sign_in_throttle.begin(request, username)
    bind = sign_in_throttle.begin_bind(None, username) if attempt is not None else None
    if attempt is None or bind is None:
        if attempt is not None:
            sign_in_throttle.give_back(attempt)
        return {"problem": _("Too many wrong passwords of this person. Wait half an hour and try again.")}
    steps: list[ConnectionStep] = []
    try:
        steps = server_trials.test_sign_in(
            connection=form.connection(),
            mapping=form.mapping(),
            username=username,
            password=password,
            server=form.server,
            by=author(request),
            **_trial(request),
        )
    except (DirectoryUnavailable, Refused, Undecryptable) as error:
        return {"problem": str(error)}
    finally:
        for each in (attempt, bind):
            if server_trials.was_right(steps):
                sign_in_throttle.forgive(each)
            elif not server_trials.was_sent(steps):
                sign_in_throttle.give_back(each)
    return {"steps": steps}
