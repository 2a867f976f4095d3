"""No sequence of two acts gives an account more than the actor holds: every action, and every page, as each role."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client

import directory.actions
import orgs.actions
from directory.input_errors import Invalid, Refused
from directory.ldap.errors import DirectoryUnavailable
from directory.models import Upload
from directory.provisioning import applicant_decisions, creation
from directory.provisioning.csv_files.bad_csv import BadCsv
from orgs.models import Org, Role, User
from orgs.permissions import STANDARD_ROLES
from orgs.rules.actors import Actor, person
from tests.attacks.acts import ACTS, Act
from tests.attacks.forms import as_sent
from tests.attacks.powers_world import Powers, gained, make_powers_world
from tests.attacks.urls import MODELS, PAGES, POSTED, data_fixes_of
from tests.attacks.world import MANAGER, ORG_ADMIN, PLAIN, SERVER_ADMIN, SYSADMIN, World, make_world
from tests.catalogue import noted
from tests.makers import PASSWORD

pytestmark = pytest.mark.django_db

# What an act needs may be gone by the one before it.
REFUSALS = (Refused, Invalid, BadCsv, DirectoryUnavailable, ObjectDoesNotExist)
# Actions that give nobody anything: what they change is not who may do what.
HARMLESS = {
    "orgs.actions.archives": {"age", "follow_retention"},
    "orgs.actions.audit": {"note"},
    "orgs.actions.devices": {"deactivate", "reactivate", "deauthorize"},
    # A device backs up what its user may back up; to sign in on devices of those who hold more is refused.
    "orgs.actions.backups.new_archives": {"begin"},
    "orgs.actions.backups.tokens": {"issue"},
    # Whose files they restore holds no more than they do, else it is refused.
    "orgs.actions.restores.downloads": {"begin"},
    "orgs.actions.restores.requested_restores": {
        "request",
        "cancel",
        "report",
        "expire",
        "refuse_files_of_those_who_hold_more",
    },
    # Only the user who has signed in acts here, on devices of their own.
    "orgs.actions.device_registration": {"register", "replace"},
    # Who registers silently is never more than a plain backup user (tests/attacks/test_deployment.py).
    "orgs.actions.deployment.deployed_devices": {"add"},
    "orgs.actions.deployment.deployment_policies": {"add", "edit", "renew_token", "enable", "disable", "delete"},
    "orgs.actions.deployment.policy_scope": {"reaches_every_org", "refuse_org", "refuse_outside"},
    "orgs.actions.devices_by_hand.states": {"reactivate", "block", "unblock", "deauthorize", "authorize"},
    "orgs.actions.devices_by_hand.replacement": {"replace"},
    "orgs.actions.devices_by_hand.archive_expiry": {"extend"},
    "orgs.actions.legal_holds": {"open_matter", "add_custodians", "release", "close_matter", "reopen_matter"},
    # Of users who hold more than the acting person, nothing is exported or read.
    "orgs.actions.matters.hold_exports": {"request", "remove", "note_download"},
    "orgs.actions.matters.matter_edits": {"edit", "new_matter"},
    "orgs.actions.matters.matter_events": {"note_matter", "note_users", "note_in_open_matters"},
    "orgs.actions.matters.matter_scope": {
        "acting_person",
        "refuse_matter",
        "refuse_policy",
        "refuse_owner",
        "refuse_people",
        "refuse_to_release_oneself",
    },
    "orgs.actions.matters.policies": {"add", "edit", "delete"},
    "orgs.actions.orgs": {"set_active", "renew_registration_key"},
    "orgs.actions.roles": {"delete", "require_second_factor"},
    "directory.actions.organization.role_removal": {"delete"},
    # Of an undo, which only a SYSADMIN may apply.
    "orgs.actions.state_restoration": {"states", "devices", "cold_archives"},
    "orgs.actions.users.blocking": {"block"},
    # A second factor of one's own opens nothing that the password does not open, too.
    "orgs.actions.users.second_factors": {"add_code_app", "add_passkey", "renew_recovery_codes", "remove"},
    # For the command line, while no SYSADMIN can sign in with a local password.
    "orgs.actions.users.first_administrator": {"create"},
    # It asks a directory, and writes nothing but its audit row.
    "directory.actions.server_trials": {"test_sign_in"},
    "orgs.actions.users.signed_in_sessions": {"end_all", "note_ended"},
    "orgs.actions.users.sign_in_trail": {"note_sign_in"},
    "orgs.actions.users.deactivation": {"deactivate"},
    "orgs.actions.users.pending_deactivation": {"set_pending", "clear_pending"},
    # Parts of the actions of users.
    "orgs.actions.users.role_grants": {"insert_grants"},
    "orgs.actions.users.user_rows": {"take_over", "note_all"},
    # The rule itself.
    "orgs.actions.escalation_guard": {
        "acting",
        "refuse_moves",
        "refuse_role_sets",
        "refuse_to_take",
        "refuse_gains",
        "refuse_above",
        "gains",
        "above",
        "refuse_roles",
    },
    "orgs.actions.local_password_guard": {
        "watched",
        "promotions_watched",
        "forget_passwords_of_promoted",
        "a_sysadmin_stays",
    },
    # Runs are nobody's act: what they may grant is the servers' list, and who applies which is tested with approval.
    "directory.actions.plan_approvers": {"permission", "refuse_unless_second"},
    "directory.actions.run_start_and_cancel": {"start", "cancel", "note_run"},
    "directory.actions.stored_plans": {"apply_plan", "discard", "refuse_unless_applicable", "why_not_applicable"},
    "directory.actions.undo": {"start"},
    "directory.actions.alerts": {"dismiss"},
    # They choose people, and confirming does the rest.
    "directory.actions.bulk.choosing": {"prepare", "prepare_undo"},
    "directory.actions.bulk.confirmation": {"cancel"},
    # The ids stay, so nobody else is matched.
    "directory.actions.users.noted_matches": {"give_up"},
    "directory.actions.old_rows": {"remove_old"},
    "directory.actions.key_rotation": {"rotate"},
    "directory.actions.sync_settings": {"save"},
    # Parts of saving a server.
    "directory.actions.org_servers": {"serve", "note_changed"},
    "directory.servers.setting_powers": {
        "is_sysadmin",
        "beyond",
        "default_grantable_roles",
        "wrong_grants",
        "wrong_lists",
        "only_for_sysadmins",
        "wrong_scope",
        "deciding_as_allowed",
    },
    "directory.servers.setting_questions": {"questions"},
    "directory.actions.servers": {"reorder"},
    # Parts of creating users.
    "directory.provisioning.creation": {"carry_out"},
    "directory.actions.users.upload_outcomes": {"keep"},
    "directory.provisioning.applicant_decisions": {"decide"},
}
# The role whose acts are tried with every push: who administers an org, and may do most without being allowed everything.
OFTEN = "Org Admin"
# Every so manyth act is tried after another one with every push, and by make attacks. Which ones differs from first act to
# first act, from role to role, and in make attacks from day to day: so it tries each pair as several roles, and after three
# days as all. With --every-pair all are tried at once.
OF_A_PUSH = 10
OF_ATTACKS = 3


def acting_functions() -> dict[str, dict[str, Callable[..., object]]]:
    """Return every function that takes who acts, by module and name."""
    modules = [creation, applicant_decisions]
    for package in (orgs.actions, directory.actions):
        modules += [
            importlib.import_module(each.name)
            for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        ]
    return {
        module.__name__: {
            name: function
            for name, function in inspect.getmembers(module, inspect.isfunction)
            if function.__module__ == module.__name__
            and not name.startswith("_")
            and "by" in inspect.signature(function).parameters
        }
        for module in modules
    }


def test_every_action_is_tried_or_known_to_give_nobody_anything() -> None:
    tried = {(act.function.__module__, act.function.__name__) for act in ACTS}
    unknown = {
        f"{module}.{name}"
        for module, functions in acting_functions().items()
        for name in functions
        if (module, name) not in tried and name not in HARMLESS.get(module, ())
    }

    assert not unknown, f"add acts of {sorted(unknown)} to tests/attacks/acts.py, or say why they give nobody anything"


@contextmanager
def taken_back() -> Iterator[None]:
    """Do something, and take it back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def done(act: Act, by: Actor) -> bool:
    """Try an act; return whether it was allowed."""
    try:
        with transaction.atomic():
            act.do(by)
    except REFUSALS:
        return False
    return True


