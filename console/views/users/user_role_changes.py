"""The page that adds roles to a user and removes roles: tick roles, see the effects, save."""

from __future__ import annotations

from collections.abc import Collection

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from console.forms.user_acts import RoleChangesForm
from console.http.page_requests import render_page
from console.presenters.user_effects.role_effects import changing_roles
from console.presenters.users.role_choices import RoleChoice, role_choices
from console.presenters.users.user_acts import UserAct
from console.security.access import ConsoleRequest, confirmed, require
from console.views.act_questions import Question
from console.views.users.user_access import USER, managed_user, only
from orgs.actions.users import role_grants
from orgs.models import Role, User
from orgs.permissions import Permission


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.USER)
@confirmed
def change_roles(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Let the viewer tick roles; then show the effects of the changes and ask; then add and remove the roles.

    Ticked roles (``role``) are compared with those that the user holds now. What is confirmed names the roles to add and
    to remove, so that a change that somebody else makes meanwhile stays.
    """
    user = managed_user(request, pk)
    choices = role_choices(user, request.user)
    allowed = [choice.role.pk for choice in choices if not choice.missing]
    if request.method == "POST":
        form = RoleChangesForm(request.POST, allowed=allowed)
    else:
        form = RoleChangesForm(_wanted(request, choices), allowed=allowed)
    if not form.is_valid() or not any(form.cleaned_data.values()):
        context = {
            "subject": user,
            "choices": choices,
            "form": form,
            "kind": USER.acts.kinds[UserAct.CHANGE_ROLES],
            "unchanged": "ticked" in request.GET,
        }
        return render_page(request, "users/change_roles.html", context)
    added, removed = form.cleaned_data["added"], form.cleaned_data["removed"]
    return USER.ask(request, user, UserAct.CHANGE_ROLES, lambda: _question(user, added, removed))


def _wanted(request: ConsoleRequest, choices: Collection[RoleChoice]) -> dict[str, list[int]]:
    """Return the roles to add and to remove for the ticked ones; roles that the viewer can't choose stay as they are."""
    if "ticked" not in request.GET:
        return {}
    ticked = set(request.GET.getlist("role"))
    free = [choice for choice in choices if not choice.missing]
    return {
        "added": [choice.role.pk for choice in free if not choice.is_chosen and str(choice.role.pk) in ticked],
        "removed": [choice.role.pk for choice in free if choice.is_chosen and str(choice.role.pk) not in ticked],
    }


def _question(user: User, added: Collection[Role], removed: Collection[Role]) -> Question:
    names = {"user": user.username}
    added_ids, removed_ids = ([role.pk for role in roles] for roles in (added, removed))
    given = [("added", pk) for pk in added_ids] + [("removed", pk) for pk in removed_ids]
    return Question(
        title=_("Change the roles of %(user)s?") % names,
        button=_("Change the roles"),
        effects=changing_roles(only(user), added=added, removed=removed),
        action=lambda by, at: role_grants.change_roles(
            user_ids=[user.pk], added=added_ids, removed=removed_ids, by=by, at=at
        ),
        done=lambda _changed: _("The roles of %(user)s are changed.") % names,
        undo=_("To undo it, change the roles back."),
        given=given,
    )
