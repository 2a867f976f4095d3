"""The tables of runs and of changes."""

from __future__ import annotations

from typing import Any

import django_tables2 as tables
from django.db import connections
from django.db.models import QuerySet
from django.db.models.functions import Collate, Lower
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from console.elements import badges
from console.elements.badges import Badge, actions
from console.elements.differences import differences
from console.elements.url_cache import address_of
from console.listing.tables.columns import NUMBER, TEXT, Table, TimeColumn, link, plain
from directory.models import Run, RunChange
from directory.values import run_counts
from directory.values.run_counts import RunCount


class RunTable(Table):
    """Runs, newest first."""

    fragment = "run-list"
    main_column = "run"
    state_column = "state"

    created_at = TimeColumn(verbose_name=_("When"))
    run = tables.Column(verbose_name=_("Run"), accessor="pk", order_by="pk")
    state = tables.Column(verbose_name=_("Result"))
    servers = plain(_("LDAP servers"), empty_values=())
    started_by_label = tables.Column(verbose_name=_("Started by"))
    users = plain(_("Users"), accessor="counts", attrs=NUMBER)
    changes = plain(_("Changes"), accessor="counts", empty_values=(), attrs=TEXT)
    duration = plain(_("Took"), accessor="seconds", attrs=NUMBER)

    class Meta:
        empty_text = _("There has been no run yet. Start with a simulation: it shows what a sync would do.")

    def render_run(self, record: Run) -> SafeString:
        name = f"{badges.run_kind(record).text} {record.pk}"
        if record.undo_of_id is not None:
            name = gettext("%(undo)s of run %(id)d") % {"undo": name, "id": record.undo_of_id}
        return link(address_of("runs:detail", record.pk), name)

    def render_state(self, record: Run) -> Badge:
        return badges.run_state(record)

    def render_servers(self, record: Any) -> str:
        return ", ".join(reading.server_name for reading in record.listed_readings) or "–"

    def render_started_by_label(self, record: Run) -> str:
        return f"{record.started_by_label}, {record.get_trigger_display()}"

    def render_users(self, record: Run) -> str:
        return str(record.counts.get("users", "–"))

    def render_changes(self, record: Run) -> str:
        listed = [count for count in run_counts.COUNTS if count.in_list and record.counts.get(count.key)]
        return ", ".join(_in_words(count, record.counts[count.key]) for count in listed) or (
            gettext("none") if record.counts else "–"
        )

    def render_duration(self, value: float) -> str:
        return duration(value)


def _in_words(count: RunCount, number: int) -> str:
    return f"{number} {ngettext(count.short or count.one, count.short or count.many, number)}"


def duration(seconds: float) -> str:
    """Return a duration in words."""
    if seconds < 60:
        return gettext("%(seconds).1f s") % {"seconds": seconds}
    minutes = round(seconds / 60)
    return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}


class ChangeTable(Table):
    """The changes of one run."""

    fragment = "run-changes"
    state_column = "outcome"

    username = tables.Column(verbose_name=_("User"))
    org = plain(_("Org"), accessor="before__org", default="–")
    outcome = tables.Column(verbose_name=_("Outcome"))
    actions = plain(_("Actions"), default="–")
    difference = plain(_("Before → after"), empty_values=(), attrs=TEXT)
    steps = plain(_("Why"), empty_values=())

    class Meta:
        empty_text = _("This run has nothing to say about any user.")
        row_attrs = {"id": lambda record: f"change-{record.pk}"}

    def order_username(self, changes: QuerySet[RunChange], is_descending: bool) -> tuple[QuerySet[RunChange], bool]:  # noqa: FBT001  # called so
        """Sort by name, ignoring letter case; the order of a language would take three times as long."""
        postgresql = connections[changes.db].vendor == "postgresql"
        name = Collate(Lower("username"), "C") if postgresql else Lower("username")
        return changes.order_by(name.desc() if is_descending else name.asc()), True

    def render_username(self, record: RunChange) -> str | SafeString:
        if record.user_id is None:
            return record.username
        return link(address_of("users:detail", record.user_id), record.username)

    def render_outcome(self, value: str) -> Badge:
        return badges.outcome(value)

    def render_actions(self, value: list[str]) -> SafeString:
        return actions(value)

    def render_difference(self, record: RunChange) -> str | SafeString:
        return differences(record.before, record.after)

    def render_steps(self, record: Any) -> SafeString:
        steps = address_of("runs:change", record.shown_in, record.pk)
        return format_html(
            '<a href="{0}" id="why-{1}" class="btn btn-sm" hx-get="{0}" hx-target="#steps-{1}" hx-swap="innerHTML" '
            'hx-push-url="false" aria-label="{2}">{3}</a><div id="steps-{1}" class="change-steps" aria-live="polite"></div>',
            steps,
            record.pk,
            gettext("Why: the steps for %(user)s") % {"user": record.username},
            gettext("Steps"),
        )
