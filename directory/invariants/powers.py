"""I11: nobody has got more from somebody else's act than that one held, nor a way in past the directory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from django.db.models import Exists, F, OuterRef, Q

from orgs.inheritance import effective_settings
from orgs.local_sign_in import with_a_closed_password
from orgs.models import AuditEntry, Org, Role, User
from orgs.permissions import Permission

# Who has had a local password for other reasons: it was theirs before the directory decided about them.
OF_BEFORE = ("user moved", "managed locally", "no longer managed locally", "password set")


def granted_by_who_holds_them(_at: datetime) -> Iterator[str]:
    """Roles that a person gave to a user hold nothing that this person did not hold just then."""
    powers = {name: frozenset(permissions) for name, permissions in Role.objects.values_list("name", "permissions")}
    # What a role held before it was edited nobody knows here.
    edited = dict(AuditEntry.objects.filter(object_type="role").order_by("pk").values_list("object_label", "pk"))
    held: dict[int, list[str]] = {}
    rows = AuditEntry.objects.filter(object_type="user", after__has_key="roles").order_by("pk")
    columns = ("pk", "actor", "run_id", "object_id", "object_label", "before", "after")
    for pk, actor, run_id, user, label, before, after in rows.values_list(*columns).iterator(chunk_size=2000):
        new = {name for name in set(after["roles"]) - set(before.get("roles", ())) if edited.get(name, 0) < pk}
        if actor is not None and run_id is None and actor in held:
            own = _permissions(held[actor], powers)
            more = sorted(name for name in new if not _covers(own, powers.get(name, frozenset())))
            if more and not any(edited.get(name, 0) > pk for name in held[actor]):
                yield f"audit entry {pk}: user {actor} gave user {user} ({label}) {', '.join(more)}, which holds more"
        held[user] = after["roles"]


def _permissions(roles: list[str], powers: Mapping[str, frozenset[str]]) -> frozenset[str]:
    return frozenset[str]().union(*(powers.get(name, frozenset()) for name in roles))


def _covers(own: frozenset[str], wanted: frozenset[str]) -> bool:
    return Permission.ADMIN in own or wanted <= own


def passwords_past_the_directory(_at: datetime) -> Iterator[str]:
    """Nobody has been given a local password while the directory decided about them."""
    trail = AuditEntry.objects.filter(object_type="user", object_id=OuterRef("pk"), action__in=OF_BEFORE)
    suspects = with_a_closed_password().exclude(Exists(trail)).select_related("org")
    switched = _switched()
    lineages = {org.id: org.lineage for org in effective_settings().values()}
    paths = dict(Org.objects.values_list("path", "pk"))
    for user in suspects.order_by("pk").iterator():
        above = [paths[path] for path in lineages.get(user.org_id, ()) if path in paths]
        if not any(switched.get(pk, user.date_joined) > user.date_joined for pk in above):
            yield f"user {user.pk} ({user.username}) has a local password, though the directory has decided about them from the start"


def _switched() -> dict[int, datetime]:
    rows = AuditEntry.objects.filter(object_type="org", after__has_key="directory_service").order_by("pk")
    return dict(rows.values_list("object_id", "at"))
