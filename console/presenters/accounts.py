"""Presents how a user signs in: local password, second factor, sessions; for the user and for administrators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest

from console.elements.browser_names import browser_name
from console.security import account_mails, session_list
from console.security.access import may_sign_in
from orgs.models import User
from orgs.rules.local_sign_in import password_counts
from orgs.rules.second_factors import SecondFactors, second_factors_of


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session, as lists show it; ``browser`` is a name, ``sent_name`` what the browser sends about itself."""

    key: str
    address: str
    browser: str
    sent_name: str
    began_at: datetime
    last_request_at: datetime
    is_this: bool


@dataclass(frozen=True, slots=True)
class AccountCard:
    """How a user signs in."""

    role_names: list[str]
    password_counts: bool
    has_password: bool
    factors: SecondFactors
    needed_by: list[str]
    may_sign_in: bool
    can_mail: bool


def account_card(user: User) -> AccountCard:
    """Return how a user signs in."""
    return AccountCard(
        role_names=sorted(user.roles.values_list("name", flat=True)),
        password_counts=password_counts(user),
        has_password=user.has_usable_password(),
        factors=second_factors_of(user),
        needed_by=user.roles_that_need_a_second_factor(),
        may_sign_in=may_sign_in(user),
        can_mail=account_mails.can_mail(),
    )


def session_rows(user: User, *, at: datetime, request: HttpRequest | None = None) -> list[SessionRow]:
    """Return the user's live sessions; the one of ``request`` is marked and comes first."""
    return [
        SessionRow(
            key=each.key,
            address=each.address,
            browser=browser_name(each.browser),
            sent_name=each.browser,
            began_at=each.began_at,
            last_request_at=each.last_request_at,
            is_this=each.is_this,
        )
        for each in session_list.live_sessions(user, at=at, request=request)
    ]
