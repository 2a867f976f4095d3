"""Presents one act on many users to a viewer: only what concerns users whom they may see is counted and shown."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from console.elements import badges
from console.presenters.bulk_acts.act_kinds import BulkKindWords, words_of
from directory.actions.bulk import choosing
from directory.models import BulkAct, BulkActUser, BulkKind, BulkState, UserOutcome
from directory.models.bulk.bulk_acts import BulkActUserQuerySet
from orgs.models import Matter, Org, User
from orgs.permissions import Permission


@dataclass(frozen=True, slots=True)
class BulkTile:
    """One count of an act, in the form of the tiles of a run."""

    label: str | Promise
    count: int
    icon: str
    tone: str
    query: str


@dataclass(frozen=True, slots=True)
class BulkActPage:
    """The values on the page of an act; ``undo_problem`` is why it can't be undone, None if there is nothing to show."""

    words: BulkKindWords
    state: badges.Badge
    sentence: str
    tiles: list[BulkTile]
    done: int
    total: int
    undos: list[BulkAct]
    may_cancel: bool
    may_undo: bool
    undo_problem: str
    is_own: bool
    shows_all: bool


def visible_rows(act: BulkAct, viewer: User) -> BulkActUserQuerySet:
    """Return the rows of an act about users whom the viewer may see."""
    return BulkActUser.objects.filter(bulk_act=act).visible_to(viewer)


def act_page(act: BulkAct, viewer: User) -> BulkActPage:
    """Return the values on the page of an act."""
    counts = _counts(act, viewer)
    may_change = viewer.may(Permission.USER)
    is_own = act.started_by_id == viewer.pk
    problem = choosing.why_not_undone(act)
    ended = not act.live and act.state != BulkState.PREPARED
    undos = list(
        BulkAct.objects.visible_to(viewer).filter(undo_of=act).exclude(state=BulkState.PREPARED).order_by("pk")
    )
    return BulkActPage(
        words=words_of(act.kind),
        state=badges.bulk_state(act),
        sentence=_sentence(act, viewer),
        tiles=_tiles(act, counts),
        done=sum(count for outcome, count in counts.items() if outcome != UserOutcome.WAITING),
        total=sum(counts.values()),
        undos=undos,
        may_cancel=act.live and may_change and (is_own or viewer.may_everywhere(Permission.USER)),
        may_undo=ended and may_change and not problem,
        undo_problem=problem if ended and act.done else "",
        is_own=is_own,
        shows_all=viewer.may_everywhere(Permission.ALL_USER_READ),
    )


def _counts(act: BulkAct, viewer: User) -> dict[str, int]:
    counts = visible_rows(act, viewer).order_by().values_list("outcome").annotate(Count("pk"))
    return dict(counts)


def _tiles(act: BulkAct, counts: dict[str, int]) -> list[BulkTile]:
    tiles = []
    for outcome in UserOutcome:
        count, badge = counts.get(outcome, 0), badges.user_outcome(outcome)
        if not count and outcome not in {UserOutcome.DONE, UserOutcome.LEFT_OUT}:
            continue
        label = _("not reached") if outcome == UserOutcome.WAITING and not act.live else badge.text
        tiles.append(BulkTile(label, count, badge.icon, badge.tone, f"outcome={outcome.value.replace(' ', '+')}"))
    return tiles


def _sentence(act: BulkAct, viewer: User) -> str:
    """Return what is done, in one sentence; an org or a matter that the viewer may not see is not named."""
    hidden = _("one outside your part")
    if act.undo_of_id is not None and act.kind == BulkKind.MOVE:
        return _("Each user goes back to the org before.")
    match act.kind:
        case BulkKind.MOVE:
            org = Org.objects.visible_to(viewer).filter(pk=act.org_id or 0).first()
            return _("To the org %(org)s.") % {"org": org or hidden}
        case BulkKind.ADD_ROLE | BulkKind.REMOVE_ROLE:
            return _("The role %(role)s.") % {"role": act.role or _("that does not exist any more")}
        case BulkKind.HOLD:
            matter = Matter.objects.visible_to(viewer).filter(pk=act.matter_id or 0).first()
            return _("By the matter %(matter)s.") % {"matter": matter or hidden}
        case _:
            return ""
