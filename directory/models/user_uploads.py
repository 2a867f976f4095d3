"""Uploaded CSV files of users: the preview of each row, only for the uploader, and what became of each row afterwards."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from orgs.models import Org, User
from orgs.models.encrypted_text import EncryptedTextField
from orgs.permissions import Permission

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
    """One administrator's upload, at most one at a time; its rows have names and hashed passwords: they are encrypted."""

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


class FinishedUploadQuerySet(models.QuerySet["FinishedUpload"]):
    """Named queries of finished uploads."""

    def visible_to(self, viewer: User) -> FinishedUploadQuerySet:
        """All uploads for whoever changes users of every org, their own for others; their page leaves out rows of other orgs."""
        if viewer.may_everywhere(Permission.USER):
            return self
        return self.filter(user=viewer) if viewer.may(Permission.USER) else self.none()


class FinishedUpload(models.Model):
    """An upload that was carried out; ``rows`` have people's names and addresses, so they are encrypted."""

    id: int
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="finished_uploads")
    by_label = models.CharField(_("who"), max_length=255)
    org = models.ForeignKey(Org, models.SET_NULL, null=True, related_name="+")
    file_name = models.CharField(_("file"), max_length=255)
    done_at = models.DateTimeField(_("when"), db_index=True)
    created = models.PositiveIntegerField(_("users created"))
    total = models.PositiveIntegerField(_("rows"))
    rows = EncryptedTextField()

    objects = models.Manager.from_queryset(FinishedUploadQuerySet)()

    class Meta:
        verbose_name = _("finished upload")
        verbose_name_plural = _("finished uploads")
        ordering = ["-done_at", "-pk"]

    def __str__(self) -> str:
        return self.file_name
