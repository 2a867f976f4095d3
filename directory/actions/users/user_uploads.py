"""Creates users from an uploaded CSV file: previews every row, mends rows in place, and carries out what was shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import BinaryIO

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction

from directory.actions.users import upload_outcomes
from directory.input_errors import Refused
from directory.models import FinishedUpload, LdapServer, Upload
from directory.provisioning import creation, person_values
from directory.provisioning.csv_files import csv_file, csv_header
from directory.provisioning.csv_files.csv_file import MOST_PASSWORDS, ON_THE_PAGE, Problem, Row
from directory.provisioning.decision_values import Decision
from directory.provisioning.upload_judgement import UploadRules, judge
from directory.provisioning.upload_rows import UploadContent, UploadRow, compared, packed, unpacked
from directory.sync.identify import known_ids
from orgs.models import CreatedBy, Org, Role, User
from orgs.models.encrypted_text import Undecryptable, decrypted
from orgs.rules.actors import Actor, person
from orgs.text import counted, fold


@dataclass(frozen=True, slots=True)
class UploadChoices:
    """What the uploader has asked for.

    Rows of people who are not in the directory of their org are refused unless ``create_unknown``; a file with unknown
    columns is refused unless ``ignore_unknown_columns``.
    """

    create_unknown: bool = False
    ignore_unknown_columns: bool = False


@dataclass(frozen=True, slots=True)
class Mend:
    """What a person has changed in one row.

    ``values`` are by column. An empty ``password`` keeps the one that is stored, ``no_password`` drops it. ``accepted`` says
    that the values are right although the row had another number of cells than the header.
    """

    values: Mapping[str, str]
    password: str = field(default="", repr=False)
    no_password: bool = False
    accepted: bool = False
    left_out: bool = False


def preview(
    *,
    file: BinaryIO,
    file_name: str,
    org: Org,
    within: Sequence[Org],
    user: User,
    at: datetime,
    choices: UploadChoices | None = None,
) -> Upload:
    """Store what would become of every row, in place of the user's earlier upload; write nothing else.

    Rows without an org go to ``org``; ``within`` are the orgs in which the uploader may create users.

    Raises:
        BadCsv: when the file as a whole is wrong; wrong rows are in the preview.
        DirectoryUnavailable: when a directory that has to be searched can't be.
        SandboxBroken: when the scripts can't be run.
    """
    choices = choices or UploadChoices()
    people = csv_file.read_open(file, size=ON_THE_PAGE, ignore_unknown=choices.ignore_unknown_columns)
    rows = [UploadRow(replace(row, password=""), hashed_password=_hashed(row)) for row in people.rows]
    rules = _rules(org, within, user, at, create_unknown=choices.create_unknown)
    content = UploadContent(tuple(judge(rows, rules)), people.notes, choices.create_unknown, people.warnings)
    with transaction.atomic():
        forget_expired(at=at)
        Upload.objects.filter(user=user).delete()
        return _store(content, user=user, org=org, file_name=_one_line(file_name)[:255], uploaded_at=at)


def _hashed(row: Row) -> str:
    """Return the hash of a row's password; a password that is refused is not kept."""
    wrong = any(problem.column == "password" for problem in row.lasting)
    return make_password(row.password) if row.password and not wrong else ""


def _rules(org: Org, within: Sequence[Org], user: User, at: datetime, *, create_unknown: bool) -> UploadRules:
    can_mail = bool(settings.EMAIL_HOST)
    return UploadRules(org, within, person(user), at, create_unknown=create_unknown, can_mail=can_mail)


def _store(content: UploadContent, *, user: User, org: Org, file_name: str, uploaded_at: datetime) -> Upload:
    wanted = sum(each.becomes_user for each in content.rows)
    return Upload.objects.create(
        user=user,
        org=org,
        file_name=file_name,
        uploaded_at=uploaded_at,
        wanted=wanted,
        refused=len(content.rows) - wanted,
        decisions=packed(content),
    )


def _one_line(name: str) -> str:
    return "".join(sign for sign in name if sign.isprintable()) or "users.csv"


def content_of(upload: Upload) -> UploadContent:
    """Return every row with what was decided.

    Raises:
        Refused: when it can't be read any more.
    """
    try:
        content = unpacked(decrypted(upload.decisions))
    except Undecryptable as error:
        raise Refused("the preview can't be read any more: upload the file again") from error
    if content is None:
        raise Refused("the preview is of an earlier version of Rollcall: upload the file again")
    return content


def mend(
    *,
    user: User,
    upload_id: int,
    within: Sequence[Org],
    mends: Mapping[int, Mend],
    put_back: bool = False,
    create_unknown: bool | None = None,
    at: datetime,
) -> Upload:
    """Change rows of the waiting upload (by line), judge all rows again, and store that as its new preview.

    ``put_back`` takes back all rows that were left out. ``create_unknown`` is as in ``preview``, None to leave it as it is.
    The new preview has a new number, so that a page with the former one creates nobody; it expires when the former would have.

    Raises:
        Refused: when the upload has expired or been replaced, or too many rows have a password.
        DirectoryUnavailable: when a directory that has to be searched can't be.
        SandboxBroken: when the scripts can't be run.
    """
    upload = _waiting(user, upload_id, at)
    before = content_of(upload)
    unknown = before.create_unknown if create_unknown is None else create_unknown
    # Count before hashing, which takes long.
    if sum(_has_password(each, mends.get(each.row.line)) for each in before.rows) > MOST_PASSWORDS:
        raise Refused(f"more than {MOST_PASSWORDS} rows have a password: set the others later")
    rows = [_mended(each, mends.get(each.row.line), put_back=put_back) for each in before.rows]
    judged = judge(rows, _rules(upload.org, within, user, at, create_unknown=unknown))
    return _replace(upload, UploadContent(tuple(judged), before.notes, unknown, before.warnings), user=user, at=at)