@pytest.fixture
def one_of(pytestconfig: pytest.Config) -> int:
    """Of how many acts one is tried after another act."""
    if pytestconfig.getoption("every_pair"):
        return 1
    return OF_A_PUSH if "not whole" in pytestconfig.getoption("markexpr") else OF_ATTACKS


# A SYSADMIN holds everything, so there is nothing beyond that to gain.
@pytest.mark.timeout(3600)
@pytest.mark.once
@pytest.mark.parametrize(
    "role",
    [
        pytest.param(name, marks=() if name == OFTEN else pytest.mark.whole)
        for name in STANDARD_ROLES
        if name != "SYSADMIN"
    ],
)
@pytest.mark.in_turns
def test_no_two_acts_give_an_account_more_than_the_actor_holds(role: str, one_of: int) -> None:
    again = "all of them" if one_of == 1 else f"one in {one_of} of them"
    how = f"{len(ACTS)} acts, and after each that is allowed {again} once more, each taken back"
    offset = list(STANDARD_ROLES).index(role) + (0 if one_of == OF_A_PUSH else datetime.now(UTC).toordinal())
    with noted(
        "requests", f"two acts in a row as {role}", how=how, expected="nobody gains more than the actor holds"
    ) as row:
        actor = make_powers_world(role)
        by, before, tried, found = person(actor), Powers.now(), 0, []
        for row_number, first in enumerate(ACTS):
            with taken_back():
                if not done(first, by):
                    continue
                tried += 1
                found += [f"{first}: {line}" for line in gained(before, Powers.now(), actor.pk)]
                for second in ACTS[(row_number + offset) % one_of :: one_of]:
                    with taken_back():
                        if done(second, by):
                            tried += 1
                            found += [f"{first}, {second}: {line}" for line in gained(before, Powers.now(), actor.pk)]
        assert not found, "\n".join(found[:20])
        assert tried > len(ACTS) / 10
        row.saw(f"{tried} sequences were allowed, none gave more", wrongly_changed=len(found))


