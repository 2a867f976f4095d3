"""Confirming it is you before a dangerous act: the page that asks, and whether a form needs it before it is sent."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import Resolver404, resolve
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from console.forms.session import CodeForm, ConfirmForm
from console.http.page_requests import render_page
from console.http.view_guards import guards_of
from console.security import kept_forms, sessions
from console.security.access import ConsoleRequest, require
from console.security.second_factors.required_by_role import open_without_second_factor
from console.views.session.next_address import next_address, parameter
from console.views.session.proofs import factors_to_show, proven_by_password, proven_by_second_factor
from orgs.permissions import Permission
from orgs.rules.second_factors import has_second_factor

# A confirmation that ends while a form is on its way would lose what was typed.
_ON_ITS_WAY = 30
# All pages of Data fixes are confirmed by their site.
_DATA_FIXES = "admin"


@open_without_second_factor
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.CONSOLE_LOGIN)
def confirm(request: ConsoleRequest) -> HttpResponse:
    """Ask the signed-in user for the password or the second factor again, before a dangerous page.

    A form that was sent too late comes along (``sent`` is where to): it is kept in the page, and can be sent afterwards.
    """
    form, code_form = ConfirmForm(), CodeForm()
    kept = request.POST.get("kept", "")
    meant_for = request.GET.get("sent", "")
    if request.method == "POST" and meant_for:
        is_ours = meant_for.startswith("/") and url_has_allowed_host_and_scheme(meant_for, None)
        kept = kept_forms.keep(request, meant_for) if is_ours and kept_forms.can_be_kept(request) else ""
    elif request.method == "POST":
        form, code_form, proven = _confirmation(request)
        if proven:
            sessions.confirm(request)
            return _go_on(request, kept)
    context = {
        "form": form,
        "code_form": code_form,
        # The fields of the form that was sent are not those of this page.
        "next": request.GET.get("next", "") if meant_for else parameter(request),
        "kept": kept,
        "lost": not kept and (bool(meant_for) or "lost" in request.GET or "lost" in request.POST),
        **factors_to_show(request.user),
    }
    return render_page(request, "session/confirm.html", context)


def _go_on(request: ConsoleRequest, kept: str) -> HttpResponse:
    """Go to the page that was wanted; if a form was kept, show it first, to be sent or not."""
    found = kept_forms.read(request, kept) if kept else None
    if found is None:
        if kept:
            messages.warning(request, _("What you had filled in was kept for an hour and is gone: enter it again."))
        return redirect(next_address(request))
    return render_page(request, "session/send_again.html", {"kept": found, "next": next_address(request)})


def _confirmation(request: ConsoleRequest) -> tuple[ConfirmForm, CodeForm, bool]:
    """Return both forms with their errors, and whether the request proves who the user is."""
    if {"code", "answer"} & request.POST.keys() and has_second_factor(request.user):
        code_form = CodeForm(request.POST)
        kind = proven_by_second_factor(request, code_form, request.user, at=timezone.now())
        return ConfirmForm(), code_form, bool(kind)
    form = ConfirmForm(request.POST)
    if not form.is_valid():
        return form, CodeForm(), False
    user = proven_by_password(request, form, request.user.get_username(), form.cleaned_data["password"])
    return form, CodeForm(), user is not None and user.pk == request.user.pk


def must_confirm(request: HttpRequest) -> bool:
    """Return whether the form that is about to be sent to the address ``form`` needs a confirmation first.

    Some forms need one by what is in them: the fields that decide are in the query as well.
    """
    if sessions.is_confirmed(request, seconds_more=_ON_ITS_WAY):
        return False
    try:
        match = resolve(urlsplit(request.GET.get("form", "")).path)
    except (Resolver404, ValueError):
        return False
    guards = guards_of(match.func)
    if _DATA_FIXES in match.app_names or guards.confirmed:
        return True
    check = guards.confirmed_if
    return check is not None and bool(check(request, *match.args, **match.kwargs))
