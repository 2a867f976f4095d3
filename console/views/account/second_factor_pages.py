"""One's own second factor: a code app, passkeys, recovery codes."""

from __future__ import annotations

import base64
from functools import partial

from allauth.mfa.adapter import get_adapter
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from console.forms.session import CodeForm, NewPasskeyForm
from console.http.page_requests import render_page
from console.security import sessions
from console.security.access import ConsoleRequest, author, require
from console.security.second_factors import passkeys
from console.security.second_factors.required_by_role import is_missing, open_without_second_factor
from console.views.account.own_pages import own_page
from orgs.actions.errors import Refused
from orgs.actions.users import second_factors
from orgs.permissions import Permission
from orgs.rules.second_factors import CODE_APP, PASSKEY, second_factors_of

# Where the session keeps the encrypted secret of a code app that is being set up.
_NEW_SECRET = "new_code_app"  # noqa: S105  # a name, no secret


@open_without_second_factor
@never_cache
@require_safe
@require(Permission.CONSOLE_LOGIN)
def second_factor(request: ConsoleRequest) -> HttpResponse:
    """Show one's second factors, and what can be set up."""
    context = {
        "factors": second_factors_of(request.user),
        "needed_by": request.user.roles_that_need_a_second_factor(),
        "missing": is_missing(request),
    }
    return render_page(request, "account/second_factor.html", context)


@open_without_second_factor
@own_page
def code_app(request: ConsoleRequest) -> HttpResponseBase:
    """Show the secret for a code app, and store it once a code shows that the app has it."""
    adapter = get_adapter()
    form = CodeForm(request.POST if request.method == "POST" else None)
    stored = request.session.get(_NEW_SECRET)
    if stored is None:
        secret = generate_totp_secret()
        request.session[_NEW_SECRET] = adapter.encrypt(secret)
    else:
        secret = adapter.decrypt(stored)
    if stored is not None and request.method == "POST" and form.is_valid():
        step = second_factors.matching_step(secret, form.cleaned_data["code"])
        if step is None:
            form.add_error("code", _("This is not the app's present code. Check the clock of its device."))
        else:
            add = partial(second_factors.add_code_app, secret=secret, step=step)
            try:
                codes = add(user=request.user, by=author(request), at=timezone.now())
            except Refused as reason:
                form.add_error(None, f"{capfirst(str(reason))}.")
            else:
                del request.session[_NEW_SECRET]
                return _set_up(request, CODE_APP, codes)
    picture = base64.b64encode(adapter.build_totp_svg(adapter.build_totp_url(request.user, secret)).encode()).decode()
    context = {
        "form": form,
        "picture": f"data:image/svg+xml;base64,{picture}",
        "secret": " ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        "present": second_factors_of(request.user).code_app,
    }
    return render_page(request, "account/code_app.html", context)


@open_without_second_factor
@own_page
def passkey(request: ConsoleRequest) -> HttpResponseBase:
    """Add a passkey that the browser makes."""
    form = NewPasskeyForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        credential = passkeys.checked_new(form.cleaned_data["answer"])
        if credential is None:
            form.add_error(None, _("The browser's answer does not fit, or the page was open too long. Try again."))
        else:
            codes = second_factors.add_passkey(
                user=request.user,
                name=form.cleaned_data["name"],
                credential=credential,
                by=author(request),
                at=timezone.now(),
            )
            return _set_up(request, PASSKEY, codes)
    context = {"form": form, "passkey_options": passkeys.options_to_add(request.user)}
    return render_page(request, "account/passkey.html", context)


def _set_up(request: ConsoleRequest, kind: str, codes: list[str]) -> HttpResponse:
    """Keep this session, which now counts as one with a second factor; show the new recovery codes, if there are any."""
    update_session_auth_hash(request, request.user)
    request.session[sessions.SECOND_FACTOR] = kind
    messages.success(request, _("Your second factor is set up, and your other sessions have ended."))
    return _show_codes(request, codes) if codes else redirect("account:second-factor")


def _show_codes(request: ConsoleRequest, codes: list[str]) -> HttpResponse:
    """Show new recovery codes, this once; the link saves them as a file without asking the server again."""
    lines = [f"Rollcall {request.get_host()}", request.user.username, "", *codes, ""]
    file = base64.b64encode("\n".join(lines).encode()).decode()
    context = {"codes": codes, "file": f"data:text/plain;charset=utf-8;base64,{file}"}
    return render_page(request, "account/new_recovery_codes.html", context)


@own_page
def remove(request: ConsoleRequest) -> HttpResponseBase:
    """Ask; then remove one of one's second factors."""
    number = request.POST.get("factor") or request.GET.get("factor") or ""
    factors = second_factors_of(request.user)
    row = next((each for each in factors.all if str(each.pk) == number), None)
    if request.method != "POST" or row is None:
        context = {"factor": row, "last": len(factors.all) == 1, "factors": factors}
        return render_page(request, "account/remove_second_factor.html", context)
    try:
        second_factors.remove(user=request.user, factor_id=row.pk, by=author(request), at=timezone.now())
    except Refused as reason:
        messages.error(request, f"{capfirst(str(reason))}.")
    else:
        update_session_auth_hash(request, request.user)
        if not second_factors_of(request.user):
            request.session.pop(sessions.SECOND_FACTOR, None)
        messages.success(request, _("It is removed, and your other sessions have ended."))
    return redirect("account:second-factor")


@own_page
def recovery_codes(request: ConsoleRequest) -> HttpResponseBase:
    """Ask; then make new recovery codes and show them."""
    if request.method != "POST":
        return render_page(request, "account/recovery_codes.html", {"factors": second_factors_of(request.user)})
    try:
        codes = second_factors.renew_recovery_codes(user=request.user, by=author(request), at=timezone.now())
    except Refused as reason:
        messages.error(request, f"{capfirst(str(reason))}.")
        return redirect(reverse("account:second-factor"))
    return _show_codes(request, codes)
