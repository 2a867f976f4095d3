"""Saves the sync's own settings: when it runs, what it may reactivate, who gets its mails."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from directory.input_errors import Invalid
from directory.models import SyncSettings
from orgs.actions.audit import Fact, note
from orgs.rules.actors import Actor

SETTINGS = (
    "interval_hours",
    "reactivate_set_by_person",
    "reactivate_devices",
    "notification_addresses",
    "notify_administrators",
)


@transaction.atomic
def save(*, values: Mapping[str, Any], by: Actor, at: datetime) -> SyncSettings:
    """Change some of the settings.

    Raises:
        Invalid: when an address is no email address or the interval is out of range.
    """
    SyncSettings.load()
    settings = SyncSettings.objects.select_for_update().get(pk=1)
    if unknown := values.keys() - set(SETTINGS):
        raise Invalid(dict.fromkeys(sorted(unknown), "there is no such setting"))
    before = {key: getattr(settings, key) for key in values}
    for key, value in values.items():
        setattr(settings, key, value)
    settings.notification_addresses = _addresses(settings.notification_addresses)
    try:
        settings.clean_fields()
    except ValidationError as error:
        raise Invalid({field: " ".join(messages) for field, messages in error.message_dict.items()}) from error
    after = {key: getattr(settings, key) for key in values}
    if before != after:
        # The interval counts from the last run; it counts from now when there was no interval before.
        if before.get("interval_hours") == 0 and settings.interval_hours:
            settings.interval_since = at
        settings.save()
        fact = Fact("settings", 1, "sync settings", before=before, after=after)
        note([fact], action="settings changed", by=by, at=at)
    return settings


def _addresses(given: Any) -> list[str]:
    addresses = [str(address).strip() for address in given if str(address).strip()]
    for address in addresses:
        try:
            validate_email(address)
        except ValidationError as error:
            raise Invalid({"notification_addresses": f"{address} is no email address"}) from error
    return list({address.lower(): address for address in addresses}.values())
