"""The groups of each LDAP server as they were last read, for servers that resolve groups."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from directory.models.servers.ldap_server import LdapServer


class StoredGroup(models.Model):
    """One group: ``content`` is JSON with its members and its SID, in the form of ``directory.sync.entries.group_store``.

    ``digest`` is a hash of what the server sent and of what was made from it. ``key`` is a hash of the DN in its spelling.
    """

    id: int
    # No foreign key in the database, as for stored entries.
    server = models.ForeignKey(LdapServer, models.CASCADE, related_name="groups", db_constraint=False, db_index=False)
    key = models.CharField(max_length=32)
    dn = models.TextField(_("DN"))
    digest = models.CharField(max_length=64)
    content = models.TextField()

    class Meta:
        verbose_name = _("stored group")
        verbose_name_plural = _("stored groups")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["server", "key"], name="a_group_is_stored_once_per_server")]

    def __str__(self) -> str:
        return self.dn
