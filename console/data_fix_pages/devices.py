"""Data fixes of devices, each through its actions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from console.data_fix_pages.admin_site import ActingAdmin, by
from orgs.actions import devices
from orgs.actions.devices_by_hand import states
from orgs.models import Archive, ArchiveState, Device


class DeviceAdmin(ActingAdmin):
    """Devices: read-only; actions of the list deactivate and reactivate them."""

    list_display = ("name", "guid", "user", "active", "blocked", "authorized", "last_connected")
    list_filter = ("active", "blocked", "authorized")
    list_select_related = ("user",)
    search_fields = ("name", "guid", "user__username")
    actions = ("deactivate", "reactivate")

    def has_add_permission(self, *_: Any, **__: Any) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Make every field read-only."""
        return [field.name for field in Device._meta.fields]

    @admin.action(description=gettext_lazy("Deactivate the chosen devices"))
    def deactivate(self, request: HttpRequest, chosen: QuerySet[Device]) -> HttpResponse | None:
        """Show the effects, then deactivate."""
        count = Archive.objects.filter(device__in=chosen.values("pk"), state=ArchiveState.LIVE).count()
        effects = [
            ngettext(
                "They stop backing up; %(count)d archive goes to cold storage.",
                "They stop backing up; %(count)d archives go to cold storage.",
                count,
            )
            % {"count": count}
        ]
        if page := self.confirm(request, chosen, action="deactivate", title=_("Deactivate devices"), effects=effects):
            return page
        ids = list(chosen.values_list("pk", flat=True))
        self.act(
            request,
            lambda: devices.deactivate(device_ids=ids, by=by(request), at=timezone.now()),
            lambda done: _("Deactivated: %(count)d.") % {"count": done},
        )
        return None

    @admin.action(description=gettext_lazy("Reactivate the chosen devices"))
    def reactivate(self, request: HttpRequest, chosen: QuerySet[Device]) -> HttpResponse | None:
        """Show which archives come back and which stay lost, then reactivate."""
        archives = Archive.objects.filter(device__in=chosen.filter(active=False).values("pk"))
        counts = {
            "devices": chosen.filter(active=False).count(),
            "cold": archives.filter(state=ArchiveState.COLD_STORAGE).count(),
            "lost": archives.filter(state=ArchiveState.EXPIRED).count(),
        }
        effects = [
            _("Devices that back up again: %(devices)d.") % counts,
            _("Archives that leave cold storage, unless their dates have passed: %(cold)d.") % counts,
            _("Archives that have expired and stay lost: %(lost)d.") % counts,
        ]
        if page := self.confirm(request, chosen, action="reactivate", title=_("Reactivate devices"), effects=effects):
            return page
        ids = list(chosen.values_list("pk", flat=True))
        self.act(
            request,
            lambda: states.reactivate(device_ids=ids, by=by(request), at=timezone.now()),
            lambda done: (
                _(
                    "Reactivated: %(devices)d. Archives out of cold storage: %(archives)d. Archives that had expired and "
                    "are lost: %(lost)d."
                )
                % {"devices": counts["devices"], "archives": done.archives, "lost": done.lost}
            ),
        )
        return None
