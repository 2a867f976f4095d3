"""The form of the recipients of mail about runs, and of what a sync may reactivate."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from console.forms.fields import show_errors
from console.forms.sync_settings import NotificationForm
from console.http.page_requests import render_page
from console.security.access import ConsoleRequest, author, require
from directory.actions import sync_settings
from directory.input_errors import Invalid
from directory.models import Mail, SyncSettings
from orgs.models import User
from orgs.permissions import Permission


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.SYSTEM)
def notification_form(request: ConsoleRequest) -> HttpResponse:
    """Show the settings, and save them."""
    form = NotificationForm(request.POST or None, instance=SyncSettings.load())
    if request.method == "POST" and form.is_valid() and _save(request, form):
        return redirect("notifications:form")
    context = {
        "form": form,
        "administrators": User.objects.administrators().exclude(email="").count(),
        "mails": Mail.objects.select_related("run")[:20],
    }
    return render_page(request, "notifications/form.html", context)


def _save(request: ConsoleRequest, form: NotificationForm) -> bool:
    try:
        sync_settings.save(values=form.values(), by=author(request), at=timezone.now())
    except Invalid as invalid:
        show_errors(form, invalid)
        return False
    messages.success(request, _("The settings are saved."))
    return True
