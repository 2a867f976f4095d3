"""What is known of users beside their present matches: further immutable ids, and where their entries were read last."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from directory.models.servers.ldap_server import LdapServer
from orgs.models import User


class KnownId(models.Model):
    """An immutable id of a user beside the one of their match: of another kind, or noted before.

    ``server`` is where the id counts, None for everywhere: a company's own numbers are unique on one server only.
    """

    id: int
    # As for matches.
    user = models.ForeignKey(User, models.CASCADE, related_name="known_ids", db_constraint=False, db_index=False)
    unique_id = models.CharField(_("immutable id"), max_length=255)
    server = models.ForeignKey(
        LdapServer, models.CASCADE, null=True, related_name="+", db_constraint=False, db_index=False
    )
    noted_at = models.DateTimeField(_("noted"))

    class Meta:
        verbose_name = _("known id")
        verbose_name_plural = _("known ids")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "unique_id"], condition=Q(server=None), name="an_id_of_a_user_is_noted_once"
            ),
            models.UniqueConstraint(
                fields=["user", "unique_id", "server"],
                condition=~Q(server=None),
                name="an_id_of_a_user_and_a_server_is_noted_once",
            ),
        ]
        indexes = [models.Index(fields=["unique_id"], name="known_ids_by_id")]

    def __str__(self) -> str:
        return self.unique_id


class LastSeen(models.Model):
    """Where an LDAP server had the entry of a user whom it has no more.

    Any run notes it, a simulation too: it says what was read, and changes nothing of the user. Matches are noted by
    applied plans alone, so that they may name an older DN.
    """

    id: int
    # As for matches.
    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    server = models.ForeignKey(LdapServer, models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    dn = models.TextField(_("DN"))
    unique_id = models.CharField(_("immutable id"), max_length=255, blank=True)

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
    """A user whom complete readings did not find, in how many syncs in a row and since when."""

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
