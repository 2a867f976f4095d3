"""Creates users from an uploaded CSV file: stores a preview of every row first, and carries out exactly that later."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import BinaryIO

from django.db import transaction

from directory.input_errors import Refused
from directory.models import LdapServer, Upload
from directory.models.fields import Undecryptable, decrypted
from directory.provisioning import applicant_decisions, creation, csv_file
from directory.provisioning.applicants import Applicant
from directory.provisioning.creation import Created
from directory.provisioning.csv_file import ON_THE_PAGE, BadCsv, Row
from directory.provisioning.decision_values import Decision, packed, unpacked
from directory.sync.identify import known_ids
from orgs.actions.audit import Fact, note
from orgs.actions.users.user_profiles import Profile
from orgs.models import CreatedBy, Org, Role, User
from orgs.rules.actors import Actor, person
from orgs.text import fold


def preview(*, file: BinaryIO, file_name: str, org: Org, within: Sequence[Org], user: User, at: datetime) -> Upload:
    """Store what would become of every row, in place of the user's earlier upload; write nothing else.

    Rows without an org go to ``org``; ``within`` are the orgs in which the uploader may create users.

    Raises:
        BadCsv: when the file or any of its rows is wrong.
        DirectoryUnavailable: when a directory that has to be searched can't be.
        SandboxBroken: when the scripts can't be run.
    """
    rows = csv_file.read_open(file, size=ON_THE_PAGE)
    orgs = {each.name_key: each for each in within}
    if problems := list(_wrong(rows, orgs)):
        raise BadCsv(*problems[: csv_file.MOST_PROBLEMS], more=len(problems) > csv_file.MOST_PROBLEMS)
    applicants = [_applicant(row, orgs[fold(row.org)] if row.org else org) for row in rows]
    # Decide before the transaction: no other request has to wait while a directory is slow.
    decisions = applicant_decisions.decide(applicants, by=person(user), at=at, within={each.pk for each in within})
    refused = sum(bool(decision.refusal) for decision in decisions)
    with transaction.atomic():
        forget_expired(at=at)
        Upload.objects.filter(user=user).delete()
        return Upload.objects.create(
            user=user,
            org=org,
            file_name=_one_line(file_name)[:255],
            uploaded_at=at,
            wanted=len(decisions) - refused,
            refused=refused,
            decisions=packed(decisions),
        )


def _one_line(name: str) -> str:
    return "".join(sign for sign in name if sign.isprintable()) or "users.csv"


def _wrong(rows: Sequence[Row], orgs: Collection[str]) -> Iterator[str]:
    yield from csv_file.taken(rows)
    for row in rows:
        if row.org and fold(row.org) not in orgs:
            yield f"line {row.line}, org: there is no org {row.org} whose users you administer"


def _applicant(row: Row, org: Org) -> Applicant:
    return Applicant(
        Profile(row.username, row.email, row.first_name, row.last_name),
        org,
        row.notes,
        password=row.password,
        line=row.line,
    )


def decisions_of(upload: Upload) -> list[Decision]:
    """Return what was decided for each row.

    Raises:
        Refused: when it can't be read any more.
    """
    try:
        return unpacked(decrypted(upload.decisions))
    except Undecryptable as error:
        raise Refused("the preview can't be read any more: upload the file again") from error


@transaction.atomic
def create(*, user: User, upload_id: int, within: Collection[Org], by: Actor, at: datetime) -> Created:
    """Create exactly the users whom the preview showed, all or none.

    Raises:
        Refused: when the upload has expired or been replaced, or a decision does not hold any more.
    """
    upload = Upload.objects.select_for_update().waiting_for(user, at=at).filter(pk=upload_id).first()
    if upload is None:
        raise Refused("this preview has expired, or another upload has taken its place: upload the file again")
    decisions = decisions_of(upload)
    accepted = [decision for decision in decisions if not decision.refusal]
    if changed := _changed(accepted, within):
        raise Refused(f"{changed} since the preview: upload the file again")
    made = creation.carry_out(decisions, created_by=CreatedBy.CSV, by=by, at=at)
    fact = Fact(
        "upload", upload.pk, upload.file_name, after={"created": len(made.users), "not created": len(made.refused)}
    )
    note([fact], action="users uploaded", by=by, at=at)
    upload.delete()
    return made


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
