"""People register computers by themselves, with a registration key and their password."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings

from orgs.actions import orgs as org_actions
from orgs.actions.users import blocking, deactivation
from orgs.backups import gate
from orgs.models import AuditEntry, CreatedBy, Device, Org, Role, User
from orgs.rules.actors import SYSTEM
from tests.agents import ask, code_of, register
from tests.directories import Directory
from tests.makers import NOW, PASSWORD, make_org, make_user
from tests.second_factors import code_now, make_code_app, recovery_codes
from tests.sign_ins import asks, matched, password_of, people_ldif, user_of

pytestmark = [pytest.mark.django_db, pytest.mark.once]


class TestSomebodyWithALocalPassword:
    def test_gets_a_device_a_token_and_the_password_of_the_repository(self) -> None:
        ann = make_user("ann", password=PASSWORD)

        answer = register("Ann", PASSWORD)

        assert answer.status_code == 200
        given = answer.json()
        device = Device.objects.get(user=ann)
        assert given["guid"] == device.guid
        assert given["new_device"] is True
        assert given["new_user"] is False
        assert len(given["repository_password"]) > 40
        assert (given["user"], given["org"], given["key_holder"]) == ("ann", "Default", "rollcall")
        assert given["store"] == settings.STORE_ADDRESS
        state = gate.of_token(given["token"])
        assert gate.refusal(state) is None
        actions = set(AuditEntry.objects.filter(actor=ann).values_list("action", flat=True))
        assert {"device registered", "device signed in", "signed in on a device"} <= actions

    def test_gets_the_same_device_again_by_its_guid(self) -> None:
        make_user("ann", password=PASSWORD)
        first = register("ann", PASSWORD).json()

        second = register("ann", PASSWORD, guid=first["guid"], name="new name").json()

        assert second["guid"] == first["guid"]
        assert second["new_device"] is False
        assert second["repository_password"] == first["repository_password"]
        assert gate.of_token(first["token"]) is None
        assert Device.objects.get().name == "new name"

    def test_gets_a_new_device_by_somebody_elses_guid(self) -> None:
        make_user("ann", password=PASSWORD)
        make_user("bob", password=PASSWORD)
        hers = register("ann", PASSWORD).json()

        his = register("bob", PASSWORD, guid=hers["guid"]).json()

        assert his["guid"] != hers["guid"]
        assert his["repository_password"] != hers["repository_password"]
        assert gate.of_token(hers["token"]) is not None

    @pytest.mark.parametrize("password", ["wrong", "", " ", "\0", "x" * 5000, "\u200b"])
    def test_gets_nothing_with_another_one(self, password: str) -> None:
        make_user("ann", password=PASSWORD)

        answer = register("ann", password)

        assert (answer.status_code, code_of(answer)) == (401, "wrong-password")
        assert not Device.objects.exists()

    def test_hears_the_same_as_somebody_who_does_not_exist(self) -> None:
        make_user("ann", password=PASSWORD)

        assert register("ann", "wrong").content == register("nobody", "wrong").content

    def test_is_stopped_after_five_wrong_ones(self) -> None:
        make_user("ann", password=PASSWORD)
        for _ in range(5):
            assert code_of(register("ann", "wrong")) == "wrong-password"

        answer = register("ann", PASSWORD)

        assert (answer.status_code, code_of(answer)) == (429, "too-many-tries")
        assert int(answer["Retry-After"]) > 0

    def test_hears_that_the_account_is_closed(self) -> None:
        ann, bob = make_user("ann", password=PASSWORD), make_user("bob", password=PASSWORD)
        blocking.block(user_ids=[ann.pk], by=SYSTEM, at=NOW)
        deactivation.deactivate(user_ids=[bob.pk], by=SYSTEM, at=NOW)

        assert code_of(register("ann", PASSWORD)) == "user-blocked"
        assert code_of(register("bob", PASSWORD)) == "user-inactive"
        # Whoever does not know the password does not hear it.
        assert code_of(register("ann", "wrong")) == "wrong-password"
        assert not Device.objects.exists()


class TestTheKey:
    def test_has_to_be_there(self) -> None:
        make_user("ann", password=PASSWORD)
        for key in ("AAAA-BBBB-CCCC-DDDD", "x", "' or 1=1", "ÄÄÄÄ-BBBB-CCCC-DDDD"):
            answer = register("ann", PASSWORD, key=key)
            assert (answer.status_code, code_of(answer)) == (403, "wrong-key"), key

    def test_may_be_typed_in_small_letters_with_blanks(self) -> None:
        make_user("ann", password=PASSWORD)
        key = Org.objects.get(name="Default").registration_key.lower().replace("-", " ")

        assert register("ann", PASSWORD, key=key).status_code == 200

    def test_of_before_is_said_to_be_renewed(self) -> None:
        make_user("ann", password=PASSWORD)
        org = Org.objects.get(name="Default")
        old = org.registration_key
        org_actions.renew_registration_key(org=org, by=SYSTEM, at=NOW)

        assert code_of(register("ann", PASSWORD, key=old)) == "renewed-key"
        assert register("ann", PASSWORD).status_code == 200

    def test_of_an_org_out_of_use_counts_no_longer(self) -> None:
        org = make_org("Old")
        org_actions.set_active(org=org, active=False, by=SYSTEM, at=NOW)

        assert code_of(register("ann", PASSWORD, org="Old")) == "wrong-key"

    def test_of_another_company_registers_nobody(self) -> None:
        make_user("ann", org=make_org("Left"), password=PASSWORD)
        make_org("Right")

        answer = register("ann", PASSWORD, org="Right")

        assert code_of(answer) == "wrong-password"
        assert answer.content == register("nobody", PASSWORD, org="Right").content

    def test_of_an_org_above_registers(self) -> None:
        left = make_org("Left")
        make_user("ann", org=make_org("Lower", parent=left), password=PASSWORD)

        assert register("ann", PASSWORD, org="Left").json()["org"] == "Lower"

    def test_can_be_guessed_fifty_times_from_one_address(self) -> None:
        for _ in range(50):
            assert code_of(register("ann", "x", key="AAAA-BBBB-CCCC-DDDD")) == "wrong-key"

        assert code_of(register("ann", "x")) == "too-many-tries"
        assert code_of(register("ann", "x", address="192.0.2.1")) == "wrong-password"


class TestASecondFactor:
    def test_is_asked_for_and_shown_once(self) -> None:
        ann = make_user("ann", password=PASSWORD)
        secret = make_code_app(ann)

        assert code_of(register("ann", PASSWORD)) == "code-needed"
        assert code_of(register("ann", PASSWORD, code="000000")) == "wrong-code"
        assert register("ann", PASSWORD, code=code_now(secret)).status_code == 200
        assert code_of(register("ann", PASSWORD, code=code_now(secret))) == "wrong-code"
        assert register("ann", PASSWORD, code=recovery_codes(ann)[0]).status_code == 200

    def test_that_a_role_needs_has_to_be_set_up_first(self) -> None:
        Role.objects.filter(name="SYSADMIN").update(needs_second_factor=True)
        make_user("ada", password=PASSWORD, roles=["SYSADMIN"])

        assert code_of(register("ada", PASSWORD)) == "second-factor-missing"


class TestSomebodyOfADirectory:
    @pytest.fixture
    def directory(self) -> Iterator[Directory]:
        with Directory(ldif=people_ldif("ann", "bob")) as directory:
            yield directory

    def test_becomes_a_user_in_the_org_that_the_script_names(self, directory: Directory) -> None:
        asks(directory, org_name_script='function (entry) { return "Sales"; }')

        answer = register("ANN", password_of("ann"))

        assert answer.status_code == 200, answer.content
        ann = User.objects.get(username="ann")
        assert ann.created_by == CreatedBy.SELF_SERVICE
        assert ann.org.name == "Sales"
        assert ann.org.path.startswith(Org.objects.get(name="Default").path)
        assert answer.json()["new_user"] is True
        assert ann.email == "ann@example.com"
        assert AuditEntry.objects.get(action="user created").actor_label == "self-service"

    def test_is_the_same_user_the_next_time(self, directory: Directory) -> None:
        asks(directory)
        register("ann", password_of("ann"))

        assert register("ann", password_of("ann")).json()["new_user"] is False
        assert User.objects.filter(username="ann").count() == 1

    def test_gets_nothing_with_a_wrong_password_and_no_account(self, directory: Directory) -> None:
        asks(directory)

        answer = register("ann", "wrong")

        assert code_of(answer) == "wrong-password"
        assert answer.content == register("nobody", "wrong").content
        assert not User.objects.filter(username="ann").exists()

    def test_whom_the_script_says_inactive_gets_no_account(self, directory: Directory) -> None:
        asks(directory, active_script="function (entry) { return false; }")

        assert code_of(register("ann", password_of("ann"))) == "inactive-entry"
        assert not User.objects.filter(username="ann").exists()

    def test_who_is_a_user_under_another_name_gets_no_second_account(self, directory: Directory) -> None:
        server = asks(directory)
        user = matched(user_of("ann"), server, directory)
        User.objects.filter(pk=user.pk).update(username="anna", username_key="anna")

        assert code_of(register("ann", password_of("ann"))) == "refused"
        assert not User.objects.filter(username="ann").exists()

    def test_hears_that_the_directory_is_away(self, directory: Directory) -> None:
        asks(directory)
        directory.stop()

        answer = register("ann", password_of("ann"))

        assert (answer.status_code, code_of(answer)) == (503, "directory-away")
        assert answer.content == register("nobody", "wrong").content


class TestReplacing:
    def test_puts_the_computer_in_place_of_another(self) -> None:
        ann = make_user("ann", password=PASSWORD)
        old = register("ann", PASSWORD).json()
        shown = ask("devices", {"username": "ann", "password": PASSWORD}).json()["devices"]
        assert [each["guid"] for each in shown] == [old["guid"]]

        body = {"username": "ann", "password": PASSWORD, "guid": old["guid"], "name": "second"}
        new = ask("replace", body).json()

        assert new["guid"] == old["guid"]
        assert new["device"] == "second"
        assert new["repository_password"] == old["repository_password"]
        assert gate.of_token(old["token"]) is None
        assert gate.refusal(gate.of_token(new["token"])) is None
        assert ann.devices.filter(active=True).count() == 1

    def test_is_for_the_own_devices_only(self) -> None:
        make_user("ann", password=PASSWORD)
        make_user("bob", password=PASSWORD)
        hers = register("ann", PASSWORD).json()

        answer = ask("replace", {"username": "bob", "password": PASSWORD, "guid": hers["guid"], "name": "x"})

        assert code_of(answer) == "refused"
        assert gate.of_token(hers["token"]) is not None

    def test_with_a_second_factor_takes_the_proof_of_the_list(self) -> None:
        ann = make_user("ann", password=PASSWORD)
        old = register("ann", PASSWORD).json()
        secret = make_code_app(ann)
        body = {"username": "ann", "password": PASSWORD, "guid": old["guid"], "name": "second"}

        assert code_of(ask("replace", body)) == "code-needed"
        assert code_of(ask("replace", body | {"proof": "made up"})) == "code-needed"
        proof = ask("devices", body | {"code": code_now(secret)}).json()["proof"]
        assert ask("replace", body | {"proof": proof}).status_code == 200
