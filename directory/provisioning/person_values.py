"""Checks values about a person that people type or upload: username, address, names, password, notes."""

from __future__ import annotations

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from orgs.text import counted

LONGEST = {
    "username": 255,
    "email": 320,
    "first_name": 255,
    "last_name": 255,
    "org": 255,
    "password": 1024,
    "notes": 4096,
}


def problem(name: str, value: str) -> str | None:
    """Return what is wrong with a value, without a full stop; None if nothing is. Empty values are not checked here."""
    if len(value) > LONGEST[name]:
        return f"{counted(len(value), 'character', 'characters')}, {LONGEST[name]} are the most"
    allowed = value.replace("\n", "").replace("\r", "").replace("\t", "") if name == "notes" else value
    if not allowed.isprintable():
        return "control characters are not allowed, nor signs that change the direction of text"
    try:
        if name == "email" and value:
            validate_email(value)
        if name == "password" and value:
            validate_password(value)
    except ValidationError as error:
        return f"{value} is no email address" if name == "email" else " ".join(error.messages)
    return None
