"""Settings of an LDAP server: limits for a plan, and when a missing user counts as absent."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from directory.values.server_limits import BY_NAME, LIMITS, Limit, Limits, LimitUnit


def _limit(name: str) -> models.PositiveSmallIntegerField[int, int] | models.PositiveIntegerField[int, int]:
    """Return the model field for a limit, by the table of limits."""
    limit = BY_NAME[name]
    small = models.PositiveSmallIntegerField if limit.unit is LimitUnit.PERCENT else models.PositiveIntegerField
    bounds = [MinValueValidator(limit.least)] if limit.least else []
    return small(_(limit.label), default=limit.default, validators=[*bounds, MaxValueValidator(limit.most)])


class LimitSettings(models.Model):
    """Settings of an LDAP server: limits for a plan, and when a missing user counts as absent."""

    # One field for each row of the table of limits; a test compares them.
    limit_deactivations_percent = _limit("deactivations_percent")
    limit_deactivations_count = _limit("deactivations_count")
    limit_org_deactivations_percent = _limit("org_deactivations_percent")
    limit_entries_percent = _limit("entries_percent")
    limit_script_errors_percent = _limit("script_errors_percent")
    limit_lost_ids_percent = _limit("lost_ids_percent")
    limit_moves_percent = _limit("moves_percent")
    limit_role_changes_percent = _limit("role_changes_percent")
    limit_role_losses_percent = _limit("role_losses_percent")
    limit_admin_grants = _limit("admin_grants")
    limit_renames_percent = _limit("renames_percent")
    limit_profile_changes_percent = _limit("profile_changes_percent")
    limit_reactivations_percent = _limit("reactivations_percent")
    limit_vanished_attributes_percent = _limit("vanished_attributes_percent")

    absence_runs = models.PositiveSmallIntegerField(
        _("absent in how many syncs in a row"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
    )
    absence_hours = models.PositiveIntegerField(
        _("absent for how many hours"),
        default=0,
        validators=[MaxValueValidator(8760)],
    )

    canary = models.CharField(_("canary entry"), max_length=255, blank=True)

    class Meta:
        abstract = True

    @property
    def limits(self) -> Limits:
        """The safety limits."""
        return Limits({limit.name: getattr(self, limit.setting) for limit in LIMITS}, canary=self.canary)

    @property
    def limits_off(self) -> list[Limit]:
        """The limits that hold back nothing, or almost nothing, with their present numbers."""
        return [limit for limit in LIMITS if limit.is_off(getattr(self, limit.setting))]
