"""Uploaded CSV files of users: the decisions about each row, between preview and creation, only for the uploader."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from directory.models.fields import EncryptedTextField
from orgs.models import Org, User

KEPT_FOR = timedelta(hours=1)


class UploadQuerySet(models.QuerySet["Upload"]):
    """Named queries of uploads."""

    def waiting_for(self, user: User, *, at: datetime) -> UploadQuerySet:
        """The upload that waits for this user, if it has not expired."""
        return self.filter(user=user, uploaded_at__gt=at - KEPT_FOR)

    def expired(self, *, at: datetime) -> UploadQuerySet:
        """Uploads that can't be carried out any more."""
        return self.filter(uploaded_at__lte=at - KEPT_FOR)


class Upload(models.Model):
    """One administrator's upload, at most one at a time; decisions have names and hashed passwords, so they are encrypted."""

    id: int
    user = models.OneToOneField(User, models.CASCADE, related_name="upload")
    org = models.ForeignKey(Org, models.CASCADE, related_name="+")
    file_name = models.CharField(_("file"), max_length=255)
    uploaded_at = models.DateTimeField(_("uploaded"))
    wanted = models.PositiveIntegerField(_("users to create"))
    refused = models.PositiveIntegerField(_("rows not to create"))
    decisions = EncryptedTextField()

    objects = models.Manager.from_queryset(UploadQuerySet)()

    class Meta:
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")

    def __str__(self) -> str:
        return self.file_name

    @property
    def expires_at(self) -> datetime:
        """The moment from which the upload can't be carried out any more."""
        return self.uploaded_at + KEPT_FOR
