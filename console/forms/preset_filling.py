"""Fills a preset into the form of an LDAP server, over the typed values; checks and saves nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.forms.ldap_servers import LdapServerForm
from directory.actions import servers
from directory.servers.presets import Preset
from directory.values import pasted_text


@dataclass(frozen=True, slots=True)
class Replaced:
    """A field whose value the preset replaced, and the old value."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class FilledIn:
    """``form`` has the typed values with the preset over them; ``secrets`` are labels of typed secrets, now lost."""

    form: LdapServerForm
    preset: Preset | None
    replaced: tuple[Replaced, ...]
    secrets: tuple[str, ...]


def fill_in(typed: LdapServerForm, preset: Preset | None) -> FilledIn:
    """Return the form with the typed values, without secrets, and with the settings of the preset if there is one."""
    settings: Mapping[str, Any] = preset.settings if preset else {}
    form = LdapServerForm(viewer=typed.viewer, server=typed.server)
    untouched = LdapServerForm(viewer=typed.viewer, server=None)
    form.initial.update({name: typed[name].value() for name in typed.fields if name not in servers.SECRETS})
    replaced = tuple(
        Replaced(str(typed[name].label), old)
        for name, value in settings.items()
        if (old := _text(typed, name)) and not _same(name, old, value) and old != _text(untouched, name)
    )
    form.initial.update(settings)
    secrets = tuple(str(typed[name].label) for name in servers.SECRETS if typed[name].value())
    return FilledIn(form, preset, replaced, secrets)


def _text(form: LdapServerForm, name: str) -> str:
    value = form[name].value()
    return pasted_text.text("\n".join(map(str, value)) if isinstance(value, list) else str(value or ""))


def _same(name: str, typed: str, value: Any) -> bool:
    return pasted_text.same(name, typed.split("\n") if isinstance(value, list) else typed, value)
