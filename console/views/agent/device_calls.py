"""What a registered device asks and says: whether it may back up, for a new archive, how a backup or a restore ended."""

from __future__ import annotations

import re
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from console.http.agent_requests import AgentRefusal, agent_address, bearer_of, body_of, number_of, text_of
from console.security import security_log
from console.security.devices import unknown_tokens
from orgs.actions.backups import backup_reports, new_archives
from orgs.actions.backups.backup_reports import MOST_AN_HOUR, ReportedBackup
from orgs.actions.errors import Refused
from orgs.actions.restores import requested_restores
from orgs.backups import gate
from orgs.backups.gate import BackupState
from orgs.models import Device, KeyHolder, RestoreJob, RestoreState
from orgs.models.backups.backup_reports import LONGEST_MESSAGE
from orgs.rules.actors import Actor

ASK_AGAIN_SECONDS = 30
# PostgreSQL's largest numbers of these columns.
_MOST_BYTES, _MOST_SECONDS, _MOST_EXIT_CODE = 2**63 - 1, 2**31 - 1, 255
# How many requested restores one answer has.
_MOST_JOBS = 5
_ENDS = frozenset({RestoreState.DONE.value, RestoreState.FAILED.value})
_DETAILS = (
    "name",
    "user__username",
    "user__org__name",
    "last_connected",
    "token__used_at",
    "archives__repository__key_holder",
    gate.RESTORE_WAITS,
)
# How a program names itself in the header User-Agent.
_PROGRAM = re.compile(r"rollcall-agent/([0-9A-Za-z.+-]{1,32})(?:\s|$)")


@agent_address("GET")
def me(request: HttpRequest) -> HttpResponse:
    """Say whether this device may back up and restore, and why not; one query, as each device asks every 30 seconds."""
    at = timezone.now()
    state, details = gate.with_details(bearer_of(request), *_DETAILS)
    if state is None:
        raise _unknown(request)
    version = _PROGRAM.match(request.headers.get("User-Agent", ""))
    backup_reports.connected(
        device_id=state.device_id,
        last=details["last_connected"],
        used=details["token__used_at"],
        app_version=version[1] if version else "",
        at=at,
    )
    refusal = gate.refusal(state)
    return JsonResponse(
        {
            "allowed": refusal is None,
            "code": "" if refusal is None else refusal.code,
            "message": "" if refusal is None else str(refusal.sentence),
            "retry_after": 0 if refusal is None else refusal.retry_after,
            "on_hold": state.on_hold,
            "device": details["name"],
            "guid": state.guid,
            "user": details["user__username"],
            "org": details["user__org__name"],
            "ask_again_seconds": ASK_AGAIN_SECONDS,
            "key_holder": details["archives__repository__key_holder"] or KeyHolder.ROLLCALL,
            "jobs": _jobs(state, at) if refusal is None and details[gate.RESTORE_WAITS] else [],
        }
    )


def _jobs(state: BackupState, at: datetime) -> list[dict[str, Any]]:
    """Return the restores that this device is to do, a few at a time; without a target each goes into a folder of its own."""
    jobs = RestoreJob.objects.filter(device=state.device_id).to_be_done(at=at)[:_MOST_JOBS]
    return [
        {"id": job.pk, "snapshot": job.snapshot, "paths": job.paths, "target": "", "by": job.requested_by}
        for job in jobs
    ]


@agent_address("POST")
def restore_ended(request: HttpRequest, pk: int) -> HttpResponse:
    """Take how a requested restore ended, also from a device that may not restore any more."""
    state, at = _device(request), timezone.now()
    body = body_of(request)
    ended = text_of(body, "state", most=16)
    if ended not in _ENDS:
        raise AgentRefusal(
            400, "bad-request", _("This field is none of done and failed: %(name)s.") % {"name": "state"}
        )
    is_known = requested_restores.report(
        device_id=state.device_id,
        job_id=pk,
        state=RestoreState(ended),
        message=_message(body),
        by=_device_as_actor(state),
        at=at,
    )
    if not is_known:
        raise AgentRefusal(404, "no-job", _("This restore was not requested from this device."))
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


@agent_address("POST")
def archive(request: HttpRequest) -> HttpResponse:
    """Begin a new archive for a device whose archive was purged; return the password of its repository."""
    state = _device(request)
    reason = gate.refusal(state)
    if reason is not gate.NO_ARCHIVE:
        if reason is None:
            raise AgentRefusal(409, "refused", _("This device has an archive already."))
        raise AgentRefusal(reason.status, reason.code, str(reason.sentence), retry_after=reason.retry_after)
    if (
        new_archives.of_org(Device.objects.values_list("user__org", flat=True).get(pk=state.device_id))
        == KeyHolder.USER
    ):
        # The person has to see the new password; a backup by schedule has nobody who reads.
        sentence = _("A new archive begins, with a key that only you hold. Run: rollcall-agent register --again")
        raise AgentRefusal(409, "user-held-key", sentence)
    try:
        password = new_archives.begin(device_id=state.device_id, by=_device_as_actor(state), at=timezone.now())
    except Refused as refused:
        raise AgentRefusal(409, "refused", f"{capfirst(str(refused))}.") from refused
    return JsonResponse({"repository_password": password})


@agent_address("POST")
def report(request: HttpRequest) -> HttpResponse:
    """Take the report of a backup, also from a device that may not back up any more."""
    state, at = _device(request), timezone.now()
    given = _report(request)
    try:
        backup_reports.keep(device_id=state.device_id, report=given, at=at)
    except Refused as reason:
        security_log.note("report refused", request, device=state.guid, reason=reason)
        sentence = _("This device has sent %(number)d reports within an hour. Try again later.")
        raise AgentRefusal(429, "too-many-tries", sentence % {"number": MOST_AN_HOUR}, retry_after=3600) from reason
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def _report(request: HttpRequest) -> ReportedBackup:
    body = body_of(request)
    return ReportedBackup(
        exit_code=number_of(body, "exit_code", most=_MOST_EXIT_CODE, needed=True),
        message=_message(body),
        files=number_of(body, "files", most=_MOST_BYTES),
        read_bytes=number_of(body, "read_bytes", most=_MOST_BYTES),
        new_bytes=number_of(body, "new_bytes", most=_MOST_BYTES),
        seconds=number_of(body, "seconds", most=_MOST_SECONDS),
        snapshot=text_of(body, "snapshot", most=64, needed=False),
    )


def _message(body: dict[str, Any]) -> str:
    """Return the message with line ends, but without other characters that can't be shown or stored; a long one is cut."""
    message = body.get("message", "")
    if not isinstance(message, str):
        raise AgentRefusal(400, "bad-request", _("This field is no text, or too long: %(name)s.") % {"name": "message"})
    return "".join(sign for sign in message if sign in "\n\t" or sign.isprintable())[:LONGEST_MESSAGE]


def _device(request: HttpRequest) -> BackupState:
    state = gate.of_token(bearer_of(request))
    if state is None:
        raise _unknown(request)
    return state


def _unknown(request: HttpRequest) -> AgentRefusal:
    unknown_tokens.note(request, at=timezone.now())
    return AgentRefusal(gate.UNKNOWN.status, gate.UNKNOWN.code, str(gate.UNKNOWN.sentence))


def _device_as_actor(state: BackupState) -> Actor:
    """Return the device as the author: its user signed in on it once, and is not there now."""
    return Actor(label=f"device {state.guid}")
