"""The page of users who were last found on an LDAP server that their org does not use; it can declare them gone."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from console.http.page_requests import render_page
from console.security.access import ConsoleRequest, author, confirmed, require
from directory import found_elsewhere
from directory.actions.users import noted_matches
from directory.found_elsewhere import FoundOnServer
from directory.input_errors import Refused
from orgs.permissions import Permission

# The maximum of users listed by name for each server; a decision about all of them needs no list.
LISTED = 500


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.ADMIN)
@confirmed
def people(request: ConsoleRequest) -> HttpResponse:
    """Show these users by server, and store the decision that they are gone."""
    groups = found_elsewhere.groups()
    if request.method == "POST":
        _decide(request, groups)
        return redirect("ldap_servers:found-elsewhere")
    listed = [{"group": group, "people": [match.user for match in group.matches()[:LISTED]]} for group in groups]
    return render_page(request, "ldap_servers/found_elsewhere.html", {"listed": listed, "most": LISTED})


def _decide(request: ConsoleRequest, groups: list[FoundOnServer]) -> None:
    key = (request.POST.get("server", ""), request.POST.get("name", ""))
    group = next((each for each in groups if (str(each.server_id or ""), each.name) == key), None)
    ticked = {int(pk) for pk in request.POST.getlist("user") if pk.isdecimal() and len(pk) < 19}
    chosen = None if request.POST.get("all") else ticked
    try:
        if group is None:
            raise Refused("nobody was last found there any more")
        if chosen is not None and not chosen:
            raise Refused("nobody is ticked: tick those who are gone from there first")
        # Only users who were on the page: nobody has decided about users who came to be found elsewhere later.
        if chosen is None and request.POST["all"] != str(group.count):
            raise Refused("others were last found there by now: look at them first")
        count = noted_matches.give_up(server=group, user_ids=chosen, by=author(request), at=timezone.now())
    except Refused as reason:
        messages.error(request, f"{capfirst(str(reason))}.")
        return
    sentence = ngettext(
        "%(count)d user counts as gone from %(name)s. The next sync deactivates those whom no server of their org has.",
        "%(count)d users count as gone from %(name)s. The next sync deactivates those whom no server of their org has.",
        count,
    )
    messages.success(request, sentence % {"count": count, "name": group.name})
