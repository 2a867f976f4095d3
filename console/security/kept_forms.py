"""Keeps what a form has sent while its sender confirms who they are: in the page that asks, signed, and never a secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.core import signing
from django.http import HttpRequest

# Names of fields that hold a password, a key, a code or a browser's answer about a passkey.
_SECRET = re.compile("password|secret|key|code|answer|token|credential", re.IGNORECASE)
_SALT = "console.security.kept_forms"
# So long the page that asks may stay open, in seconds.
_OLDEST = 3600
# More than a form of the console has; a bulk act of Data fixes sends some thousand ids.
_LONGEST = 200_000
_CSRF = "csrfmiddlewaretoken"


@dataclass(frozen=True, slots=True)
class KeptForm:
    """A form that was sent and not yet carried out: where to, and its fields, several of one name each by itself."""

    address: str
    fields: list[tuple[str, str]]

    def shown(self) -> list[tuple[str, str]]:
        """Return what the form holds, for its sender to read: names in words, without what was left empty."""
        return [
            (name.replace("_", " ").replace("-", " ").strip().capitalize(), value)
            for name, value in self.fields
            if value
        ]


def is_secret(name: str) -> bool:
    """Return whether a field of this name may hold a secret."""
    return bool(_SECRET.search(name)) and name != _CSRF


def can_be_kept(request: HttpRequest) -> bool:
    """Return whether a form holds no secret and no file, and is not too long."""
    if request.FILES or any(is_secret(name) and any(values) for name, values in request.POST.lists()):
        return False
    return sum(len(name) + len(value) for name, value in _fields(request)) <= _LONGEST


def keep(request: HttpRequest, address: str) -> str:
    """Return the form of the request, which was meant for ``address``, as a signed text for its sender alone."""
    return signing.dumps([address, _fields(request)], salt=_salt(request), compress=True)


def read(request: HttpRequest, text: str) -> KeptForm | None:
    """Return the form in a text that ``keep`` has made for this user within the last hour, else None."""
    try:
        address, fields = signing.loads(text, salt=_salt(request), max_age=_OLDEST)
    except signing.BadSignature:
        return None
    return KeptForm(address, [(name, value) for name, value in fields])


def _fields(request: HttpRequest) -> list[tuple[str, str]]:
    given: Mapping[str, list[str]] = dict(request.POST.lists())
    return [(name, value) for name, values in given.items() if name != _CSRF for value in values]


def _salt(request: HttpRequest) -> str:
    return f"{_SALT}.{request.user.pk}"
