"""Repositories: the folders that archives are stored in, and who has their passwords."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from orgs.models.archives import Archive
from orgs.models.encrypted_text import EncryptedTextField
from orgs.models.orgs import KeyHolder


class RepositoryLocation(models.TextChoices):
    """Where the folder of a repository is."""

    LIVE = "live", _("live")
    MOVING = "moving", _("moving")
    COLD = "cold", _("cold storage")


class Repository(models.Model):
    """The folder of one archive, named by the GUID of its device; ``password`` is empty where the user holds it."""

    id: int
    archive = models.OneToOneField(Archive, models.CASCADE, verbose_name=_("archive"), related_name="repository")
    password = EncryptedTextField(_("repository password"), blank=True, default="")
    key_holder = models.CharField(_("key holder"), max_length=8, choices=KeyHolder.choices, default=KeyHolder.ROLLCALL)
    location = models.CharField(
        _("location"), max_length=8, choices=RepositoryLocation.choices, default=RepositoryLocation.LIVE
    )
    # None: something was stored since the last count.
    counted_at = models.DateTimeField(_("size counted at"), null=True, blank=True)
    # How often something was stored: a count during which it has grown does not count.
    changes = models.PositiveBigIntegerField(_("changes"), default=0, db_default=0)

    class Meta:
        verbose_name = _("repository")
        verbose_name_plural = _("repositories")
        ordering = ["archive"]
        constraints = [
            models.CheckConstraint(
                condition=Q(key_holder="user", password="") | Q(key_holder="rollcall") & ~Q(password=""),
                name="a_repository_password_is_with_its_key_holder",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.archive_id}"
