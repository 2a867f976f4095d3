"""Alerts: messages that administrators see until they dismiss them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from directory.models.servers.ldap_server import LdapServer
from orgs.models import User
from orgs.permissions import Permission

# The words of the original product.
CONNECTION_PROBLEM = "Problem with connection to LDAP server"


class AlertKind(models.TextChoices):
    """What an alert is about."""

    CONNECTION = "connection", _("connection")
    HELD_BACK = "held back", _("held back")
    APPROVAL = "approval", _("waits for approval")
    INCOMPLETE = "incomplete", _("incomplete sync")
    MAIL = "mail", _("mail not sent")
    NO_BACKUP = "no backup", _("no backup")
    DEPLOYMENT = "deployment", _("many new devices")
    DAMAGED_ARCHIVE = "damaged archive", _("damaged archive")


class AlertQuerySet(models.QuerySet["Alert"]):
    """Named queries of alerts."""

    def visible_to(self, viewer: User) -> AlertQuerySet:
        """All alerts for server administrators, none for others: alerts are about the whole console."""
        return self if viewer.may(Permission.SYSTEM) else self.none()

    def open(self) -> AlertQuerySet:
        """Alerts that are not dismissed."""
        return self.filter(dismissed_at=None)

    def of_connection(self, server: LdapServer) -> AlertQuerySet:
        """Alerts that a server can't be used; alerts of older versions have the server's name only in their message."""
        named = Q(server=None, message__startswith=f"{CONNECTION_PROBLEM}: {server.name}: ")
        return self.filter(Q(server=server) | named, kind=AlertKind.CONNECTION)

    def open_first(self) -> AlertQuerySet:
        """Open alerts before dismissed ones, the newest first."""
        return self.order_by(F("dismissed_at").desc(nulls_first=True), "-created_at", "-pk")


class Alert(models.Model):
    """One message; the same message is not raised twice while it is open."""

    id: int
    kind = models.CharField(_("kind"), max_length=16, choices=AlertKind.choices)
    message = models.TextField(_("message"))
    run_id = models.BigIntegerField(_("run"), null=True, blank=True)
    server = models.ForeignKey(
        LdapServer, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("LDAP server")
    )
    created_at = models.DateTimeField(_("raised"))
    dismissed_at = models.DateTimeField(_("dismissed"), null=True, blank=True)
    dismissed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    objects = models.Manager.from_queryset(AlertQuerySet)()

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return self.message
