"""Data fixes of LDAP servers, which have a page of their own, and of the sync's settings."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from console.data_fixes.site import ActingAdmin, ReadOnlyAdmin, by
from console.forms.settings import NotificationForm
from directory.actions import settings
from directory.models import LdapServer


class LdapServerAdmin(ReadOnlyAdmin):
    """LDAP servers as they are stored, without the password; they are changed on their own page."""

    list_display = ("name", "enabled", "search_base", "position", "its_page")
    exclude = ("bind_password",)
    search_fields = ("name",)

    def its_page(self, obj: LdapServer) -> SafeString:
        """Link to where the server is changed."""
        return format_html('<a href="{}">{}</a>', reverse("ldap_servers:edit", args=[obj.pk]), _("Change it there"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:  # noqa: ARG002
        """Put the link above the fields."""
        return ["its_page"]


class SyncSettingsForm(NotificationForm):
    """All the sync's settings at once."""

    class Meta(NotificationForm.Meta):
        fields = [*NotificationForm.Meta.fields, "interval_hours"]


class SyncSettingsAdmin(ActingAdmin):
    """The one row of settings."""

    form = SyncSettingsForm
    actions = None

    def has_add_permission(self, *_: Any, **__: Any) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: ARG002, FBT001
        """Save by the action."""
        settings.save(values=form.values(), by=by(request), at=timezone.now())
