"""The tables of matters, of a matter's custodians and events, of preservation policies, and of users to put on hold."""

from __future__ import annotations

from collections.abc import Mapping

import django_tables2 as tables
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.elements import badges
from console.elements.badges import Badge
from console.elements.url_cache import address_of
from console.listing.tables.columns import NUMBER, TEXT, PickColumn, Table, TimeColumn, link, pick_box, plain
from orgs.models import Custodian, Matter, MatterEvent, PreservationPolicy, User


def _box(pk: int, name: str) -> SafeString:
    """Return the box that chooses a user."""
    return pick_box("user", pk, gettext("Choose %(name)s") % {"name": name})


def _owner(org: object) -> str:
    return str(org) if org is not None else gettext("All orgs")


# What only the part to which a matter belongs may read.
_OF_ITS_ORG = ("org", "notes")


class MatterTable(Table):
    """Matters, open and closed."""

    fragment = "matter-list"
    state_column = "state"

    name = tables.Column(verbose_name=_("Name"))
    state = tables.Column(verbose_name=_("State"), accessor="open", order_by="closed_at")
    reference = tables.Column(verbose_name=_("Reference"), default="–")
    policy = tables.Column(verbose_name=_("Preservation policy"), default="–")
    org = tables.Column(verbose_name=_("Belongs to"), order_by="known_org", empty_values=())
    custodians = tables.Column(verbose_name=_("Custodians"), accessor="custodian_count", attrs=NUMBER)
    opened_at = TimeColumn(verbose_name=_("Opened"))
    closed_at = TimeColumn(verbose_name=_("Closed"), default="–")

    class Meta:
        empty_text = _("There are no legal holds. A matter keeps its custodians' data whatever a sync decides.")

    def render_name(self, record: Matter) -> SafeString:
        return link(address_of("legal_holds:detail", record.pk), record.name)

    def render_state(self, record: Matter) -> Badge:
        return badges.OPEN if record.open else badges.CLOSED

    def render_org(self, record: Matter) -> str:
        hidden = record.org_id is not None and record.known_org is None  # type: ignore[attr-defined]  # annotated
        return gettext("An org outside your part") if hidden else _owner(record.org)


class CustodianTable(Table):
    """The present and former custodians of a matter."""

    fragment = "custodian-list"
    main_column = "user"
    state_column = "states"

    user = tables.Column(verbose_name=_("User"), accessor="user__username", order_by="user__username_key")
    name = tables.Column(verbose_name=_("Name"), accessor="user__full_name", orderable=False)
    org = tables.Column(verbose_name=_("Org"), accessor="user__org__name", order_by="user__org__name_key")
    states = tables.Column(verbose_name=_("State"), empty_values=(), orderable=False)
    added_at = TimeColumn(verbose_name=_("Added"))
    released_at = TimeColumn(verbose_name=_("Released"), default=_("still held"))

    class Meta:
        empty_text = _("This matter holds nobody.")

    def render_user(self, record: Custodian) -> SafeString:
        return link(address_of("users:detail", record.user_id), record.user.username)

    def render_states(self, record: Custodian) -> SafeString:
        return badges.side_by_side(badges.user_states(record.user))


class ReleaseTable(CustodianTable):
    """The custodians of a matter, with boxes that choose whom to release."""

    pick = PickColumn()

    class Meta(CustodianTable.Meta):
        sequence = ("pick", "...")

    def render_pick(self, record: Custodian) -> SafeString | str:
        return _box(record.user_id, record.user.username) if record.released_at is None else ""


class FoundUserTable(Table):
    """Users who are found by a search, with boxes that choose whom to put on hold."""

    fragment = "found-users"
    main_column = "username"
    state_column = "states"

    pick = PickColumn()
    username = tables.Column(verbose_name=_("Username"), order_by="username_key")
    name = tables.Column(verbose_name=_("Name"), accessor="full_name", order_by=("last_name", "first_name"))
    email = tables.Column(verbose_name=_("Email"), default="–")
    org = tables.Column(verbose_name=_("Org"), accessor="org__name", order_by="org__name_key")
    states = tables.Column(verbose_name=_("State"), empty_values=(), orderable=False)

    class Meta:
        empty_text = _("There is no user whom this matter does not hold already.")

    def render_pick(self, record: User) -> SafeString:
        return _box(record.pk, record.username)

    def render_username(self, record: User) -> SafeString:
        return link(address_of("users:detail", record.pk), record.username)

    def render_states(self, record: User) -> SafeString:
        return badges.side_by_side(badges.user_states(record))


class MatterEventTable(Table):
    """The events of a matter, newest first."""

    fragment = "event-list"
    main_column = "kind"

    at = TimeColumn(verbose_name=_("When"))
    kind = tables.Column(verbose_name=_("Event"))
    user = tables.Column(verbose_name=_("User"), accessor="user__username", order_by="user__username_key", default="–")
    actor_label = tables.Column(verbose_name=_("Who"), default=_("not recorded"))
    details = plain(_("Details"), empty_values=(), attrs=TEXT)

    class Meta:
        empty_text = _("Nothing has happened yet.")

    def render_kind(self, record: MatterEvent) -> str:
        return str(record.get_kind_display())

    def render_user(self, record: MatterEvent) -> SafeString | str:
        return link(address_of("users:detail", record.user.pk), record.user.username) if record.user else "–"

    def render_actor_label(self, record: MatterEvent) -> str:
        if record.run_id is None:
            return record.actor_label
        return gettext("%(actor)s · run %(run)d") % {"actor": record.actor_label, "run": record.run_id}

    def render_details(self, record: MatterEvent) -> str:
        return details_in_words(record, self._brought_in) or "–"

    @cached_property
    def _brought_in(self) -> dict[int, int]:
        matters = {row.record.matter_id for row in self.paginated_rows}
        return MatterEvent.objects.filter(matter__in=matters).that_brought_in(self.request.user)


class PolicyTable(Table):
    """Preservation policies."""

    fragment = "policy-list"

    name = tables.Column(verbose_name=_("Name"))
    kept = tables.Column(verbose_name=_("What is kept"), default="–", orderable=False, attrs=TEXT)
    org = tables.Column(verbose_name=_("Belongs to"), order_by="org__name_key", empty_values=())
    matters = tables.Column(verbose_name=_("Matters"), accessor="matter_count", attrs=NUMBER)

    class Meta:
        empty_text = _("There are no preservation policies. A policy says in words what a matter keeps.")

    def render_name(self, record: PreservationPolicy) -> SafeString:
        return link(address_of("legal_holds:policy", record.pk), record.name)

    def render_org(self, record: PreservationPolicy) -> str:
        return _owner(record.org)


def details_in_words(event: MatterEvent, brought_in: Mapping[int, int]) -> str:
    """Return what an edit has changed, in words.

    ``brought_in`` has the event by which a matter came into the viewer's part: its orgs and notes until then are left out.
    """
    hidden = _OF_ITS_ORG if event.pk <= brought_in.get(event.matter_id, 0) else ()
    shown = {name: values for name, values in event.details.items() if name not in hidden}
    return "; ".join(f"{name}: {before or '–'} → {after or '–'}" for name, (before, after) in shown.items())