# What browsers send beside the fields of a form.
EXTRA: dict[str, Any] = {
    "is_superuser": "on",
    "permissions": ["admin"],
    "managed_locally": "on",
    "password": "chosen by the attacker",
    "new_password1": "chosen by the attacker",
    "new_password2": "chosen by the attacker",
    "default_roles": [],
    "directory_service": "local",
    "confirmed": "yes",
}
# They end what later pages need.
LAST = ("session:sign-out", "ldap_servers:delete")


def pages_of(world: World) -> Iterator[str]:
    names = sorted(POSTED, key=lambda name: (name in LAST, name))
    for name in names:
        yield PAGES[name].address(world)
    for model in MODELS:
        yield from data_fixes_of(model)
    yield "/data-fixes/password_change/"


def send(client: Client, address: str, role_ids: list[int], org_id: int) -> None:
    """Post a page's form as it stands, with everything that would make somebody powerful."""
    given = dict(EXTRA)
    shown = client.get(address)
    for form in _forms(shown):
        given = as_sent(form) | given
    given |= {"grantable_roles": role_ids, "granted_roles": role_ids, "roles": role_ids}
    given |= {"added": role_ids, "org": org_id}
    if "upload" in address:
        content = b"username,password\nnew.one,chosen by the attacker\n"
        given |= {"file": SimpleUploadedFile("users.csv", content, "text/csv")}
        waiting = Upload.objects.filter(user=client.session.get("_auth_user_id")).first()
        mends = {"username": "new.one", "org": Org.objects.get(pk=org_id).name, "password": "chosen by the attacker"}
        given |= {f"row-2-{name}": value for name, value in mends.items()} | {"create_unknown": "1"}
        given["upload"] = waiting.pk if waiting is not None else 0
    answer = client.post(address, given)
    # A page that shows what it would do first wants to be told that exactly this is meant.
    if answer.context and isinstance(decision := answer.context.get("shown"), str):
        client.post(address, given | {"shown": decision})


def _forms(response: Any) -> list[Any]:
    if response.status_code != 200 or not response.context:
        return []
    found = [response.context.get("form"), getattr(response.context.get("adminform"), "form", None)]
    return [form for form in found if form is not None and hasattr(form, "fields")]


@pytest.mark.parametrize(
    "caller",
    [
        PLAIN,
        ORG_ADMIN,
        pytest.param(MANAGER, marks=pytest.mark.whole),
        SERVER_ADMIN,
        pytest.param(SYSADMIN, marks=pytest.mark.whole),
    ],
)
@pytest.mark.in_turns
def test_no_two_pages_give_an_account_more_than_who_sends_them_holds(caller: str) -> None:
    """All pages one after the other, twice, without taking anything back: each page has come before each other one."""
    how = "POST of every page, as its form stands and with roles, permissions and passwords, twice over"
    with noted(
        "requests", f"every page twice as {caller}", how=how, expected="nobody gains more than the sender holds"
    ) as row:
        world = make_world()
        client = world.client(caller)
        sender = User.objects.get(pk=client.session["_auth_user_id"])
        role_ids = list(Role.objects.values_list("pk", flat=True))
        before, sent = Powers.now(), 0
        for address in [*pages_of(world), *pages_of(world)]:
            if "_auth_user_id" not in client.session:
                client.post("/sign-in/", {"username": sender.username, "password": PASSWORD})
            send(client, address, role_ids, sender.org_id)
            sent += 1
            assert gained(before, Powers.now(), sender.pk) == [], address
        row.saw(f"{sent} pages sent, nobody gained more", wrongly_changed=0)
