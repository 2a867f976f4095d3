"""Encrypts every stored secret with the newest key, so that older keys can be removed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.fernet import InvalidToken
from django.apps import apps
from django.db import transaction
from django.db.models import Model, QuerySet

from orgs.actions.audit import Fact, note
from orgs.models.encrypted_text import EncryptedTextField, Sealed, box
from orgs.rules import second_factors
from orgs.rules.actors import Actor


@dataclass(slots=True)
class Rotated:
    """The number of secrets now encrypted with the newest key, and the names of secrets that no key decrypts."""

    count: int = 0
    unreadable: list[str] = field(default_factory=list)


@transaction.atomic
def rotate(*, by: Actor, at: datetime) -> Rotated:
    """Encrypt every stored secret with the first key; a secret that no key decrypts stays as it is and is listed."""
    done = Rotated()
    for rows, column in _encrypted():
        for pk in list(rows.exclude(**{column.name: ""}).values_list("pk", flat=True)):
            row = rows.select_for_update().get(pk=pk)
            secret = getattr(row, column.name)
            if isinstance(secret, Sealed):
                done.unreadable.append(f"{row._meta.verbose_name} {row}: {column.verbose_name}")
                continue
            # Update only this column: the row's time of change has to stay.
            rows.filter(pk=pk).update(**{column.name: secret})
            done.count += 1
    _rotate_second_factors(done)
    fact = Fact("secrets", 0, "all", after={"encrypted": done.count, "unreadable": len(done.unreadable)})
    note([fact], action="keys rotated", by=by, at=at)
    return done


def _rotate_second_factors(done: Rotated) -> None:
    """Encrypt the secrets of second factors, which allauth keeps inside of JSON."""
    for pk in list(second_factors.rows_with_secrets().values_list("pk", flat=True)):
        row = second_factors.rows_with_secrets().select_for_update().get(pk=pk)
        for name in second_factors.names_of_secrets(row.data):
            try:
                row.data[name] = box().encrypt(box().decrypt(row.data[name].encode("ascii"))).decode("ascii")
            except InvalidToken:
                done.unreadable.append(f"second factor of {row.user}: {name}")
            else:
                done.count += 1
        row.save(update_fields=["data"])


def _encrypted() -> Iterator[tuple[QuerySet[Model], EncryptedTextField]]:
    """Yield every column that holds secrets, with all rows of its table."""
    for model in apps.get_models():
        for column in model._meta.concrete_fields:
            if isinstance(column, EncryptedTextField):
                yield QuerySet(model).order_by("pk"), column
