"""Mails of runs, and about devices, stored until an SMTP server has accepted them, and for some time after."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from directory.models.runs.run import Run


class MailKind(models.TextChoices):
    """What a mail reports."""

    SUMMARY = "summary", _("summary")
    INCOMPLETE = "incomplete", _("incomplete")
    HELD_BACK = "held back", _("held back")
    APPROVAL = "approval", _("waits for approval")
    FAILED = "failed", _("failed")
    NO_BACKUP = "no backup", _("devices without a backup")
    DAMAGED_ARCHIVE = "damaged archive", _("damaged archives")
    DEPLOYMENT = "deployment", _("many new devices")


class Mail(models.Model):
    """One mail to one address, of one run or of none; its Message-ID stays the same for all attempts."""

    id: int
    run = models.ForeignKey(Run, models.CASCADE, related_name="mails", null=True, blank=True)
    kind = models.CharField(_("kind"), max_length=16, choices=MailKind.choices)
    recipient = models.CharField(_("recipient"), max_length=320)
    subject = models.CharField(_("subject"), max_length=255)
    body = models.TextField(_("body"))
    message_id = models.CharField(max_length=255)
    created_at = models.DateTimeField(_("written"))
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    tried_at = models.DateTimeField(_("last tried"), null=True, blank=True)
    given_up_at = models.DateTimeField(_("given up"), null=True, blank=True)
    error = models.TextField(_("last error"), blank=True)

    class Meta:
        verbose_name = _("mail")
        verbose_name_plural = _("mails")
        ordering = ["-created_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["run", "kind", "recipient"], name="a_run_writes_each_mail_once")]

    def __str__(self) -> str:
        return self.subject
