"""The form of an LDAP server; its values are saved by the action, or only tested."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from django import forms
from django.db import models
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.forms.fields import LinesField, OrgsField, SecretTextarea, show_errors
from console.forms.ldap_server_help import HELP
from console.forms.ldap_server_layout import helper
from console.forms.stored_secrets import StoredSecrets
from directory.actions import servers
from directory.input_errors import Invalid
from directory.models import LdapServer
from directory.org_scope import inherited
from directory.servers import setting_powers
from directory.servers.presets import Preset
from directory.servers.setting_questions import Confirmed
from directory.values import pasted_text, server_fields
from directory.values.ldap import AttributeMapping, Connection, GroupSearch
from directory.values.scripts import SCRIPTS
from directory.values.server_field_kinds import LISTS, FieldKind, FieldSection
from orgs.models import Org, Role, User
from orgs.models.encrypted_text import Sealed, Undecryptable
from orgs.permissions import Permission
from orgs.rules.actors import person

_KINDS = {field.name: field.kind for field in server_fields.FIELDS}
_WIDGETS: dict[FieldKind, dict[str, Any]] = {
    FieldKind.SCRIPT: {
        "rows": 14,
        "spellcheck": "false",
        "autocapitalize": "none",
        "autocomplete": "off",
        "class": "script",
    },
    FieldKind.PEM: {"rows": 4, "spellcheck": "false", "class": "script"},
    FieldKind.FILTER: {"rows": 2, "spellcheck": "false", "class": "script"},
}
# The settings that each test needs.
_TESTED = (FieldSection.CONNECTION, FieldSection.SEARCH, FieldSection.ATTRIBUTES)
KEEP, DROP = "keep", "drop"


def _form_field(column: models.Field[Any, Any], **options: Any) -> forms.Field | None:
    """Return the form field for a column, by the kind of its value."""
    kind = _KINDS[column.name]
    if kind in LISTS:
        label, initial = capfirst(column.verbose_name), column.get_default()
        return LinesField(label=label, required=not column.blank, initial=initial, help_text=HELP.get(column.name, ""))
    if kind in _WIDGETS:
        options["widget"] = forms.Textarea(attrs=_WIDGETS[kind])
    if column.name == "bind_dn":
        options["widget"] = forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}
        )
    return column.formfield(**options)


def _secret_field(name: str) -> forms.CharField:
    """Return the field for a secret; the stored secret is never sent to the browser."""
    label = capfirst(str(getattr(LdapServer._meta.get_field(name), "verbose_name", name)))
    if _KINDS[name] is FieldKind.PASSWORD:
        password = forms.PasswordInput(attrs={"autocomplete": "new-password"})
        return forms.CharField(label=label, required=False, strip=False, max_length=4096, widget=password)
    lines = SecretTextarea(attrs={"rows": 4, "spellcheck": "false", "autocomplete": "off", "class": "script"})
    return forms.CharField(label=label, required=False, max_length=256 * 1024, widget=lines)


class LdapServerForm(StoredSecrets, forms.ModelForm):  # type: ignore[type-arg]
    """All settings of an LDAP server; the permissions of ``viewer`` limit the orgs and roles to choose from."""

    anonymous_bind = forms.BooleanField(label=_("Anonymous bind"), required=False)
    orgs = OrgsField(label=_("Orgs"), required=False)
    grantable_roles = forms.ModelMultipleChoiceField(
        label=_("Roles that this server may grant"),
        queryset=Role.objects.order_by("name"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    inherited = forms.ChoiceField(
        label=_("Servers that orgs inherit"),
        required=False,
        choices=[
            (
                KEEP,
                _(
                    "Add this server to them: each of these orgs gets a list of its own, with the inherited servers first"
                ),
            ),
            (DROP, _("Ask only this server from now on")),
        ],
        widget=forms.RadioSelect,
    )
    left_behind = forms.BooleanField(label=_("Users whom nobody looks for there"), required=False)
    limits_off = forms.CharField(label=_("Limits that are switched off"), required=False, max_length=255)
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = LdapServer
        fields = [name for name in servers.SETTINGS if name not in servers.SECRETS]
        formfield_callback = _form_field
        help_texts = HELP

    def __init__(self, *args: Any, viewer: User, server: LdapServer | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"instance": server})
        self.server, self.viewer = server, viewer
        self.fields.update({secret: _secret_field(secret) for secret in servers.SECRETS})
        for name in pasted_text.NORMALIZED & self.fields.keys():
            field: Any = self.fields[name]
            # Do not strip: an escaped blank at the end of a DN belongs to the DN.
            field.strip = False
        for name in {*self.declared_fields, *servers.SECRETS} & HELP.keys():
            self.fields[name].help_text = HELP[name]
        self.visible = Org.objects.visible_to(viewer).active()
        orgs: Any = self.fields["orgs"]
        orgs.queryset, orgs.inherited = self.visible, names_of_inherited(self.visible)
        if server is None:
            self.initial["grantable_roles"] = setting_powers.default_grantable_roles(person(viewer))
        else:
            self.initial = {
                **self.initial,
                "orgs": list(server.orgs.all()),
                "grantable_roles": list(server.grantable_roles.all()),
                "anonymous_bind": not server.bind_dn and not server.sasl_external,
                "version": server.version,
            }
            # Read this before the form changes the object.
            self.where = {
                secret: {name: getattr(server, name) for name in names} for secret, names in servers.SECRETS.items()
            }
            self.stored = {secret: getattr(server, secret) for secret in servers.SECRETS}
        if server is None:
            self.where = {secret: {} for secret in servers.SECRETS}
            self.stored = dict.fromkeys(servers.SECRETS, "")
        for secret, value in self.stored.items():
            if isinstance(value, Sealed):
                self.fields[secret].help_text = _("The stored one can't be decrypted: enter it again.")
            elif value:
                self.fields[secret].help_text = _("Stored. Leave it empty to keep it.")
        self.helper = helper()

    def is_like(self, preset: Preset) -> bool:
        """Return whether the form has the preset's filter and username already."""
        given = self.cleaned_data
        return all(given.get(name) == preset.settings[name] for name in ("search_filter", "username_attribute"))

    def clean(self) -> dict[str, Any]:
        """Clear the bind DN of a bind without one; refuse to overwrite changes that somebody else saved meanwhile."""
        found: dict[str, Any] = pasted_text.normalized(super().clean() or self.cleaned_data)
        if found.get("anonymous_bind") or found.get("sasl_external"):
            found["bind_dn"] = ""
            found["bind_password"] = ""
        elif not found.get("bind_dn") and "bind_dn" not in self.errors:
            self.add_error("bind_dn", gettext("Enter the DN to bind with, or tick “Anonymous bind”."))
        if self.server is not None and found.get("version") not in {None, self.initial["version"]}:
            self.add_error(
                None,
                gettext(
                    "Someone else has saved this server since you opened it. Open it again in another tab, compare, "
                    "and enter your changes there."
                ),
            )
        return found

    def _post_clean(self) -> None:
        """Do not fill in or check the model: the action does."""

    def add_problems(self) -> None:
        """Add the errors of the action too, so that the page shows all errors at once."""
        found = servers.problems(server=self.server, values=self.values())
        show_errors(self, Invalid({name: message for name, message in found.items() if name not in self.errors}))

    def values(self) -> dict[str, Any]:
        """Return the settings in the form that the action takes; an empty secret keeps the stored one."""
        values = {name: self.cleaned_data[name] for name in servers.SETTINGS if name in self.cleaned_data}
        for secret in servers.SECRETS:
            if not values.get(secret):
                values.pop(secret, None)
        return values

    def scripts(self) -> LdapServer:
        """Return an unsaved server with the scripts in the form and the settings that checks of scripts need."""
        sources = {script.column: str(self[script.column].value() or "") for script in SCRIPTS}
        return LdapServer(resolve_groups=bool(self["resolve_groups"].value()), **sources)

    def served_orgs(self) -> list[Org]:
        """Return the ticked orgs, and those that the server serves already but the viewer does not see."""
        hidden = self.server.orgs.exclude(pk__in=self.visible.values("pk")) if self.server else Org.objects.none()
        return [*self.cleaned_data["orgs"], *hidden]

    def confirmed(self) -> Confirmed:
        """Return the answers to the questions that a save asks."""
        answer, ids = self.cleaned_data["inherited"], frozenset(org.pk for org in self.cleaned_data["orgs"])
        return Confirmed(
            keep_inherited=ids if answer == KEEP else frozenset(),
            drop_inherited=ids if answer == DROP else frozenset(),
            left_behind=self.cleaned_data["left_behind"],
            limits_off=self.cleaned_data["limits_off"],
        )

    @property
    def may_grant_admin(self) -> bool:
        """Whether the viewer may allow a server to grant a role that holds ``admin``."""
        return self.viewer.may(Permission.ADMIN)

    def new_powers(self) -> list[str]:
        """Return the chosen roles that hold ``admin`` and that the stored server may not grant."""
        already = set(self.server.grantable_roles.all()) if self.server else set()
        return [role.name for role in self.cleaned_data["grantable_roles"] if role.holds_admin and role not in already]

    def connection(self) -> Connection:
        """Return the connection with the values in the form, saved or not.

        Raises:
            Undecryptable: when it needs a stored secret and no key decrypts it.
        """
        password, key = self._secret("bind_password", "bind_dn"), self._secret("client_key", "client_certificate")
        return self._filled_in(bind_password=password, client_key=key).connection

    def _filled_in(self, **secrets: str) -> LdapServer:
        """Return an unsaved server with the values in the form; its only secrets are those given here."""
        values = {name: self.cleaned_data[name] for name in servers.SETTINGS if name in self.cleaned_data}
        return LdapServer(**{**values, **dict.fromkeys(servers.SECRETS, ""), **secrets})

    def is_stored(self, connection: Connection) -> bool:
        """Return whether the stored settings make the same connection."""
        stored = LdapServer.objects.filter(pk=self.server.pk).first() if self.server else None
        try:
            return stored is not None and replace(stored.connection, name="") == replace(connection, name="")
        except Undecryptable:
            return False

    def mapping(self) -> AttributeMapping:
        """Return the attribute mapping in the form."""
        return self._filled_in().mapping

    def group_search(self) -> GroupSearch | None:
        """Return the search for groups in the form; None if no groups are resolved."""
        return self._filled_in().group_search

    def connection_errors(self, besides: Collection[str]) -> dict[str, list[str]]:
        """Return the errors of the settings that a test needs, and of those in ``besides``, by label."""
        needed = {*server_fields.in_section(*_TESTED), *besides}
        found = {name: list(map(str, errors)) for name, errors in self.errors.items() if name in needed}
        if not found:
            values = {name: value for name, value in self.values().items() if name in needed}
            wrong = servers.problems(server=self.server, values=values)
            found = {name: [message] for name, message in wrong.items() if name in needed}
            if self.wants_another_password:
                found.pop("bind_password", None)
            if self.wants_another_key:
                found.pop("client_key", None)
        return {str(self[name].label): messages for name, messages in found.items()}


def names_of_inherited(orgs: Iterable[Org]) -> dict[int, str]:
    """Return, by org id, the names of the servers that orgs without their own list inherit."""
    names = dict(LdapServer.objects.values_list("pk", "name"))
    return {org.pk: ", ".join(names[pk] for pk in servers) for org, servers in inherited(orgs).items()}
