"""The page that takes a CSV file of users, and lists the uploads of before."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from console.forms.uploads.upload_file import UserUploadForm
from console.http.page_requests import render_page
from console.http.upload_size_limit import too_large
from console.listing.listing import show_list
from console.listing.tables.user_upload import FinishedUploadTable
from console.security.access import ConsoleRequest, require
from console.views.users.uploads.waiting_upload import waiting_upload
from directory.actions.users import user_uploads
from directory.actions.users.user_uploads import UploadChoices
from directory.input_errors import Refused
from directory.ldap.errors import DirectoryUnavailable
from directory.models import FinishedUpload
from directory.provisioning.csv_files.bad_csv import BadCsv
from directory.scripts.sandbox.resource_limits import SandboxBroken
from orgs.models import Org
from orgs.permissions import Permission


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.USER)
def upload(request: ConsoleRequest) -> HttpResponse:
    """Take a file; show what is wrong with it as a whole, or redirect to its preview."""
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
    done = show_list(request, FinishedUpload.objects.visible_to(request.user).defer("rows"), table=FinishedUploadTable)
    context = {"form": form, "problems": problems, "waiting": waiting_upload(request), "listing": done}
    return render_page(request, "uploads/upload.html", context, fragments=("finished-uploads",))


def _preview(request: ConsoleRequest, form: UserUploadForm) -> None:
    given = form.cleaned_data
    user_uploads.preview(
        file=given["file"],
        file_name=given["file"].name,
        org=given["org"],
        within=list(Org.objects.with_users_managed_by(request.user)),
        user=request.user,
        at=timezone.now(),
        choices=UploadChoices(
            create_unknown=given["create_unknown"], ignore_unknown_columns=given["ignore_unknown_columns"]
        ),
    )
