"""S: the database is consistent: names, tree, settings, roles, references, constraints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Exists, ForeignKey, Model, OuterRef

from directory.models import LdapServer
from directory.org_scope import server_lists
from directory.values import server_fields
from directory.values.server_field_kinds import LISTS
from orgs.models import DirectoryService, Org, Role, User
from orgs.models.name_keys import Keyed
from orgs.permissions import STANDARD_ROLES, Permission
from orgs.rules.inheritance import effective_settings
from orgs.text import counted, fold

OWN = ("orgs", "directory")


def keys(_at: datetime) -> Iterator[str]:
    """The key by which a name is compared is the key of this name."""
    named: tuple[type[Keyed], ...] = (User, Org, Role, LdapServer)
    for model in named:
        rows = model._meta.base_manager.order_by("pk").values_list("pk", model.NAME, f"{model.NAME}_key")
        for pk, name, key in rows.iterator(chunk_size=5000):
            if key != fold(name) or not key:
                yield f"{model._meta.verbose_name} {pk} ({name}) is compared as '{key}', not as '{fold(name)}'"


def tree(_at: datetime) -> Iterator[str]:
    """The orgs are one tree: every path leads to the top, and every org has the right number of orgs below it."""
    nodes = {
        path: (pk, depth, count)
        for pk, path, depth, count in Org.objects.values_list("pk", "path", "depth", "numchild")
    }
    step = Org.steplen
    below = Counter(path[:-step] for path in nodes)
    if nodes and below[""] != 1:
        yield f"{counted(below[''], 'org is a top', 'orgs are tops')} of the tree, where there is one"
    for path, (pk, depth, count) in nodes.items():
        if len(path) != depth * step:
            yield f"org {pk} lies at depth {depth}, but its path {path} says otherwise"
        if len(path) > step and path[:-step] not in nodes:
            yield f"org {pk} at {path} lies below an org that does not exist"
        if count != below[path]:
            yield f"org {pk} says that {counted(count, 'org lies', 'orgs lie')} below it, and there are {below[path]}"


def effective(_at: datetime) -> Iterator[str]:
    """The effective settings of each org are valid: its directory service, its servers, its archive retention."""
    try:
        found = effective_settings()
    except KeyError as path:
        yield f"the settings of orgs can't be inherited: no org lies at the path {path}"
        return
    existing = set(LdapServer.objects.values_list("pk", flat=True))
    lists = server_lists(found)
    for org in found.values():
        if org.directory_service not in DirectoryService.values:
            yield f"org {org.id} ({org.name}) has its users managed by '{org.directory_service}', which does not exist"
        if org.archive_retention_days < 1:
            yield f"org {org.id} ({org.name}) keeps archives for {counted(org.archive_retention_days, 'day', 'days')}"
        if missing := set(lists[org.id]) - existing:
            yield f"org {org.id} ({org.name}) asks the LDAP servers {sorted(missing)}, which do not exist"


def servers(_at: datetime) -> Iterator[str]:
    """The settings of every LDAP server are within their bounds."""
    for server in LdapServer.objects.order_by("pk"):
        try:
            server.clean_fields(exclude=["name_key", *server_fields.of_kinds(LISTS), *server_fields.secrets()])
        except ValidationError as error:
            wrong = "; ".join(f"{field}: {' '.join(messages)}" for field, messages in error.message_dict.items())
            yield f"LDAP server {server.pk} ({server.name}): {wrong}"
        if not isinstance(server.urls, list) or not server.urls:
            yield f"LDAP server {server.pk} ({server.name}) has no URL"


def roles(_at: datetime) -> Iterator[str]:
    """Standard roles hold exactly their permissions, and no role holds a permission that does not exist."""
    existing = {key.value for key in Permission}
    for role in Role.objects.order_by("pk"):
        if role.locked and set(role.permissions) != set(STANDARD_ROLES.get(role.name, ())):
            yield f"role {role.pk} ({role.name}) is a standard role, but does not hold what it should"
        if unknown := set(role.permissions) - existing:
            yield f"role {role.pk} ({role.name}) holds {', '.join(sorted(unknown))}, which is no permission"


def references(_at: datetime) -> Iterator[str]:
    """No row refers to a missing row."""
    for model in _own_models():
        for field in model._meta.concrete_fields:
            if not isinstance(field, ForeignKey):
                continue
            there = field.related_model._meta.base_manager.filter(**{field.target_field.name: OuterRef(field.attname)})
            lost = model._meta.base_manager.filter(**{f"{field.attname}__isnull": False}).exclude(Exists(there))
            for pk, target in lost.order_by("pk").values_list("pk", field.attname).iterator():
                yield f"{model._meta.verbose_name} {pk} refers to {field.verbose_name} {target}, which does not exist"


def constraints(_at: datetime) -> Iterator[str]:
    """The database has every constraint of the models."""
    words = _words_of_the_schema()
    for model in _own_models():
        for constraint in model._meta.constraints:
            if constraint.name not in words:
                yield f"table {model._meta.db_table} lacks the constraint {constraint.name}"


def _words_of_the_schema() -> set[str]:
    """Return all words of the database's schema, among them the names of constraints and unique indexes."""
    if connection.vendor == "postgresql":
        query = "SELECT conname FROM pg_constraint UNION SELECT indexname FROM pg_indexes"
    else:
        query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"
    with connection.cursor() as cursor:
        cursor.execute(query)
        return {word for (text,) in cursor.fetchall() for word in text.replace('"', " ").split()}


def _own_models() -> list[type[Model]]:
    return [model for app in OWN for model in apps.get_app_config(app).get_models(include_auto_created=True)]
