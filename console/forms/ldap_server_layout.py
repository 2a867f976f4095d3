"""The layout of an LDAP server's form: groups of settings, and the parts between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Div, Field, Fieldset, Layout
from django.utils.translation import gettext_lazy as _

from directory.values import server_fields
from directory.values.server_field_kinds import FieldSection, ServerField

# Parts before and after the fields of a section.
_BEFORE = {
    FieldSection.SCRIPTS: [HTML('{% include "ldap_servers/_script_help.html" %}')],
    FieldSection.LIMITS: [HTML('{% include "ldap_servers/_limit_help.html" %}')],
}
_AFTER = {
    FieldSection.CONNECTION: [HTML('{% include "ldap_servers/_test_connection.html" %}')],
    FieldSection.SEARCH: [HTML('{% include "ldap_servers/_test_search.html" %}')],
    FieldSection.ATTRIBUTES: [HTML('{% include "ldap_servers/_test_sign_in.html" %}')],
    FieldSection.SCRIPTS: [Field("grantable_roles")],
    FieldSection.LIMITS: [HTML('{% include "ldap_servers/_limits_off.html" %}')],
    FieldSection.SCHEDULE: ["orgs", HTML('{% include "ldap_servers/_questions.html" %}')],
}
# Fields that are not in the order of the registry: the two ways to sign in, one after the other.
_MOVED: dict[str, tuple[Any, ...]] = {
    "bind_dn": (),
    "bind_password": (),
    "sasl_external": ("sasl_external", "anonymous_bind", Div("bind_dn", "bind_password", css_class="bind-fields")),
}


def helper() -> FormHelper:
    """Return the layout: connection, search, attributes, scripts, limits, schedule."""
    layout = FormHelper()
    layout.form_tag = False
    layout.layout = Layout("version", *map(_section, FieldSection))
    return layout


def _section(section: FieldSection) -> Div:
    inside = (*_BEFORE.get(section, ()), *_rows(section), *_AFTER.get(section, ()))
    return Div(Div(Fieldset(_(section.value), *inside), css_class="card-body"), css_class="card mb-3")


def _rows(section: FieldSection) -> Iterator[Any]:
    """Yield the rows of a section: a field, or several fields side by side."""
    rows: list[list[ServerField]] = []
    for field in server_fields.FIELDS:
        if field.section is section and field.beside and rows:
            rows[-1].append(field)
        elif field.section is section:
            rows.append([field])
    for first, *beside in rows:
        yield from (
            [_side_by_side(first.name, *(field.name for field in beside))]
            if beside
            else _MOVED.get(first.name, (first.name,))
        )


def _side_by_side(*fields: str) -> Div:
    return Div(*(Div(name, css_class="col-sm-6") for name in fields), css_class="row")
