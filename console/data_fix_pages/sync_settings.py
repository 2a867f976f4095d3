"""Data fixes of the settings of all syncs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from console.data_fix_pages.admin_site import ActingAdmin, by
from console.forms.sync_settings import NotificationForm
from directory.actions import sync_settings


class SyncSettingsForm(NotificationForm):
    """All settings of the sync in one form."""

    class Meta(NotificationForm.Meta):
        fields = [*NotificationForm.Meta.fields, "interval_hours"]


class SyncSettingsAdmin(ActingAdmin):
    """The one row of settings."""

    form = SyncSettingsForm
    actions = None

    def has_add_permission(self, *_: Any, **__: Any) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save through the action."""
        sync_settings.save(values=form.values(), by=by(request), at=timezone.now())
