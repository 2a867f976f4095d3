"""Settings of an LDAP server: how to reach it, and what to search there."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from directory.values import pasted_text, server_fields
from directory.values.ldap import Connection
from orgs.models.encrypted_text import EncryptedTextField, decrypted

_OF_CONNECTION = frozenset(each.name for each in fields(Connection))
# It does not exclude computers: on a server whose schema lacks that class, such a filter matches nobody (RFC 4511, 4.5.1.7).
DEFAULT_FILTER = "(objectClass=person)"


class Scope(models.TextChoices):
    """How deep a search goes below its base (RFC 4511, 4.5.1.2)."""

    SUBTREE = "subtree", _("the whole subtree")
    ONELEVEL = "onelevel", _("one level")
    BASE = "base", _("the base entry only")


class ConnectionSettings(models.Model):
    """Settings of an LDAP server: how to reach it, and what to search there."""

    # Fields of LdapServer.
    name: str
    sync_search_failed_at: datetime | None

    urls = models.JSONField(_("URLs"), default=list)
    start_tls = models.BooleanField(_("StartTLS"), default=False)
    verify_certificates = models.BooleanField(_("check certificates"), default=True)
    ca_certificate = models.TextField(_("CA certificate"), blank=True)
    bind_dn = models.CharField(_("bind DN"), max_length=1024, blank=True)
    bind_password = EncryptedTextField(_("bind password"), blank=True, default="")
    client_certificate = models.TextField(
        _("client certificate"),
        blank=True,
    )
    client_key = EncryptedTextField(_("client key"), blank=True, default="")
    sasl_external = models.BooleanField(
        _("sign in with the client certificate (SASL EXTERNAL)"),
        default=False,
    )
    connect_timeout = models.PositiveIntegerField(
        _("connect time-out"), default=10, validators=[MinValueValidator(1), MaxValueValidator(300)]
    )
    operation_timeout = models.PositiveIntegerField(
        _("operation time-out"), default=60, validators=[MinValueValidator(1), MaxValueValidator(3600)]
    )
    follow_referrals = models.BooleanField(_("follow referrals"), default=False)

    left_out_contexts = models.JSONField(
        _("referrals left out"),
        default=list,
        blank=True,
    )
    dereference_aliases = models.BooleanField(
        _("dereference aliases"),
        default=False,
    )

    search_base = models.CharField(
        _("search base"),
        max_length=1024,
        blank=True,
    )
    search_scope = models.CharField(_("search scope"), max_length=8, choices=Scope.choices, default=Scope.SUBTREE)
    search_filter = models.TextField(_("search filter"), default=DEFAULT_FILTER)
    page_size = models.PositiveIntegerField(
        _("page size"), default=1000, validators=[MinValueValidator(1), MaxValueValidator(10_000)]
    )
    cannot_page = models.BooleanField(
        _("this server can't page"),
        default=False,
    )

    class Meta:
        abstract = True

    @property
    def connection(self) -> Connection:
        """How to reach the server, as a value with the bind password and the client key; raises Undecryptable.

        Old values that were stored without normalization are normalized only here: to normalize the stored ones would change
        the ``configuration_digest`` of a server that nobody has changed.
        """
        values = {name: getattr(self, name) for name in server_fields.names() if name in _OF_CONNECTION}
        secrets = server_fields.secrets().keys() & _OF_CONNECTION
        values |= {name: decrypted(values[name], name.replace("_", " ")) for name in secrets}
        settings: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in pasted_text.normalized(values).items()
        }
        return Connection(**settings, sync_searches=self.sync_search_failed_at is None)

    def connection_at(self, at: datetime) -> Connection:
        """Return how to reach the server at this time; raises Undecryptable."""
        return replace(self.connection, at=at)
