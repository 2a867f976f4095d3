"""The page that moves a user to another org: choose the org, see the effects, move."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from console.forms.user_acts import MoveForm
from console.http.page_requests import render_page
from console.presenters.user_effects.move_effects import moving
from console.presenters.users.user_acts import UserAct
from console.security.access import ConsoleRequest, require
from console.views.act_questions import Question
from console.views.users.user_access import USER, managed_user, only
from directory.actions.users import org_moves_by_hand
from orgs.models import Org, User
from orgs.permissions import Permission


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.USER)
def move(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Let the viewer choose an org; then show the effects of the move and ask; then move the user."""
    user = managed_user(request, pk)
    orgs = Org.objects.with_users_managed_by(request.user).exclude(pk=user.org_id)
    given = request.POST if request.method == "POST" else request.GET
    form = MoveForm(given if "org" in given else None, orgs=orgs)
    if not form.is_valid():
        context = {"subject": user, "form": form, "kind": USER.acts.kinds[UserAct.MOVE]}
        return render_page(request, "users/move.html", context)
    target = form.cleaned_data["org"]
    return USER.ask(request, user, UserAct.MOVE, lambda: _question(user, target))


def _question(user: User, target: Org) -> Question:
    names = {"user": user.username, "org": target.name}
    return Question(
        title=_("Move %(user)s to %(org)s?") % names,
        button=_("Move"),
        effects=moving(only(user), target),
        action=lambda by, at: org_moves_by_hand.move(user_ids=[user.pk], org=target, by=by, at=at),
        done=lambda _moved: _("%(user)s is in %(org)s now.") % names,
        undo=_("To undo it, move the user back. Devices that have to sign in again do so once."),
        given=[("org", target.pk)],
    )
