"""Immutable ids of users besides that of their match."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from directory.models.servers.ldap_server import LdapServer
from orgs.models import User


class KnownId(models.Model):
    """An immutable id of a user besides the one of their match: of another kind, or an earlier one.

    ``server`` is where the id is valid, None for every server: a company's own numbers are unique on one server only.
    """

    id: int
    # No foreign key in the database, as for matches.
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
