"""I11: nobody got more permissions from a person than this person held, or a local password past the directory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db.models import Max, Q

from orgs.models import AuditEntry, Role
from orgs.permissions import PERSONAL, holds
from orgs.rules.inheritance import effective_settings
from orgs.rules.local_sign_in import with_a_closed_password

# Each of these may change whether the directory decides about a user.
DECIDES_ANEW = Q(action__in=["user moved", "managed locally", "managed by the directory"])
GIVES_A_PASSWORD = Q(action="password set") | Q(("after__password", "set"), action="user created")


def granted_by_who_holds_them(_at: datetime) -> Iterator[str]:
    """Roles that a person gave to a user hold only permissions that this person held at that moment."""
    powers = {name: frozenset(permissions) for name, permissions in Role.objects.values_list("name", "permissions")}
    # The permissions of a role before it was last saved are not stored.
    saved = dict(AuditEntry.objects.filter(object_type="role").values_list("object_label").annotate(Max("pk")))
    roles_of_users: dict[int, list[str]] = {}
    rows = AuditEntry.objects.filter(object_type="user", after__has_key="roles").order_by("pk")
    columns = ("pk", "actor", "run_id", "object_id", "object_label", "before__roles", "after__roles")
    for pk, actor, run_id, user, label, before, after in rows.values_list(*columns).iterator(chunk_size=2000):
        concerned = {*(before or ()), *after, *roles_of_users.get(actor or 0, ())}
        if (
            actor in roles_of_users
            and run_id is None
            and all(name in powers and saved.get(name, 0) < pk for name in concerned)
        ):
            had, own = (_of(powers[name] for name in names) for names in (before or (), roles_of_users[actor]))
            new = (key for name in after for key in powers[name] - PERSONAL if not _holds(had, key))
            if more := sorted({key for key in new if not _holds(own, key)}):
                yield f"audit entry {pk}: user {actor} gave user {user} ({label}) more than they held: {', '.join(more)}"
        roles_of_users[user] = after


def _of(permissions: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*permissions)


def _holds(own: Iterable[str], key: str) -> bool:
    return holds(own, key) or holds(own, f"admin.all{key.removeprefix('admin.')}")


def passwords_past_the_directory(_at: datetime) -> Iterator[str]:
    """No user was given a local password while the directory decided about them."""
    suspects = with_a_closed_password().order_by("pk")
    trail = AuditEntry.objects.filter(object_type="user", object_id__in=suspects.values("pk")).order_by()
    given, anew = (
        dict(trail.filter(acts).values_list("object_id").annotate(Max("pk")))
        for acts in (GIVES_A_PASSWORD, DECIDES_ANEW)
    )
    services = AuditEntry.objects.filter(object_type="org", after__has_key="directory_service").order_by()
    switched = dict(services.values_list("object_id").annotate(Max("pk")))
    above = {org.id: org.lineage for org in effective_settings().values()}
    for user in suspects.iterator():
        when = given.get(user.pk)
        later = [anew.get(user.pk, 0), *(switched.get(pk, 0) for pk in above.get(user.org_id, ()))]
        if when is not None and max(later) < when:
            yield (
                f"user {user.pk} ({user.username}) was given a local password (audit entry {when}), "
                "while the directory decided about them"
            )
