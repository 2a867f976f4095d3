"""The table of the preview of a CSV file, with the decision about each row."""

from __future__ import annotations

import django_tables2 as tables
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from console.elements.badges import Badge
from console.listing.tables.columns import Table, plain
from directory.provisioning.decision_values import Decision

CREATED = Badge(_("Will be created"), "user-plus", "good")
CREATED_BUT = Badge(_("Will be created, with a warning"), "triangle-alert", "warn")
NOT_CREATED = Badge(_("Will not be created"), "ban", "bad")


class UploadTable(Table):
    """The decisions about all rows; ``role_names`` are by id."""

    fragment = "upload-rows"
    main_column = "username"
    state_column = "fate"

    line = tables.Column(verbose_name=_("Line"))
    username = tables.Column(verbose_name=_("Username"), accessor="profile__username")
    name = tables.Column(verbose_name=_("Name"), accessor="profile", orderable=False)
    email = tables.Column(verbose_name=_("Email"), accessor="profile__email", default="–")
    fate = plain(_("What happens"), empty_values=())
    org = tables.Column(verbose_name=_("Org"))
    roles = plain(_("Roles"), empty_values=())
    why = plain(_("Why"), empty_values=())

    class Meta:
        empty_text = _("No row of this file is shown here.")

    def __init__(self, *args: object, role_names: dict[int, str], **options: object) -> None:
        super().__init__(*args, **options)
        self._role_names = role_names

    def render_name(self, record: Decision) -> str:
        return f"{record.profile.first_name} {record.profile.last_name}".strip() or "–"

    def render_fate(self, record: Decision) -> Badge:
        if record.refusal:
            return NOT_CREATED
        return CREATED_BUT if record.warnings else CREATED

    def render_org(self, record: Decision) -> str:
        if record.refusal:
            return "–"
        return _("%(name)s (new)") % {"name": record.org} if record.makes else record.org

    def render_roles(self, record: Decision) -> str:
        names = sorted(self._role_names.get(pk, "?") for pk in record.roles)
        return "–" if record.refusal else ", ".join(names) or "–"

    def render_why(self, record: Decision) -> str | SafeString:
        lines = [text for text in (record.refusal, record.findings, *record.warnings) if text]
        if not lines:
            return "–"
        return format_html(
            "<ul class='m-0 ps-3'>{}</ul>", format_html_join("", "<li>{}</li>", ((line,) for line in lines))
        )