def _has_password(each: UploadRow, change: Mend | None) -> bool:
    if change is None:
        return bool(each.hashed_password)
    return not change.no_password and bool(change.password or each.hashed_password)


def _mended(each: UploadRow, change: Mend | None, *, put_back: bool) -> UploadRow:
    if change is None:
        return replace(each, left_out=each.left_out and not put_back)
    row = each.row
    lasting = [problem for problem in row.lasting if problem.column == "password" or not change.accepted]
    hashed = each.hashed_password
    if change.password or change.no_password:
        lasting = [problem for problem in lasting if problem.column != "password"]
        wrong = person_values.problem("password", change.password) if not change.no_password else None
        lasting += [Problem("password", wrong)] if wrong else []
        hashed = make_password(change.password) if not wrong and not change.no_password else ""
    values = {
        name: change.values.get(name, getattr(row, name)).strip() for name in csv_header.COLUMNS if name != "password"
    }
    row = replace(row, **values, lasting=tuple(lasting))
    return replace(each, row=row, hashed_password=hashed, left_out=change.left_out)


def _waiting(user: User, upload_id: int, at: datetime) -> Upload:
    upload = Upload.objects.waiting_for(user, at=at).filter(pk=upload_id).select_related("org").first()
    if upload is None:
        raise Refused(
            "this preview has expired, or another one has taken its place: look at it, or upload the file again"
        )
    return upload


@transaction.atomic
def _replace(upload: Upload, content: UploadContent, *, user: User, at: datetime) -> Upload:
    """Store a preview in place of this one, if it still waits."""
    locked = Upload.objects.select_for_update().waiting_for(user, at=at).filter(pk=upload.pk).first()
    if locked is None:
        _waiting(user, 0, at)
    Upload.objects.filter(user=user).delete()
    return _store(content, user=user, org=upload.org, file_name=upload.file_name, uploaded_at=upload.uploaded_at)


def create(*, user: User, upload_id: int, within: Sequence[Org], by: Actor, at: datetime) -> FinishedUpload:
    """Create exactly the users whom the preview showed, all or none, after judging every row again.

    Raises:
        Refused: when the upload has expired or been replaced, or a row has changed since: then the preview shows it.
        DirectoryUnavailable: when a directory that has to be searched can't be.
        SandboxBroken: when the scripts can't be run.
    """
    upload = _waiting(user, upload_id, at)
    shown = content_of(upload)
    judged = judge(shown.rows, _rules(upload.org, within, user, at, create_unknown=shown.create_unknown))
    rows = [compared(before, now) for before, now in zip(shown.rows, judged, strict=True)]
    changed = [each for each in rows if each.changed]
    if changed:
        _replace(upload, replace(shown, rows=tuple(rows)), user=user, at=at)
        have = "has" if len(changed) == 1 else "have"
        raise Refused(f"{counted(len(changed), 'row', 'rows')} {have} changed since the preview: look at what is new")
    return _carry_out(upload, replace(shown, rows=tuple(rows)), within=within, by=by, at=at)


@transaction.atomic
def _carry_out(
    upload: Upload, content: UploadContent, *, within: Collection[Org], by: Actor, at: datetime
) -> FinishedUpload:
    locked = Upload.objects.select_for_update().filter(pk=upload.pk).first()
    if locked is None:
        raise Refused("another preview has taken the place of this one: look at it")
    if not content.created:
        raise Refused("no row of the file becomes a user")
    # Only who changed something in this very moment comes so far: the rows were judged just now.
    if changed := _changed(content.created, within):
        raise Refused(f"{changed} since the preview: look at it again")
    made = creation.carry_out(content.created, created_by=CreatedBy.CSV, by=by, at=at)
    locked.delete()
    return upload_outcomes.keep(upload=upload, content=content, made=made, within=within, by=by, at=at)


def _changed(accepted: Sequence[Decision], within: Collection[Org]) -> str:
    """Return what has changed since the decisions were made; empty for nothing."""
    mine = {org.pk: org.name_key for org in within}
    names = set(mine.values())
    everywhere = set(Org.objects.active().values_list("name_key", flat=True))
    made: set[str] = set()
    for decision in accepted:
        if decision.start not in mine:
            return "the orgs whose users you administer have changed"
        if not decision.way and fold(decision.org) != mine[decision.start]:
            return f"the org {decision.org} has changed"
        made |= {fold(name) for name in decision.makes}
        for name in map(fold, decision.way):
            if (name in made and name in everywhere) or (name not in made and name not in names):
                return f"the org {decision.org} has changed"
    if {role for decision in accepted for role in decision.roles} - set(Role.objects.values_list("pk", flat=True)):
        return "the roles have changed"
    return _changed_matches(accepted)


def _changed_matches(accepted: Sequence[Decision]) -> str:
    matches = [decision.match for decision in accepted if decision.match is not None]
    if {server for server, _, _ in matches} - set(LdapServer.objects.values_list("pk", flat=True)):
        return "the LDAP servers have changed"
    by_server: dict[int, set[str]] = {}
    for server, _, ids in matches:
        by_server.setdefault(server, set()).update(ids)
    for server, ids_there in by_server.items():
        if taken := known_ids.usernames(ids_there, server_id=server):
            return f"the user {min(taken.values())} has become one of these people"
    return ""


def forget_expired(*, at: datetime) -> None:
    """Delete expired uploads: they hold people's names."""
    Upload.objects.expired(at=at).delete()


def discard(*, user: User) -> None:
    """Delete the user's upload."""
    Upload.objects.filter(user=user).delete()
