"""The tables of deployment policies, and of the devices that a policy has brought."""

from __future__ import annotations

from typing import Any

import django_tables2 as tables
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from console.elements import badges, policy_states
from console.elements.badges import Badge
from console.elements.url_cache import address_of
from console.listing.tables.columns import NUMBER, Table, TimeColumn, link, plain
from orgs.models import DeployedDevice, DeploymentPolicy


class DeploymentPolicyTable(Table):
    """Deployment policies."""

    fragment = "policy-list"
    sorted_at_once = True
    state_column = "state"

    name = tables.Column(verbose_name=_("Name"))
    state = tables.Column(verbose_name=_("State"), accessor="enabled", order_by=("enabled", "expires_at"))
    org = tables.Column(verbose_name=_("Registration org"), accessor="org__name", order_by="org__name_key")
    devices = tables.Column(verbose_name=_("Devices"), accessor="device_count", attrs=NUMBER)
    device_limit = tables.Column(verbose_name=_("At most"), attrs=NUMBER)
    networks = plain(_("Networks"), empty_values=())
    expires_at = TimeColumn(verbose_name=_("Expires"))

    class Meta:
        empty_text = _("There are no deployment policies yet.")

    def render_name(self, record: DeploymentPolicy) -> SafeString:
        return link(address_of("deployment:detail", record.pk), record.name)

    def render_state(self, record: Any) -> Badge:
        return policy_states.state_of(record, device_count=record.device_count, at=timezone.now())

    def render_networks(self, record: DeploymentPolicy) -> str:
        count = len(record.networks)
        if not count:
            return gettext("everywhere")
        return ngettext("%(count)d network", "%(count)d networks", count) % {"count": count}


class DeployedDeviceTable(Table):
    """Devices that came by one policy, the newest first."""

    fragment = "device-list"
    state_column = "states"

    device = tables.Column(verbose_name=_("Device"), accessor="device__name")
    states = plain(_("State"), empty_values=())
    user = tables.Column(
        verbose_name=_("User"), accessor="device__user__username", order_by="device__user__username_key"
    )
    org = tables.Column(
        verbose_name=_("Org"), accessor="device__user__org__name", order_by="device__user__org__name_key"
    )
    new_user = tables.Column(verbose_name=_("User was new"))
    address = tables.Column(verbose_name=_("From address"))
    at = TimeColumn(verbose_name=_("When"))

    class Meta:
        empty_text = _("This policy has brought no device yet. Run one of its commands on a computer.")

    def render_device(self, record: DeployedDevice) -> SafeString:
        return link(address_of("devices:detail", record.device_id), record.device.name)

    def render_states(self, record: DeployedDevice) -> SafeString:
        return badges.side_by_side(badges.device_states(record.device))

    def render_user(self, record: DeployedDevice) -> SafeString:
        return link(address_of("users:detail", record.device.user_id), record.device.user.username)

    def render_new_user(self, record: DeployedDevice) -> str:
        return gettext("yes") if record.new_user else gettext("no")
