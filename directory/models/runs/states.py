"""The states of a run, and what starts one."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

# A held-back or simulated plan may be applied for this long.
PLAN_LIFETIME = timedelta(hours=24)


class RunState(models.TextChoices):
    """The state of a run."""

    QUEUED = "queued", _("queued")
    READING = "reading", _("reading")
    PLANNED = "planned", _("planned")
    HELD_BACK = "held back", _("held back")
    APPLYING = "applying", _("applying")
    APPLIED = "applied", _("applied")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")
    DISCARDED = "discarded", _("discarded")


LIVE_STATES = (RunState.QUEUED, RunState.READING, RunState.APPLYING)


class Trigger(models.TextChoices):
    """What started a run."""

    HAND = "hand", _("by hand")
    SCHEDULE = "schedule", _("by schedule")
    COMMAND = "command", _("by command line")
