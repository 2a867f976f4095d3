"""Prepares an act on many users: notes who was chosen, so that the preview and the work are about the same people."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction

from directory.input_errors import Refused
from directory.models import BulkAct, BulkActUser, BulkKind, BulkState, UserOutcome
from orgs.actions import locks
from orgs.models import User
from orgs.models.users import UserQuerySet
from orgs.rules.actors import Actor

# Acts of one person that wait for a confirmation; a further one takes the place of the oldest.
MOST_PREPARED = 5
# The act that undoes each act; the others are undone by hand, by the opposite act.
UNDONE_AS = {
    BulkKind.BLOCK: BulkKind.UNBLOCK,
    BulkKind.DEACTIVATE: BulkKind.REACTIVATE,
    BulkKind.MOVE: BulkKind.MOVE,
    BulkKind.ADD_ROLE: BulkKind.REMOVE_ROLE,
    BulkKind.REMOVE_ROLE: BulkKind.ADD_ROLE,
}


@transaction.atomic
def prepare(*, kind: BulkKind, users: UserQuerySet, filters: str = "", by: Actor, at: datetime) -> BulkAct:
    """Note these users, whom the acting person may see, for an act of this kind; nothing is done to them yet.

    ``filters`` is the query string by which the users were found, empty if each was chosen.

    Raises:
        Refused: when there is nobody.
    """
    return _prepared(BulkAct(kind=kind, filters=filters), users, by=by, at=at)


@transaction.atomic
def prepare_undo(*, act: BulkAct, by: Actor, at: datetime) -> BulkAct:
    """Note the users whom an act has changed, for an act that puts them back; nothing is done to them yet.

    Raises:
        Refused: when the act can't be undone.
    """
    if reason := why_not_undone(act):
        raise Refused(reason)
    changed = BulkActUser.objects.filter(bulk_act=act).changed()
    users: UserQuerySet = User.objects.filter(pk__in=changed.values("user"))
    person = User.objects.select_related("org").get(pk=by.user_id)
    undo = BulkAct(kind=UNDONE_AS[BulkKind(act.kind)], role=act.role, undo_of=act)
    return _prepared(undo, users.visible_to(person), by=by, at=at)


def why_not_undone(act: BulkAct) -> str:
    """Return why an act can't be undone; empty if it can."""
    if act.live or act.state == BulkState.PREPARED:
        return f"{act} is {act.get_state_display()}: wait for its end, or cancel it"
    if act.undo_of_id is not None:
        return "this act has undone another one: choose the users, and do it again"
    if act.kind not in UNDONE_AS:
        return f"“{act.get_kind_display()}” is not undone as a whole: choose the users, and do the opposite"
    if not act.done:
        return f"{act} has changed nobody"
    if act.kind in {BulkKind.ADD_ROLE, BulkKind.REMOVE_ROLE} and act.role_id is None:
        return "the role does not exist any more"
    return ""


def _prepared(act: BulkAct, users: UserQuerySet, *, by: Actor, at: datetime) -> BulkAct:
    own = BulkAct.objects.filter(started_by=by.user_id, state=BulkState.PREPARED).order_by("-pk")
    BulkAct.objects.filter(pk__in=list(own.values_list("pk", flat=True)[MOST_PREPARED - 1 :])).delete()
    act.started_by_id, act.started_by_label, act.created_at, act.total = by.user_id or 0, by.label, at, 0
    act.save()
    act.total = _note_users(act.pk, users)
    if not act.total:
        raise Refused("nobody is chosen: tick users in the list first")
    named = BulkActUser.objects.filter(bulk_act=act).order_by()
    locks.users_to_be_named(User.objects.filter(pk__in=named.values("user")), beside=[act.started_by_id])
    act.save(update_fields=["total"])
    return act


def _note_users(act_id: int, users: UserQuerySet) -> int:
    """Store who was chosen, with one statement; return how many."""
    quote = connection.ops.quote_name
    table = quote(BulkActUser._meta.db_table)
    ids = users.select_related(None).prefetch_related(None).order_by().values("id").distinct()
    try:
        chosen, parameters = ids.query.sql_with_params()
    except EmptyResultSet:
        # Django knows without asking that no row has one of no ids.
        return 0
    columns = ("bulk_act_id", "user_id", "outcome", "reason", "detail", "blocked_before")
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(map(quote, columns))}) "  # noqa: S608  # only names of columns are put in
            f"SELECT %s, chosen.id, %s, '', '', %s FROM ({chosen}) AS chosen ORDER BY chosen.id",
            [act_id, UserOutcome.WAITING.value, False, *parameters],
        )
        return int(cursor.rowcount)


def forget_expired(*, at: datetime) -> int:
    """Forget acts that nobody has confirmed in time; return how many."""
    expired = list(BulkAct.objects.never_confirmed(at=at).values_list("pk", flat=True))
    BulkAct.objects.filter(pk__in=expired, state=BulkState.PREPARED).delete()
    return len(expired)
