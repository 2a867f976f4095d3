"""Presents the decision about a user who is to be created: each value as given, and as it will be."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from directory.provisioning.applicants import Applicant
from directory.provisioning.decision_values import Decision
from directory.provisioning.single_creation import PreparedUser
from orgs.models import Role

_PROFILE: tuple[tuple[str, Promise], ...] = (
    ("username", gettext_lazy("Username")),
    ("email", gettext_lazy("Email")),
    ("first_name", gettext_lazy("First name")),
    ("last_name", gettext_lazy("Last name")),
)


@dataclass(frozen=True, slots=True)
class PreparedValue:
    """One value of the new user; ``given`` is what was filled in, if it is another one."""

    label: str | Promise
    value: str
    given: str = ""


@dataclass(frozen=True, slots=True)
class NewUserCard:
    """What will be created: the values, what the directory said, and warnings."""

    values: list[PreparedValue]
    found: str
    warnings: list[str]


def new_user_card(prepared: PreparedUser, applicant: Applicant) -> NewUserCard | None:
    """Return what will be created; None if nobody can be."""
    if (decision := prepared.decision) is None or prepared.problem:
        return None
    values = [
        PreparedValue(label, getattr(decision.profile, name) or "–", _other(applicant, decision, name))
        for name, label in _PROFILE
    ]
    names = Role.objects.filter(pk__in=decision.roles).order_by("name").values_list("name", flat=True)
    org = _("%(name)s (new)") % {"name": decision.org} if decision.makes else decision.org
    chosen = applicant.org.name if applicant.org.name != decision.org else ""
    values += [
        PreparedValue(_("Org"), org, chosen),
        PreparedValue(_("Roles"), ", ".join(names) or "–"),
    ]
    return NewUserCard(values, _found(prepared), [*decision.warnings, *_sign_in(prepared)])


def _other(applicant: Applicant, decision: Decision, name: str) -> str:
    given: str = getattr(applicant.profile, name)
    return given if given and given != getattr(decision.profile, name) else ""


def _found(prepared: PreparedUser) -> str:
    """Return what the directory said, as a sentence."""
    findings = prepared.decision.findings if prepared.decision is not None else ""
    if findings:
        return f"{findings[0].upper()}{findings[1:]}."
    if prepared.by_scripts:
        return _("The directory has no entry with this username.")
    return _("No directory was asked.")


def _sign_in(prepared: PreparedUser) -> list[str]:
    if prepared.by_scripts:
        return []
    return [_("has no local password yet, and can't sign in before one is set")]
