"""The immutable ids that users have been known by, beside those of their present matches."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from directory.models.servers import LdapServer
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
