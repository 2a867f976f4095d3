"""LDAP servers: list, form, order, deleting."""

from __future__ import annotations

from functools import partial

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
from console.http.page_requests import render_page
from console.presenters.ldap_servers import cautions, effects_of_deleting, server_rows, warnings
from console.security.access import ConsoleRequest, author, confirmed_if, require
from console.security.sessions import is_confirmed
from console.views.acts import carry_out
from directory.actions import servers, sync_settings
from directory.input_errors import Invalid, Unanswered
from directory.models import LdapServer, SyncSettings
from directory.servers import presets
from directory.sync.read import syncrepl_failures
from orgs.models import Role
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


def _grants_admin_anew(request: ConsoleRequest, pk: int = 0) -> bool:
    """Return whether a server is about to be allowed to grant a role that holds ``admin``, by a viewer who may do so."""
    chosen = [int(key) for key in request.GET.getlist("grantable_roles") if key.isdecimal() and len(key) < 19]
    if not chosen or not request.user.may(Permission.ADMIN):
        return False
    servers_now = LdapServer.objects.visible_to(request.user).filter(pk=pk)
    already = Role.objects.filter(pk__in=servers_now.values("grantable_roles"))
    return any(role.holds_admin for role in Role.objects.filter(pk__in=chosen).exclude(pk__in=already))


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.SYSTEM)
@confirmed_if(_grants_admin_anew)
def server_add(request: ConsoleRequest) -> HttpResponse:
    """Create a server."""
    return _form_page(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.SYSTEM)
@confirmed_if(_grants_admin_anew)
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
