"""The preview of an uploaded CSV file: the fate of every row, rows mended in place, and the creation of the users."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from console.forms.uploads.upload_rows import lines_in, mends_in, row_forms
from console.http.page_requests import render_page
from console.listing.exports import csv_file
from console.listing.listing import Listing, show_table
from console.listing.tables.user_upload import UploadTable
from console.presenters.users.upload_preview import MENDED_AT_ONCE, UploadPreview, shown_fate
from console.security.access import ConsoleRequest, author, require
from console.views.users.uploads.waiting_upload import upload_number, waiting_upload
from directory.actions.users import user_uploads
from directory.input_errors import Refused
from directory.ldap.errors import DirectoryUnavailable
from directory.models import Upload
from directory.provisioning.csv_files.csv_header import COLUMNS, REASONS
from directory.provisioning.upload_rows import Fate, UploadContent, UploadRow
from directory.scripts.sandbox.resource_limits import SandboxBroken
from orgs.models import Org, Role
from orgs.permissions import Permission

# A password never leaves Rollcall again.
_DOWNLOADED = tuple(name for name in COLUMNS if name != "password")


@never_cache
@require_safe
@require(Permission.USER)
def preview(request: ConsoleRequest) -> HttpResponse:
    """Show the fate of each row of the waiting upload, and a form for the rows to mend."""
    waiting = waiting_upload(request)
    content = _content(request, waiting)
    return _page(request, waiting if content else None, content)


def _content(request: ConsoleRequest, waiting: Upload | None) -> UploadContent | None:
    if waiting is None:
        return None
    try:
        return user_uploads.content_of(waiting)
    except Refused as reason:
        messages.error(request, str(reason))
        return None


def _page(
    request: ConsoleRequest, waiting: Upload | None, content: UploadContent | None, *, posted: bool = False
) -> HttpResponse:
    context: dict[str, Any] = {"upload": waiting}
    if waiting is not None and content is not None:
        unsaved = lines_in(request.POST, content.rows) if posted else ()
        page = UploadPreview(content, request.GET.get("show", ""), request.GET.get("rows", ""), unsaved)
        table = UploadTable(page.shown, role_names=dict(Role.objects.values_list("pk", "name")))
        context |= {
            "page": page,
            "listing": Listing(table=show_table(request, table)),
            "forms": row_forms(page.to_mend, request.POST if posted else None),
            "at_once": MENDED_AT_ONCE,
        }
    return render_page(request, "uploads/preview.html", context, fragments=("upload-rows",))


@never_cache
@require_POST
@require(Permission.USER)
def mend(request: ConsoleRequest) -> HttpResponse:
    """Save what was changed in rows, all at once, and judge every row again."""
    waiting = waiting_upload(request)
    content = _content(request, waiting)
    if waiting is None or content is None:
        messages.error(request, _("Nothing was saved: this preview has expired. Upload the file again."))
        return redirect("users:upload")
    mends = mends_in(request.POST, content.rows)
    try:
        user_uploads.mend(
            user=request.user,
            upload_id=upload_number(request),
            within=list(Org.objects.with_users_managed_by(request.user)),
            mends=mends,
            put_back="put_back" in request.POST,
            create_unknown=True if "create_unknown" in request.POST else None,
            at=timezone.now(),
        )
    except Refused as reason:
        messages.error(request, _("Nothing was saved: %(reason)s.") % {"reason": reason})
        return redirect("users:upload-preview")
    except (DirectoryUnavailable, SandboxBroken) as reason:
        # What was typed stays in the form.
        messages.error(request, _("Nothing was saved: %(reason)s") % {"reason": reason})
        return _page(request, waiting, content, posted=True)
    if mends:
        words = ngettext(
            "%(count)d row is saved, and all rows are judged again.",
            "%(count)d rows are saved, and all rows are judged again.",
            len(mends),
        )
        messages.success(request, words % {"count": len(mends)})
    else:
        messages.success(request, _("All rows are judged again."))
    return redirect("users:upload-preview")


@never_cache
@require_safe
@require(Permission.USER)
def rows(request: ConsoleRequest) -> HttpResponseBase:
    """Return rows as CSV, with a column of reasons and without passwords, to be mended elsewhere and uploaded again."""
    waiting = waiting_upload(request)
    content = _content(request, waiting)
    if content is None:
        return _page(request, None, None)
    fate = shown_fate(request.GET.get("show", "")) or Fate.REFUSED
    found = (each for each in content.rows if each.fate == fate)
    return csv_file("rows.csv", (*_DOWNLOADED, REASONS), (_cells(each) for each in found))


def _cells(each: UploadRow) -> list[str]:
    return [*(getattr(each.row, name) for name in _DOWNLOADED), "; ".join(each.reasons)]


@require_POST
@require(Permission.USER)
def create(request: ConsoleRequest) -> HttpResponseRedirect:
    """Create the users in the preview; then show what became of each row."""
    try:
        finished = user_uploads.create(
            user=request.user,
            upload_id=upload_number(request),
            within=list(Org.objects.with_users_managed_by(request.user)),
            by=author(request),
            at=timezone.now(),
        )
    except Refused as reason:
        messages.error(request, _("Nobody was created: %(reason)s.") % {"reason": reason})
    except (DirectoryUnavailable, SandboxBroken) as reason:
        messages.error(request, _("Nobody was created: %(reason)s") % {"reason": reason})
    else:
        words = ngettext("%(count)d user is created.", "%(count)d users are created.", finished.created)
        messages.success(request, words % {"count": finished.created})
        return HttpResponseRedirect(reverse("users:upload-outcome", args=[finished.pk]))
    return HttpResponseRedirect(reverse("users:upload-preview" if waiting_upload(request) else "users:upload"))


@require_POST
@require(Permission.USER)
def discard(request: ConsoleRequest) -> HttpResponse:
    """Discard the waiting upload."""
    user_uploads.discard(user=request.user)
    messages.success(request, _("The upload is discarded. Nobody was created."))
    return redirect("users:upload")
