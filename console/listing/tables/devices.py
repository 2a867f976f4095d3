"""The table of devices."""

from __future__ import annotations

from typing import Any

import django_tables2 as tables
from django.db.models import Sum
from django.db.models.functions import Coalesce
from django.template.defaultfilters import filesizeformat
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from console.elements import badges
from console.elements.url_cache import address_of
from console.listing.tables.columns import NUMBER, Table, TimeColumn, link
from orgs.models import Device
from orgs.models.devices import DeviceQuerySet


class DeviceTable(Table):
    """Devices with their user, states and stored bytes."""

    fragment = "device-list"
    few_values = frozenset({"org", "os", "states"})
    sorted_at_once = True
    main_column = "name"
    state_column = "states"

    name = tables.Column(verbose_name=_("Name"))
    guid = tables.Column(verbose_name=_("GUID"))
    user = tables.Column(verbose_name=_("User"), accessor="user__username", order_by="user__username_key")
    org = tables.Column(verbose_name=_("Org"), accessor="user__org__name", order_by="user__org__name_key")
    os = tables.Column(verbose_name=_("System"), default="–")
    states = tables.Column(verbose_name=_("State"), empty_values=(), order_by=("active", "blocked", "authorized"))
    stored = tables.Column(verbose_name=_("Stored"), empty_values=(), attrs=NUMBER)
    last_connected = TimeColumn(verbose_name=_("Last connected"), default=_("never"))

    class Meta:
        empty_text = _("There are no devices yet. A device appears as soon as the backup app on it signs in.")

    def render_name(self, record: Device) -> SafeString:
        return link(address_of("devices:detail", record.pk), record.name)

    def render_user(self, record: Device) -> SafeString:
        return link(address_of("users:detail", record.user_id), record.user.username)

    def render_stored(self, record: Any) -> str:
        return filesizeformat(sum(archive.size_bytes for archive in record.listed_archives))

    def order_stored(self, devices: DeviceQuerySet, is_descending: bool) -> tuple[DeviceQuerySet, bool]:  # noqa: FBT001  # called so
        """Sort by stored bytes; only then the sum is computed for all devices."""
        # A join: a subquery for each device would take twice as long.
        summed = devices.annotate(stored_bytes=Coalesce(Sum("archives__size_bytes"), 0))
        return summed.order_by("-stored_bytes" if is_descending else "stored_bytes"), True

    def render_states(self, record: Device) -> SafeString:
        return badges.side_by_side(badges.device_states(record))
