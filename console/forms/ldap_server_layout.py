"""The layout of an LDAP server's form: its groups of settings, and what stands between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Div, Field, Fieldset, Layout
from django.utils.translation import gettext_lazy as _

from directory.values.limit_table import LIMITS, Limit
from directory.values.scripts import SCRIPTS


def helper() -> FormHelper:
    """Return the layout: connection, search, attributes, scripts, limits, schedule."""
    layout = FormHelper()
    layout.form_tag = False
    layout.layout = Layout(
        "version",
        _group(_("Server"), "name", "enabled"),
        _group(
            _("Connection"),
            "urls",
            "start_tls",
            "verify_certificates",
            "ca_certificate",
            "client_certificate",
            "client_key",
            "sasl_external",
            "anonymous_bind",
            Div("bind_dn", "bind_password", css_class="bind-fields"),
            _side_by_side("connect_timeout", "operation_timeout"),
            "follow_referrals",
            "left_out_contexts",
            "dereference_aliases",
            HTML('{% include "ldap_servers/_test_connection.html" %}'),
        ),
        _group(
            _("Search"),
            "search_base",
            "search_scope",
            "search_filter",
            "page_size",
            "cannot_page",
            "needed_attributes_only",
            HTML('{% include "ldap_servers/_test_search.html" %}'),
        ),
        _group(
            _("Groups"),
            "resolve_groups",
            "groups_base",
            "groups_filter",
            "groups_depth",
        ),
        _group(
            _("Attributes"),
            _side_by_side("username_attribute", "email_attribute"),
            _side_by_side("first_name_attribute", "last_name_attribute"),
            "unique_id_attribute",
            "always_list_attributes",
        ),
        _group(
            _("Scripts"),
            HTML('{% include "ldap_servers/_script_help.html" %}'),
            *(script.column for script in SCRIPTS),
            Field("grantable_roles"),
        ),
        _group(
            _("Limits"),
            HTML('{% include "ldap_servers/_limit_help.html" %}'),
            *(_side_by_side(*(limit.setting for limit in pair)) for pair in _pairs(LIMITS)),
            _side_by_side("absence_runs", "absence_hours"),
            "canary",
            "requires_approval",
            HTML('{% include "ldap_servers/_limits_off.html" %}'),
        ),
        _group(
            _("Schedule and orgs"),
            _side_by_side("sync_interval_hours", "full_reading_every"),
            "unmarked_attributes",
            "orgs",
            HTML('{% include "ldap_servers/_questions.html" %}'),
        ),
    )
    return layout


def _group(title: Any, *fields: Any) -> Div:
    return Div(Div(Fieldset(title, *fields), css_class="card-body"), css_class="card mb-3")


def _pairs(limits: Sequence[Limit]) -> Iterator[Sequence[Limit]]:
    return (limits[start : start + 2] for start in range(0, len(limits), 2))


def _side_by_side(*fields: str) -> Div:
    return Div(*(Div(name, css_class="col-sm-6") for name in fields), css_class="row")
