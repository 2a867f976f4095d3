"""Every address of the console, walked from the URL map: new pages join all attacks by themselves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.test import RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from console.admin import EDITABLE, data_fixes
from console.http.view_guards import guards_of
from orgs.permissions import Permission
from tests.attacks.address_table import NEEDED
from tests.attacks.world import MANAGER, ORG_ADMIN, PLAIN, SERVER_ADMIN, SYSADMIN, World

# Who gets in where a view names this permission; written down once more, so that a looser rule is noticed.
ADMITTED: dict[Permission, frozenset[str]] = {
    Permission.CONSOLE_LOGIN: frozenset({PLAIN, ORG_ADMIN, MANAGER, SERVER_ADMIN, SYSADMIN}),
    Permission.USER: frozenset({ORG_ADMIN, SERVER_ADMIN, SYSADMIN}),
    Permission.USER_READ: frozenset({ORG_ADMIN, MANAGER, SERVER_ADMIN, SYSADMIN}),
    Permission.ORG_READ: frozenset({ORG_ADMIN, MANAGER, SERVER_ADMIN, SYSADMIN}),
    Permission.ORG_CREATE: frozenset({ORG_ADMIN, SERVER_ADMIN, SYSADMIN}),
    Permission.ORG_UPDATE_BASIC: frozenset({ORG_ADMIN, SERVER_ADMIN, SYSADMIN}),
    Permission.ORG_DELETE: frozenset({ORG_ADMIN, SERVER_ADMIN, SYSADMIN}),
    Permission.COMPUTER: frozenset({ORG_ADMIN, SERVER_ADMIN, SYSADMIN}),
    Permission.COMPUTER_READ: frozenset({ORG_ADMIN, MANAGER, SERVER_ADMIN, SYSADMIN}),
    Permission.ALL_USER_READ: frozenset({MANAGER, SERVER_ADMIN, SYSADMIN}),
    Permission.RESTORE_PERSONAL: frozenset({ORG_ADMIN, MANAGER, SERVER_ADMIN, SYSADMIN}),
    Permission.RESTORE: frozenset({ORG_ADMIN, SERVER_ADMIN, SYSADMIN}),
    Permission.SYSTEM: frozenset({SERVER_ADMIN, SYSADMIN}),
    Permission.ADMIN: frozenset({SYSADMIN}),
}
# Some runs want more than their page: a plan that passed limits is for a SYSADMIN only.
DECIDED_BY_THE_RUN = {"runs:apply", "runs:discard"}
# For everybody, signed in or not.
OPEN = {
    "session:sign-in",
    "session:second-step",
    "session:forgotten-password",
    "session:new-password",
    "session:state",
    "session:sign-out",
    "data-fixes:login",
}
# What "pk" means in an area; elsewhere the name of the argument says it: run_pk, user_id.
KINDS = {
    "users": "user",
    "orgs": "org",
    "roles": "role",
    "devices": "device",
    "archives": "archive",
    "restores": "device",
    "deployment": "deployment",
    "legal_holds": "matter",
    "ldap_servers": "server",
    "runs": "run",
    "alerts": "alert",
    "bulk_acts": "act",
}
# Only who chose the users finds the question.
OF_ONE_PERSON = {"bulk_acts:ask"}
# Areas whose objects belong to an org: nobody finds those of another company.
SCOPED = ("users", "orgs", "devices", "archives", "restores", "deployment", "legal_holds", "bulk_acts")


@dataclass(frozen=True, slots=True)
class Page:
    """One pattern of the URL map."""

    name: str
    arguments: tuple[str, ...]
    view: Callable[..., Any]

    @property
    def area(self) -> str:
        """The first part of the name."""
        return self.name.partition(":")[0]

    @property
    def permission(self) -> Permission | None:
        """The permission that the view requires, as its guard has it."""
        return guards_of(self.view).permission

    @property
    def needed(self) -> Permission:
        """What the view has to want; KeyError names an address that the table does not know."""
        return NEEDED[self.name]

    @property
    def admitted(self) -> frozenset[str]:
        """Who gets in."""
        assert self.permission is not None, f"{self.name} names no permission: put @require(...) above its view"
        return ADMITTED[self.permission]

    @property
    def methods(self) -> frozenset[str]:
        """The methods that the view takes, as its outermost guard says."""
        answer = self.view(RequestFactory().generic("BREW", "/"))
        assert answer.status_code == 405, (
            f"{self.name} takes every method: put @require_safe or the like above its view"
        )
        return frozenset(answer.headers["Allow"].split(", "))

    def address(self, world: World, **given: Any) -> str:
        """Return the address with an object of the foreign company in each place."""
        return reverse(self.name, kwargs={name: self._argument(name, world) for name in self.arguments} | given)

    def _argument(self, name: str, world: World) -> Any:
        kind = KINDS.get(self.area, "") if name == "pk" else name.removesuffix("_pk").removesuffix("_id")
        assert kind in world.objects, f"tests/attacks/urls.py does not know what {name} means in {self.name}"
        return world.objects[kind].pk


def _walk(resolver: URLResolver, namespace: str = "", names: tuple[str, ...] = ()) -> Iterator[Page]:
    for entry in resolver.url_patterns:
        arguments = (*names, *entry.pattern.converters)
        if isinstance(entry, URLPattern):
            yield Page(f"{namespace}{entry.name}", arguments, entry.callback)
        elif entry.namespace != data_fixes.name:
            yield from _walk(entry, f"{entry.namespace}:" if entry.namespace else namespace, arguments)


_EVERY = {page.name: page for page in _walk(get_resolver())}
# What programs on devices ask has no session, no form and no page: tests/attacks/test_agent_addresses.py attacks it.
FOR_AGENTS = {name: page for name, page in _EVERY.items() if guards_of(page.view).for_agents}
PAGES = {name: page for name, page in _EVERY.items() if name not in FOR_AGENTS}
GUARDED = [name for name in PAGES if name not in OPEN]
POSTED = [name for name in PAGES if "POST" in PAGES[name].methods]
SHOWN = [name for name in GUARDED if "GET" in PAGES[name].methods]
MODELS = {f"{model._meta.app_label}_{model._meta.model_name}": model for model in data_fixes._registry}


def _groups() -> dict[str, list[str]]:
    """Return the models of the data fixes by what they belong to, and whether they can be changed there."""
    groups: dict[str, list[str]] = {}
    for name, model in MODELS.items():
        kind = "changed" if model in EDITABLE else "shown"
        groups.setdefault(f"what of {model._meta.app_label} is {kind}", []).append(name)
    return groups


GROUPS = _groups()
AREAS = sorted({page.area for page in PAGES.values()})


def of_area(area: str, names: Iterable[str]) -> list[Page]:
    """Return those of the pages that belong to an area."""
    return [PAGES[name] for name in names if PAGES[name].area == area]


def _patterns(resolver: URLResolver) -> Iterator[URLPattern]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLPattern):
            yield entry
        else:
            yield from _patterns(entry)


def data_fix_patterns() -> list[URLPattern]:
    """Return every pattern of the data fixes, named or not."""
    namespaces = {entry.namespace: entry for entry in get_resolver().url_patterns if isinstance(entry, URLResolver)}
    return list(_patterns(namespaces[data_fixes.name]))


def data_fixes_of(model: str) -> list[str]:
    """Return the addresses of one model's data fixes: its list, its form for a new one, and one of an object each."""
    first = MODELS[model]._default_manager.first()
    pages = [reverse(f"{data_fixes.name}:{model}_{page}") for page in ("changelist", "add")]
    one = first.pk if first is not None else 1
    return pages + [
        reverse(f"{data_fixes.name}:{model}_{page}", args=[one]) for page in ("change", "history", "delete")
    ]


def data_fixes_of_the_site() -> list[str]:
    """Return the addresses of the data fixes that belong to no model."""
    content_type = ContentType.objects.get_for_model(next(iter(data_fixes._registry))).pk
    return [
        *(reverse(f"{data_fixes.name}:{page}") for page in ("index", "jsi18n", "autocomplete", "password_change_done")),
        *(
            reverse(f"{data_fixes.name}:app_list", args=[config.label])
            for config in apps.get_app_configs()
            if config.label in {"orgs", "directory"}
        ),
        reverse(f"{data_fixes.name}:view_on_site", args=[content_type, 1]),
        "/data-fixes/nothing-here/",
    ]


def guards_itself(pattern: URLPattern) -> bool:
    """Return whether a page of the data fixes went through the site's own guard."""
    return hasattr(pattern.callback, "admin_site") or hasattr(pattern.callback, "model_admin")


def mostly_whole(names: Iterable[str], quick: Collection[str]) -> list[Any]:
    """Return the names for a test, all but the quick ones marked to run with the whole catalogue only."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.whole) for name in names]
