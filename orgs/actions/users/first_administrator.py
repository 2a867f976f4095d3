"""Creates the first administrator of a new installation."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from orgs.actions import locks
from orgs.actions.errors import Refused
from orgs.actions.users import user_creation
from orgs.actions.users.user_creation import NewUser
from orgs.actions.users.user_profiles import Profile
from orgs.models import CreatedBy, Org, Role, User
from orgs.permissions import SYSADMIN
from orgs.rules.actors import Actor
from orgs.rules.local_sign_in import with_a_local_way_in
from orgs.standard_roles_orgs import TOP_ORG

LONGEST_USERNAME, LONGEST_EMAIL = 255, 320


@transaction.atomic
def create(*, username: str, email: str, password: str, by: Actor, at: datetime) -> User:
    """Create a SYSADMIN in the org ADMIN who signs in with this local password, even if that org follows LDAP one day.

    Raises:
        Refused: when a SYSADMIN can sign in already; when the username, the address or the password is not allowed; when
            the org or the role is missing.
    """
    locks.administrators()
    if there := with_a_local_way_in().sysadmins().order_by("pk").first():
        raise Refused(
            f"there is an administrator already ({there.username}): make others in the console, or let one in again with "
            "“manage.py localadmin USERNAME”"
        )
    username, email = username.strip(), email.strip()
    _refuse_values(username, email, password)
    org, role = Org.objects.filter(name=TOP_ORG, depth=1).first(), Role.objects.filter(name=SYSADMIN).first()
    if org is None or role is None:
        raise Refused(f"the org {TOP_ORG} or the role {SYSADMIN} is missing: run “manage.py migrate” first")
    new = NewUser(Profile(username, email), org.pk, roles=frozenset({role.pk}), managed_locally=True, password=password)
    return user_creation.create(users=[new], created_by=CreatedBy.HAND, by=by, at=at)[0]


def _refuse_values(username: str, email: str, password: str) -> None:
    if len(username) > LONGEST_USERNAME or len(email) > LONGEST_EMAIL:
        raise Refused(f"a username has at most {LONGEST_USERNAME} characters, an email address {LONGEST_EMAIL}")
    try:
        if email:
            validate_email(email)
    except ValidationError:
        raise Refused(f"“{email}” is no email address") from None
    try:
        validate_password(password, User(username=username, email=email))
    except ValidationError as wrong:
        raise Refused(" ".join(wrong.messages).rstrip(".")) from None
