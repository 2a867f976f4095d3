"""A process of its own whose registry has a fourth script: it does everything with it, and prints what came of it as JSON.

It is registered before anything else is imported, which is what one more entry in the registry would be.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from io import StringIO
from typing import Any

from directory.values import scripts
from directory.values.script_returns import name
from directory.values.scripts import Script

NOTE = Script(
    name="note",
    result="note",
    help="Returns a note about the user; nothing leaves it away.",
    returns=name(expected="a note as text", one="a note"),
    unset=None,
    sample="""\
function (entry) {
    return null;
}""",
)
SOURCE = """\
function (entry) {
    if (entry.roomNumber === '13') throw new Error('bad luck');
    return entry.roomNumber === '0' ? 0 : ' in room ' + entry.roomNumber + ' ';
}"""
BROKEN = "function (entry) { return"


def main(url: str, base: str) -> None:
    """Register the script, make a database, and print the facts."""
    scripts.SCRIPTS = (*scripts.SCRIPTS, NOTE)
    start()
    with_column()
    print(json.dumps(facts(url, base), default=str))  # noqa: T201 - the answer


def start() -> None:
    """Start Django with one more column: what the model has to name beside the registry."""
    import django
    from django.db.models.signals import class_prepared
    from django.test.utils import setup_test_environment

    def add(sender: Any, **_: object) -> None:
        if sender.__name__ == "LdapServer":
            from directory.models.servers import attribute_settings

            sender.add_to_class(NOTE.column, attribute_settings._script(NOTE))

    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    class_prepared.connect(add, weak=False)
    django.setup()
    # Pages then say what they were made from.
    setup_test_environment()


def with_column() -> None:
    """Make the tables, as they are on main, then the column, as the migration would that Django makes by itself."""
    from django.core.management import call_command
    from django.db import connection

    from directory.models import LdapServer

    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        column: Any = LdapServer._meta.get_field(NOTE.column)
        editor.add_field(LdapServer, column)


def facts(url: str, base: str) -> dict[str, Any]:
    """Return what every place that has to do with scripts makes of the fourth."""
    from directory.management import servers_json
    from directory.models import LdapServer, RunServer, ScriptVersion, StoredEntry
    from directory.scripts.evaluation_fingerprint import evaluation_fingerprint
    from directory.servers import presets
    from tests.worlds import NOON, ldap_server, simulate, user

    for username in ("mia", "bob", "sean", "ina"):
        user(username)
    corp = ldap_server(url, search_base=base)
    before = [corp.configuration_digest, evaluation_fingerprint(corp)]
    needed = list(LdapServer(needed_attributes_only=True, **{NOTE.column: SOURCE}).attributes or ())
    given = {"name": "Corp", NOTE.column: SOURCE.replace("\n", "\r\n")}
    [(corp, _)] = servers_json.apply(given, by=system(), at=NOON)
    after = [corp.configuration_digest, evaluation_fingerprint(corp)]
    run = simulate(corp)
    return {
        "migration": migration(),
        "without": before[0],
        "server": {"urls": corp.urls, "search_base": corp.search_base},
        "unlike": [old != new for old, new in zip(before, after, strict=True)],
        "needed": needed,
        "named": list(corp.named_attributes),
        "counted": RunServer.objects.get(run=run).attribute_counts,
        "verdicts": {entry.dn.split(",")[0]: entry.verdict for entry in StoredEntry.objects.all()},
        "outcomes": {change.username: [change.outcome, *change.steps] for change in run.changes.all()},
        "shown": servers_json.as_json(corp)[NOTE.column],
        "versions": list(ScriptVersion.objects.values_list("script", "source")),
        "refused": refusal({"name": "Corp", NOTE.column: BROKEN}),
        "wrong_type": refusal({"name": "Corp", NOTE.column: 1}),
        "presets": {preset.key: preset.settings.get(NOTE.column) for preset in presets.PRESETS},
        "impact": impact_of(corp),
        "page": page(corp),
        "command": command(),
        "alone": alone(),
    }


def system() -> Any:
    from orgs.rules.actors import SYSTEM

    return SYSTEM


def migration() -> list[str]:
    """Return what makemigrations would write."""
    from django.core.management import call_command

    out = StringIO()
    call_command("makemigrations", dry_run=True, stdout=out)
    return [line.strip() for line in out.getvalue().splitlines()[1:]]


def refusal(given: dict[str, object]) -> dict[str, str]:
    from directory.input_errors import Invalid
    from directory.management import servers_json
    from tests.worlds import NOON

    try:
        servers_json.apply(given, by=system(), at=NOON)
    except Invalid as error:
        return error.errors
    return {}


def impact_of(corp: Any) -> list[int]:
    """Return how many verdicts and how many users another note would change."""
    from directory.impact.script_impact import impact

    sources = {script.key: source for script, source in corp.scripts.items()}
    *_, last = impact(corp, scripts.Scripts(**sources | {"note": "function (entry) { return entry.roomNumber; }"}))
    return [last.verdicts, last.users]


def page(corp: Any) -> dict[str, Any]:
    """Return what the page of the server shows of the script, and what it says of one that is typed there."""
    from django.urls import reverse

    from tests.makers import make_sysadmin, signed_in

    browser = signed_in(make_sysadmin())
    address = reverse("ldap_servers:edit", args=[corp.pk])
    form = browser.get(address).context["form"]
    field = form[NOTE.column]
    typed = {NOTE.column: "function (entry) { return entry.groups; }"}
    hints = browser.post(address, typed).context["warnings"]
    return {
        "label": field.label,
        "help": field.help_text,
        "value": field.value(),
        "hints": hints,
        "shown": f'name="{NOTE.column}"' in browser.get(address).content.decode(),
    }


def command() -> str:
    from django.core.management import call_command

    out = StringIO()
    call_command("ldapserver", "show", "Corp", stdout=out)
    return str(json.loads(out.getvalue())[NOTE.column])


def alone() -> dict[str, list[str]]:
    """Return what entries get one by one, in batches, and by way of another worker's rows."""
    from directory.scripts import verdict_json
    from directory.scripts.sandbox.sandbox import Sandbox
    from directory.values.ldap import Entry

    entries = [Entry(f"cn={room}", {"roomNumber": (room,)}) for room in ("12", "13", "14", "0")]
    sources = scripts.Scripts(org_name="e => 'Staff'", note=SOURCE)
    with Sandbox(sources, ()) as sandbox:
        found = sandbox.evaluate(entries)
        second = sandbox.second_opinions(entries)
        one_by_one = [sandbox._search.alone(sandbox._packer.row(entry)) for entry in entries]
    sent = [verdict_json.verdict_from_json(verdict_json.verdict_to_json(verdict)) for verdict in found]
    gone = [replace(verdict.error, line=None) for verdict in found if verdict.error]
    return {
        "in batches": list(map(repr, found)),
        "in fresh realms": list(map(repr, second)),
        "one script after the other": list(map(repr, one_by_one)),
        "through JSON": list(map(repr, sent)),
        "errors": list(map(str, gone)),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
