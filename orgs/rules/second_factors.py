"""Finds the second factors of users: a code app, passkeys, and recovery codes beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from django.db.models import Exists, OuterRef, QuerySet

from orgs.models import User
from orgs.models.users import UserQuerySet

# The names of kinds, in the audit trail and in sessions.
CODE_APP, PASSKEY, RECOVERY_CODE = "code app", "passkey", "recovery code"
# Recovery codes alone are none: they stand in for one of these.
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


@dataclass(frozen=True, slots=True)
class SecondFactors:
    """The second factors of one user; ``code_app`` and ``passkeys`` are rows of allauth."""

    code_app: Authenticator | None
    passkeys: tuple[Authenticator, ...]
    recovery_codes_left: int

    def __bool__(self) -> bool:
        return bool(self.all)

    @property
    def all(self) -> tuple[Authenticator, ...]:
        """The rows, the code app first."""
        return (self.code_app, *self.passkeys) if self.code_app is not None else self.passkeys


def second_factors_of(user: User) -> SecondFactors:
    """Return the second factors of a user."""
    rows = list(Authenticator.objects.filter(user=user).order_by("pk"))
    kinds = Authenticator.Type
    apps = [row for row in rows if row.type == kinds.TOTP]
    left = [_codes_left(row) for row in rows if row.type == kinds.RECOVERY_CODES]
    return SecondFactors(
        code_app=apps[0] if apps else None,
        passkeys=tuple(row for row in rows if row.type == kinds.WEBAUTHN),
        recovery_codes_left=sum(left),
    )


def _codes_left(row: Authenticator) -> int:
    used: int = row.data["used_mask"].bit_count()
    return int(app_settings.RECOVERY_CODE_COUNT) - used


def has_second_factor(user: User) -> bool:
    """Return whether a user has a second factor."""
    return bool(Authenticator.objects.filter(user=user, type__in=FACTORS).exists())


def without_second_factor(users: UserQuerySet) -> UserQuerySet:
    """Return those of these users who have no second factor."""
    return users.exclude(Exists(Authenticator.objects.filter(user=OuterRef("pk"), type__in=FACTORS)))


def rows_with_secrets() -> QuerySet[Any]:
    """Return the rows that hold secrets, encrypted inside of their data; a passkey has only its public key here."""
    kinds = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
    found: QuerySet[Any] = Authenticator.objects.filter(type__in=kinds).order_by("pk")
    return found


def names_of_secrets(data: Mapping[str, Any]) -> list[str]:
    """Return the names of the secrets in the data of a row."""
    return [name for name in ("secret", "seed") if name in data]
