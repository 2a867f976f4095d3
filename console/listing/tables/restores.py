"""The table of devices whose files a viewer may restore."""

from __future__ import annotations

from typing import Any

import django_tables2 as tables
from django.template.defaultfilters import filesizeformat
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.elements import badges
from console.elements.url_cache import address_of
from console.listing.tables.columns import NUMBER, Table, TimeColumn, link
from orgs.models import Archive, Device, KeyHolder


class RestoreTable(Table):
    """Devices with their user and archive; the name leads to the snapshots."""

    fragment = "restore-list"
    few_values = frozenset({"org"})
    sorted_at_once = True
    main_column = "name"
    state_column = "archive"

    name = tables.Column(verbose_name=_("Device"))
    user = tables.Column(verbose_name=_("User"), accessor="user__username", order_by="user__username_key")
    org = tables.Column(verbose_name=_("Org"), accessor="user__org__name", order_by="user__org__name_key")
    archive = tables.Column(verbose_name=_("Archive"), empty_values=(), orderable=False)
    stored = tables.Column(verbose_name=_("Stored"), empty_values=(), orderable=False, attrs=NUMBER)
    last_backup_at = TimeColumn(verbose_name=_("Last backup"), default=_("never"))

    class Meta:
        empty_text = _("There is no device whose files you may restore.")

    def render_name(self, record: Device) -> SafeString:
        return link(address_of("restores:detail", record.pk), record.name)

    def render_archive(self, record: Any) -> SafeString | str:
        found: list[Archive] = list(record.archives.all())
        if not found:
            return gettext("none yet")
        repositories = [getattr(archive, "repository", None) for archive in found]
        if any(each is not None and each.key_holder == KeyHolder.USER for each in repositories):
            return gettext("only the user has the password")
        return badges.side_by_side(badges.archive_state(archive) for archive in found)

    def render_stored(self, record: Any) -> str:
        return filesizeformat(sum(archive.size_bytes for archive in record.archives.all()))
