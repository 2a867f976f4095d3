"""Which LDAP servers each org asks, in which order."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from directory.models.servers.ldap_server import LdapServer
from orgs.models import Org


class OrgServer(models.Model):
    """One LDAP server in an org's own ordered list; orgs without a list use their parent's."""

    id: int
    org = models.ForeignKey(Org, models.CASCADE, related_name="server_links")
    server = models.ForeignKey(LdapServer, models.CASCADE, related_name="org_links")
    position = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("org's LDAP server")
        verbose_name_plural = _("orgs' LDAP servers")
        ordering = ["org", "position", "pk"]
        constraints = [models.UniqueConstraint(fields=["org", "server"], name="an_org_lists_a_server_once")]

    def __str__(self) -> str:
        return f"{self.org_id}: {self.server_id}"
