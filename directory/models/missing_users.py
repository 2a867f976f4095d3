"""Users whom readings did not find: the last DN of each, and for how many syncs they have been absent."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from directory.models.servers.ldap_server import LdapServer
from orgs.models import User


class LastSeen(models.Model):
    """The last DN of a user on an LDAP server that does not have their entry any more.

    Any run stores it, also a simulation, because it says what was read and changes nothing about the user. Only applied plans
    store matches, so a match may have an older DN. ``run_id`` is the run whose reading did not find the entry; None in rows of
    older versions.
    """

    id: int
    # No foreign key in the database, as for matches.
    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    server = models.ForeignKey(LdapServer, models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    dn = models.TextField(_("DN"))
    unique_id = models.CharField(_("immutable id"), max_length=255, blank=True)
    run_id = models.BigIntegerField(_("missed by run"), null=True, blank=True)

    class Meta:
        verbose_name = _("last seen entry")
        verbose_name_plural = _("last seen entries")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["server", "user"], name="a_server_last_had_a_user_at_one_dn"),
        ]

    def __str__(self) -> str:
        return self.dn


class Absence(models.Model):
    """A user whom complete readings did not find: the number of syncs in a row, and the first time."""

    id: int
    user = models.OneToOneField(User, models.CASCADE, related_name="absence")
    since = models.DateTimeField(_("absent since"))
    runs = models.PositiveIntegerField(_("syncs in a row"), default=1)
    last_run = models.PositiveBigIntegerField(_("last counted run"))

    class Meta:
        verbose_name = _("absence")
        verbose_name_plural = _("absences")
        ordering = ["user"]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.runs}"
