"""Moves of archives between live storage, cold storage and their end: the journal from which a move goes on."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from orgs.models.archives import Archive


class MoveTarget(models.TextChoices):
    """Where a move leads: to live storage, to cold storage, or to the deletion of the archive."""

    LIVE = "live", _("live")
    COLD = "cold", _("cold storage")
    GONE = "gone", _("deleted")


class ArchiveMove(models.Model):
    """A move that is not finished; how far it is, the folders alone show."""

    id: int
    archive = models.OneToOneField(Archive, models.CASCADE, verbose_name=_("archive"), related_name="move")
    to = models.CharField(_("to"), max_length=4, choices=MoveTarget.choices)
    started_at = models.DateTimeField(_("started"))
    # When a worker was interrupted in it: then other moves come first.
    last_turn_at = models.DateTimeField(_("last turn"), null=True, blank=True)
    error = models.TextField(_("last error"), blank=True, default="")
    tries = models.PositiveIntegerField(_("tries"), default=0)

    class Meta:
        verbose_name = _("move of an archive")
        verbose_name_plural = _("moves of archives")
        ordering = ["started_at", "pk"]

    def __str__(self) -> str:
        return f"{self.archive_id}: {self.to}"
