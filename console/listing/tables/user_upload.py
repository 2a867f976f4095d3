"""The tables of uploads: the fate of each row in a preview, what became of each, and the uploads that were carried out."""

from __future__ import annotations

import django_tables2 as tables
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from console.elements.badges import Badge
from console.elements.upload_fates import DONE_WORDS, FATE_WORDS
from console.elements.url_cache import address_of
from console.listing.tables.columns import NUMBER, TEXT, Table, TimeColumn, link, plain
from directory.models import FinishedUpload
from directory.provisioning.outcome_rows import OutcomeRow
from directory.provisioning.upload_rows import UploadRow


def _lines(texts: list[str]) -> str | SafeString:
    if not texts:
        return "–"
    return format_html("<ul class='reasons'>{}</ul>", format_html_join("", "<li>{}</li>", ((text,) for text in texts)))


class UploadTable(Table):
    """The fate of each row; ``role_names`` are by id."""

    fragment = "upload-rows"
    main_column = "username"
    state_column = "fate"

    line = tables.Column(verbose_name=_("Line"), accessor="row__line", attrs=NUMBER)
    username = tables.Column(verbose_name=_("Username"), accessor="row__username", empty_values=())
    name = plain(_("Name"), empty_values=())
    email = tables.Column(verbose_name=_("Email"), accessor="row__email", empty_values=())
    fate = plain(_("What happens"), empty_values=())
    org = tables.Column(verbose_name=_("Org"), accessor="row__org", empty_values=())
    roles = plain(_("Roles"), empty_values=())
    why = plain(_("Why"), empty_values=(), attrs=TEXT)

    class Meta:
        empty_text = _("No row of this file is shown here.")

    def __init__(self, *args: object, role_names: dict[int, str], **options: object) -> None:
        super().__init__(*args, **options)
        self._role_names = role_names

    def render_username(self, record: UploadRow) -> str:
        found = record.decision.profile if record.becomes_user and record.decision is not None else record.row
        return found.username or "–"

    def render_name(self, record: UploadRow) -> str:
        found = record.decision.profile if record.becomes_user and record.decision is not None else record.row
        return f"{found.first_name} {found.last_name}".strip() or "–"

    def render_email(self, record: UploadRow) -> str:
        found = record.decision.profile if record.becomes_user and record.decision is not None else record.row
        return found.email or "–"

    def render_fate(self, record: UploadRow) -> Badge:
        return FATE_WORDS[record.fate]

    def render_org(self, record: UploadRow) -> str:
        if not record.becomes_user or record.decision is None:
            return record.row.org or "–"
        return _("%(name)s (new)") % {"name": record.decision.org} if record.decision.makes else record.decision.org

    def render_roles(self, record: UploadRow) -> str:
        roles = record.decision.roles if record.becomes_user and record.decision is not None else ()
        return ", ".join(sorted(self._role_names.get(pk, "?") for pk in roles)) or "–"

    def render_why(self, record: UploadRow) -> str | SafeString:
        changed = [_("Since the last preview: %(what)s") % {"what": record.changed}] if record.changed else []
        return _lines([*changed, *record.reasons])


class OutcomeTable(Table):
    """What became of each row."""

    fragment = "upload-rows"
    main_column = "username"
    state_column = "fate"

    line = tables.Column(verbose_name=_("Line"), attrs=NUMBER)
    username = tables.Column(verbose_name=_("Username"), empty_values=())
    name = plain(_("Name"), empty_values=())
    email = tables.Column(verbose_name=_("Email"), default="–")
    fate = plain(_("Result"))
    org = tables.Column(verbose_name=_("Org"), default="–")
    roles = plain(_("Roles"), empty_values=())
    reasons = plain(_("Why"), empty_values=(), attrs=TEXT)

    class Meta:
        empty_text = _("No row of this file is shown here.")

    def render_username(self, record: OutcomeRow) -> str | SafeString:
        if record.user_id is None:
            return record.username or "–"
        return link(address_of("users:detail", record.user_id), record.username)

    def render_name(self, record: OutcomeRow) -> str:
        return f"{record.first_name} {record.last_name}".strip() or "–"

    def render_fate(self, record: OutcomeRow) -> Badge:
        return DONE_WORDS[record.fate]

    def render_roles(self, record: OutcomeRow) -> str:
        return ", ".join(record.roles) or "–"

    def render_reasons(self, record: OutcomeRow) -> str | SafeString:
        return _lines(list(record.reasons))


class FinishedUploadTable(Table):
    """The uploads that were carried out, the newest first."""

    fragment = "finished-uploads"
    main_column = "file_name"

    file_name = tables.Column(verbose_name=_("File"))
    done_at = TimeColumn(verbose_name=_("When"))
    by_label = tables.Column(verbose_name=_("Who"))
    total = tables.Column(verbose_name=_("Rows"), attrs=NUMBER)
    created = tables.Column(verbose_name=_("Users created"), attrs=NUMBER)

    class Meta:
        empty_text = _("No file of users has been uploaded yet.")

    def render_file_name(self, record: FinishedUpload) -> SafeString:
        return link(address_of("users:upload-outcome", record.pk), record.file_name)
