"""Finds the users whom a page may change, and how the pages that ask before an act show one."""

from __future__ import annotations

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from console.presenters.users.user_acts import USER_ACTS
from console.security.access import ConsoleRequest
from console.views.act_questions import SubjectKind
from orgs.models import User
from orgs.models.users import UserQuerySet
from orgs.permissions import Permission


def managed_user(request: ConsoleRequest, pk: int) -> User:
    """Return a user whom the viewer may see and change; for all others the page is not there."""
    users: UserQuerySet = User.objects.visible_to(request.user).managed_by(request.user)
    found: User = get_object_or_404(users.with_hold().select_related("org"), pk=pk)
    return found


def only(user: User) -> UserQuerySet:
    """Return the query of this one user, whose effects are counted as those of many."""
    found: UserQuerySet = User.objects.filter(pk=user.pk)
    return found


# In templates the user of a page is the "subject": "user" is the viewer there.
USER = SubjectKind(
    key="user",
    ids="user_ids",
    in_templates="subject",
    area="users",
    plural=_("Users"),
    acts=USER_ACTS,
    permission=Permission.USER,
    find=managed_user,
    name=lambda user: user.username,
    who="users/_who.html",
    back=_("Back to the user"),
    changed=_("This does not fit the state that the user is in by now."),
)
