"""Heartbeats of workers, clocks and the store: one row for each process, written by the process itself."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Part(models.TextChoices):
    """The kind of a process."""

    WORKER = "worker", _("worker")
    CLOCK = "clock", _("clock")
    STORE = "store", _("store")


class Heartbeat(models.Model):
    """One process; ``queues`` are the queues from which a worker takes its tasks."""

    id: int
    part = models.CharField(_("part"), max_length=8, choices=Part.choices)
    host = models.CharField(_("host"), max_length=255)
    pid = models.PositiveIntegerField(_("process id"))
    queues: models.JSONField[list[str], list[str]] = models.JSONField(_("queues"), default=list)
    last_beat_at = models.DateTimeField(_("heard of"))

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")
        ordering = ["-last_beat_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["part", "host", "pid"], name="a_process_has_one_heartbeat")]

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"
