"""Self-service: people register the computer that they sit at, or put it in place of an older one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from console.http.agent_requests import AgentRefusal, agent_address, body_of, secret_of, text_of
from console.security import security_log
from console.security.devices import second_factor, sign_in
from console.security.devices.registration_keys import org_of_key
from console.security.devices.sign_in import Proven
from directory.actions.self_service import accounts
from directory.actions.self_service.accounts import NotMade
from orgs.actions import device_registration
from orgs.actions.backups import new_archives
from orgs.actions.backups.tokens import SignedInDevice
from orgs.actions.device_registration import Computer
from orgs.actions.errors import Refused
from orgs.models import CreatedBy, Device, Org, Repository, User
from orgs.models.encrypted_text import Undecryptable
from orgs.rules.actors import person

GUID_LENGTH = 18
_STATUS = {accounts.AWAY: 503, accounts.BUSY: 503}
_RETRY_SECONDS = 60


@agent_address("POST")
def register(request: HttpRequest) -> HttpResponse:
    """Register this computer for whoever gives username and password; a person of the directory becomes a user first."""
    body, at = body_of(request), timezone.now()
    computer, guid = computer_of(body), text_of(body, "guid", most=GUID_LENGTH, needed=False)
    username, key = text_of(body, "username"), text_of(body, "key", most=64)
    org = org_of_key(request, key)
    proven = _proven(request, username, body, org, at)
    user = proven.user or _new_user(request, username, org, proven, at)
    factor = _second_factor(request, body, user, at)
    with refusals(request, user.username), transaction.atomic():
        made = device_registration.register(user_id=user.pk, computer=computer, guid=guid, by=person(user), at=at)
        sign_in.note_signed_in(request, user, proven=proven, second_factor=factor, at=at)
    return registered(made.device, user, new_user=proven.user is None, new_device=made.is_new)


@agent_address("POST")
def devices(request: HttpRequest) -> HttpResponse:
    """Return the active devices of whoever gives username and password, and a proof of the second factor for ``replace``."""
    body, at = body_of(request), timezone.now()
    username, key = text_of(body, "username"), text_of(body, "key", most=64, needed=False)
    user = _known(_proven(request, username, body, org_of_key(request, key) if key else None, at))
    factor = _second_factor(request, body, user, at)
    own: QuerySet[Any] = Device.objects.filter(user=user, active=True, blocked=False).with_stored_bytes()
    rows = [
        {
            "guid": each.guid,
            "name": each.name,
            "os": each.os,
            "last_connected": each.last_connected.isoformat() if each.last_connected else None,
            "bytes": each.stored_bytes,
        }
        for each in own.order_by("name", "pk")
    ]
    proof = "" if factor == second_factor.NO_FACTOR else second_factor.proof_of(user)
    return JsonResponse({"devices": rows, "proof": proof})


@agent_address("POST")
def replace(request: HttpRequest) -> HttpResponse:
    """Put this computer in place of an active device of whoever gives username and password."""
    body, at = body_of(request), timezone.now()
    computer, guid = computer_of(body), text_of(body, "guid", most=GUID_LENGTH)
    proven = _proven(request, text_of(body, "username"), body, None, at)
    user = _known(proven)
    factor = _second_factor(request, body, user, at)
    with refusals(request, user.username), transaction.atomic():
        device = device_registration.replace(user_id=user.pk, guid=guid, computer=computer, by=person(user), at=at)
        sign_in.note_signed_in(request, user, proven=proven, second_factor=factor, at=at)
    return registered(device, user, new_user=False, new_device=False)


def computer_of(body: dict[str, Any]) -> Computer:
    """Return what a request says about the computer."""
    return Computer(
        name=text_of(body, "name"),
        os=text_of(body, "os", most=64, needed=False),
        app_version=text_of(body, "agent_version", most=32, needed=False),
    )


def registered(device: SignedInDevice, user: User, *, new_user: bool, new_device: bool) -> HttpResponse:
    """Return the answer with everything that the computer needs from now on."""
    repository = Repository.objects.filter(archive__device=device.device_id).latest("archive")
    return JsonResponse(
        {
            "guid": device.guid,
            "device": Device.objects.values_list("name", flat=True).get(pk=device.device_id),
            "token": device.token,
            "repository_password": device.password,
            "key_holder": repository.key_holder,
            "archive_is_empty": new_archives.is_empty(device.device_id),
            "store": settings.STORE_ADDRESS,
            "org": user.org.name,
            "user": user.username,
            "new_user": new_user,
            "new_device": new_device,
        }
    )


@contextmanager
def refusals(request: HttpRequest, username: str) -> Iterator[None]:
    """Turn what an action refuses in the block into the answer of a program, and log it.

    Raises:
        AgentRefusal: with the reason.
    """
    try:
        yield
    except Refused as reason:
        security_log.note("device refused", request, user=username, reason=reason)
        raise AgentRefusal(403, "refused", f"{capfirst(str(reason))}.") from reason
    except Undecryptable as error:
        security_log.note("device refused", request, user=username, reason=error)
        sentence = _("The server can not read the password of this archive. Ask your administrator.")
        raise AgentRefusal(503, "refused", sentence) from error
    except NotMade as problem:
        security_log.note("account refused", request, user=username, code=problem.code, reason=problem.reason)
        status = _STATUS.get(problem.code, 403)
        retry_after = _RETRY_SECONDS if status == 503 else 0
        raise AgentRefusal(status, problem.code, problem.sentence, retry_after=retry_after) from problem


def _proven(request: HttpRequest, username: str, body: dict[str, Any], org: Org | None, at: datetime) -> Proven:
    password = secret_of(body, "password")
    return sign_in.proven_by_password(request, username=username, password=password, org=org, at=at)


def _known(proven: Proven) -> User:
    # Without a key nobody but a user is let in.
    if proven.user is None:
        raise AgentRefusal(403, "no-account", _("You have no account yet: register this computer first."))
    return proven.user


def _new_user(request: HttpRequest, username: str, org: Org, proven: Proven, at: datetime) -> User:
    way = CreatedBy.SELF_SERVICE
    with refusals(request, username):
        decision = accounts.decided(username=username, org=org, way=way, at=at, proof=proven.by_directory)
        return accounts.make(decision, way=way, at=at)


def _second_factor(request: HttpRequest, body: dict[str, Any], user: User, at: datetime) -> str:
    code = text_of(body, "code", most=32, needed=False).replace(" ", "")
    proof = text_of(body, "proof", most=500, needed=False)
    return second_factor.shown(request, user, code=code, proof=proof, at=at)
