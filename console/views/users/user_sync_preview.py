"""The page that previews a sync of one user: reads the entry now, shows all steps, changes nothing."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from console.http.page_requests import browser_has_gone, render_page
from console.presenters.users.user_acts import USER_ACTS, UserAct
from console.security.access import ConsoleRequest, require
from console.views.users.user_access import managed_user
from directory.input_errors import Refused
from directory.ldap.errors import DirectoryUnavailable
from directory.preview.user_preview import preview
from directory.scripts.sandbox.resource_limits import SandboxBroken
from orgs.models import User
from orgs.models.encrypted_text import Undecryptable
from orgs.permissions import Permission


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.USER)
def preview_sync(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show the page, which asks for the preview at once; then (POST) read the directory and show what a sync would do."""
    user = managed_user(request, pk)
    context: dict[str, Any] = {
        "subject": user,
        "synchronized": USER_ACTS.offer(UserAct.PREVIEW_SYNC, user, request.user),
    }
    if request.method == "POST" and context["synchronized"]:
        context |= _preview(request, user)
    return render_page(request, "users/preview_sync.html", context, fragments=("sync-preview",))


def _preview(request: ConsoleRequest, user: User) -> dict[str, Any]:
    owner = request.session.session_key or f"user {request.user.pk}"
    try:
        change = preview(user.pk, owner=owner, waits=lambda: not browser_has_gone(request), at=timezone.now())
    except (Refused, SandboxBroken, DirectoryUnavailable, Undecryptable) as problem:
        return {"problem": str(problem)}
    before, after = ({"roles": sorted(each.roles), **_plain(each)} for each in (change.before, change.after))
    return {"change": change, "before": before, "after": after}


def _plain(account: Any) -> dict[str, Any]:
    names = ("username", "email", "first_name", "last_name", "active", "blocked", "pending", "org")
    return {name: getattr(account, name) for name in names}
