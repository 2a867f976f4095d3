"""The audit trail: one row for every write of an action, with who, when, before and after."""

from __future__ import annotations

from django.conf import settings
from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from orgs.models.users import User
from orgs.permissions import Permission


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    """Named questions about the audit trail."""

    def visible_to(self, viewer: User) -> AuditEntryQuerySet:
        """Return all entries for server administrators, none for others: the trail covers all orgs."""
        return self if viewer.may(Permission.SYSTEM) else self.none()

    def newest_first(self) -> AuditEntryQuerySet:
        """Return the entries in the order of the trail."""
        return self.order_by("-at", "-pk")

    def that_gave_passwords(self) -> AuditEntryQuerySet:
        """Return the entries of actions that gave a user a local password."""
        given = models.Q(action="password set") | models.Q(("after__password", "set"), action="user created")
        return self.filter(given, object_type="user")

    def values_of(self, field: str) -> list[str]:
        """Return the distinct values of an indexed field, with one index lookup for each value."""
        table = connection.ops.quote_name(self.model._meta.db_table)
        column = connection.ops.quote_name(
            {each.name: str(each.column) for each in self.model._meta.concrete_fields}[field]
        )
        smallest = f"SELECT MIN({column}) FROM {table}"  # noqa: S608  # only names of columns are put in
        with connection.cursor() as cursor:
            cursor.execute(
                f"WITH RECURSIVE known(value) AS ({smallest} UNION ALL "  # noqa: S608
                f"SELECT ({smallest} WHERE {column} > known.value) FROM known WHERE known.value IS NOT NULL) "
                "SELECT value FROM known WHERE value IS NOT NULL"
            )
            return [value for (value,) in cursor.fetchall()]


class AuditEntry(models.Model):
    """What one action did to one object; rows are only ever added."""

    id: int
    at = models.DateTimeField(_("when"))
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        verbose_name=_("who"),
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        # No index: users are never deleted, and pages query by the label.
        db_index=False,
    )
    actor_label = models.CharField(_("who or what"), max_length=255)
    run_id = models.BigIntegerField(_("run"), null=True, blank=True, db_index=True)
    bulk_act_id = models.BigIntegerField(_("bulk act"), null=True, blank=True)
    action = models.CharField(_("action"), max_length=64)
    object_type = models.CharField(_("kind"), max_length=32)
    object_id = models.BigIntegerField(_("id"))
    object_label = models.CharField(_("what"), max_length=255)
    before = models.JSONField(_("before"), default=dict)
    after = models.JSONField(_("after"), default=dict)

    objects = models.Manager.from_queryset(AuditEntryQuerySet)()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["object_type", "object_id", "-at"], name="audit_by_object"),
            models.Index(fields=["-at", "-id"], name="audit_newest_first"),
            models.Index(fields=["action", "id"], name="audit_by_action"),
            models.Index(fields=["actor_label", "id"], name="audit_by_actor"),
            models.Index(fields=["object_label", "id"], name="audit_by_object_label"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.action} {self.object_label}"
