"""Judges the rows of an upload: values, usernames in the file and among the users, orgs, the directory with its scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from directory.provisioning import applicant_decisions
from directory.provisioning.applicants import Applicant
from directory.provisioning.csv_files.csv_file import Problem, duplicate_usernames, problems_of
from directory.provisioning.decision_values import NOT_IN_DIRECTORY, Case, Decision
from directory.provisioning.upload_rows import Fate, UploadRow
from orgs.actions.users import user_creation
from orgs.actions.users.user_profiles import Profile
from orgs.models import Org
from orgs.rules.actors import Actor
from orgs.text import fold

# Where in the form a refusal of the directory is shown.
_COLUMN_OF = {Case.PASSWORD: "password", Case.NOT_IN_DIRECTORY: "username", Case.USER_ALREADY: "username"}


@dataclass(frozen=True, slots=True)
class UploadRules:
    """What rows are judged by.

    Rows without an org go to ``org``; ``within`` are the orgs in which the uploader may create users. ``create_unknown`` is
    whether people who are not in the directory are created. ``can_mail`` is whether a user could get a link by mail to
    choose a password.
    """

    org: Org
    within: Sequence[Org]
    by: Actor
    at: datetime
    create_unknown: bool
    can_mail: bool


def judge(rows: Sequence[UploadRow], rules: UploadRules) -> list[UploadRow]:
    """Return every row with its fate; writes nothing.

    Raises:
        DirectoryUnavailable: when a directory that has to be searched can't be.
        SandboxBroken: when the scripts can't be run.
    """
    kept = [each for each in rows if not each.left_out]
    taken = user_creation.taken([fold(each.row.username) for each in kept])
    duplicates = duplicate_usernames([each.row for each in kept])
    orgs = {org.name_key: org for org in rules.within}
    judged: dict[int, UploadRow] = {}
    to_decide: list[UploadRow] = []
    for each in kept:
        plain = replace(each, problems=(), warnings=(), decision=None, changed="")
        if name := taken.get(fold(each.row.username)):
            text = f"the username {name} is taken (letter case does not count)"
            judged[each.row.line] = replace(plain, fate=Fate.THERE, problems=(Problem("username", text, whole=True),))
        elif problems := [
            *problems_of(each.row),
            *duplicates.get(each.row.line, ()),
            *_org_problems(each, rules, orgs),
        ]:
            judged[each.row.line] = replace(plain, fate=Fate.REFUSED, problems=tuple(problems))
        else:
            to_decide.append(plain)
    # Decide outside of a transaction: no other request has to wait while a directory is slow.
    decisions = applicant_decisions.decide(
        [_applicant(each, orgs[fold(each.row.org)] if each.row.org else rules.org) for each in to_decide],
        by=rules.by,
        at=rules.at,
        within={org.pk for org in rules.within},
    )
    for each, decision in zip(to_decide, decisions, strict=True):
        judged[each.row.line] = _of_decision(each, decision, rules)
    return [judged.get(each.row.line) or _left_out(each) for each in rows]


def _left_out(each: UploadRow) -> UploadRow:
    return replace(each, fate=Fate.LEFT_OUT, problems=(), warnings=(), decision=None, changed="")


def _org_problems(each: UploadRow, rules: UploadRules, orgs: dict[str, Org]) -> list[Problem]:
    name = each.row.org
    if name and fold(name) not in orgs:
        return [Problem("org", f"there is no org {name} whose users you administer")]
    if not name and rules.org.name_key not in orgs:
        return [Problem("org", f"you do not administer the users of {rules.org.name} any more")]
    return []


def _applicant(each: UploadRow, org: Org) -> Applicant:
    row = each.row
    return Applicant(
        Profile(row.username, row.email, row.first_name, row.last_name),
        org,
        row.notes,
        hashed_password=each.hashed_password,
        line=row.line,
    )


def _of_decision(each: UploadRow, decision: Decision, rules: UploadRules) -> UploadRow:
    if decision.refusal:
        fates = {Case.INACTIVE: Fate.INACTIVE, Case.USER_ALREADY: Fate.THERE}
        problem = Problem(_COLUMN_OF.get(decision.case, ""), decision.refusal, whole=True)
        fate = fates.get(decision.case, Fate.REFUSED)
        return replace(each, fate=fate, problems=(problem,), decision=decision)
    if decision.case == Case.NOT_IN_DIRECTORY and not rules.create_unknown:
        problem = Problem("username", NOT_IN_DIRECTORY, whole=True)
        return replace(each, fate=Fate.REFUSED, problems=(problem,), decision=None)
    warnings = [*decision.warnings, *_sign_in(decision, rules)]
    fate = Fate.WARNED if warnings else Fate.CREATED
    return replace(each, fate=fate, warnings=tuple(warnings), decision=decision)


def _sign_in(decision: Decision, rules: UploadRules) -> list[str]:
    """Return a warning about a local user who has no way to sign in."""
    if decision.case != Case.LOCAL or decision.password or (decision.profile.email and rules.can_mail):
        return []
    lacking = "no password, and no mail server is set that could send a link to choose one"
    if not decision.profile.email:
        lacking = "no password and no email address"
    return [f"has {lacking}: can't sign in before an administrator sets a password"]
