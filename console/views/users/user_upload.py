"""Users from a CSV file: upload, preview with the decision about each row, creation of exactly these users."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.forms.user_upload import UserUploadForm
from console.http.page_requests import render_page
from console.http.upload_size_limit import too_large
from console.listing.listing import Listing, show_table
from console.listing.tables.user_upload import UploadTable
from console.security.access import ConsoleRequest, author, require
from directory.actions.users import user_uploads
from directory.input_errors import Refused
from directory.ldap.errors import DirectoryUnavailable
from directory.models import Upload
from directory.provisioning.csv_file import BadCsv
from directory.provisioning.decision_values import Decision
from directory.scripts.sandbox.resource_limits import SandboxBroken
from orgs.models import Org, Role
from orgs.permissions import Permission

SHOWN = ("all", "created", "warned", "refused")


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.USER)
def upload(request: ConsoleRequest) -> HttpResponse:
    """Take a file; show its errors, or redirect to its preview."""
    orgs = Org.objects.with_users_managed_by(request.user)
    problems: tuple[str, ...] = ()
    if request.method == "POST":
        form = UserUploadForm(request.POST, request.FILES, orgs=orgs, too_large=too_large(request))
        if form.is_valid():
            try:
                _preview(request, form)
            except BadCsv as bad:
                problems = bad.problems
            except (DirectoryUnavailable, SandboxBroken, Refused) as error:
                problems = (str(error),)
            else:
                return redirect("users:upload-preview")
    else:
        form = UserUploadForm(orgs=orgs, initial={"org": request.user.org_id})
    context = {"form": form, "problems": problems, "waiting": _waiting(request)}
    return render_page(request, "users/upload.html", context)


def _preview(request: ConsoleRequest, form: UserUploadForm) -> None:
    given = form.cleaned_data
    user_uploads.preview(
        file=given["file"],
        file_name=given["file"].name,
        org=given["org"],
        within=list(Org.objects.with_users_managed_by(request.user)),
        user=request.user,
        at=timezone.now(),
    )


def _waiting(request: ConsoleRequest) -> Upload | None:
    return Upload.objects.waiting_for(request.user, at=timezone.now()).select_related("org").first()


@require_safe
@require(Permission.USER)
def preview(request: ConsoleRequest) -> HttpResponse:
    """Show the decision about each row of the waiting upload."""
    waiting = _waiting(request)
    context: dict[str, Any] = {"upload": waiting}
    if waiting is not None:
        try:
            context |= _rows(request, user_uploads.decisions_of(waiting))
        except Refused as reason:
            messages.error(request, str(reason))
            context = {"upload": None}
    return render_page(request, "users/upload_preview.html", context, fragments=("upload-rows",))


def _rows(request: ConsoleRequest, decisions: list[Decision]) -> dict[str, Any]:
    groups = {
        "all": decisions,
        "created": [decision for decision in decisions if not decision.refusal],
        "warned": [decision for decision in decisions if decision.warnings and not decision.refusal],
        "refused": [decision for decision in decisions if decision.refusal],
    }
    chosen = request.GET.get("show", "")
    chosen = chosen if chosen in SHOWN else "all"
    table = UploadTable(groups[chosen], role_names=dict(Role.objects.values_list("pk", "name")))
    return {
        "listing": Listing(table=show_table(request, table)),
        "counts": {name: len(rows) for name, rows in groups.items()},
        "shown": chosen,
        "new_orgs": [name for decision in groups["created"] for name in decision.makes],
    }


@require_POST
@require(Permission.USER)
def create(request: ConsoleRequest) -> HttpResponse:
    """Create the users in the preview."""
    number = request.POST.get("upload", "")
    try:
        made = user_uploads.create(
            user=request.user,
            upload_id=int(number) if number.isdecimal() and len(number) < 19 else 0,
            within=list(Org.objects.with_users_managed_by(request.user)),
            by=author(request),
            at=timezone.now(),
        )
    except Refused as reason:
        messages.error(request, _("Nobody was created: %(reason)s.") % {"reason": reason})
        return redirect("users:upload")
    count = len(made.users)
    messages.success(
        request, ngettext("%(count)d user is created.", "%(count)d users are created.", count) % {"count": count}
    )
    return redirect("users:list")


@require_POST
@require(Permission.USER)
def discard(request: ConsoleRequest) -> HttpResponse:
    """Discard the waiting upload."""
    user_uploads.discard(user=request.user)
    messages.success(request, _("The upload is discarded. Nobody was created."))
    return redirect("users:upload")
