"""Files of a real archive that the computer is asked to restore: by whom, how much, and what the pages say about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import reverse

from orgs.actions.devices_by_hand import states
from orgs.models import AuditEntry, DeployedDevice, KeyHolder, Org, Repository, RestoreJob, RestoreState, User
from orgs.rules import restore_rights
from orgs.rules.actors import SYSTEM
from tests.agents import ask
from tests.live_archives import LiveArchive
from tests.makers import NOW, make_sysadmin, make_user, signed_in
from tests.restic_client import MISSING, RESTIC

pytestmark = [pytest.mark.django_db, pytest.mark.once, pytest.mark.skipif(RESTIC is None, reason=MISSING)]


def send(client: Client, laptop: LiveArchive, snapshot: str = "", *paths: Path, **given: str) -> Any:
    data = {"snapshot": snapshot, "chosen": [quote(str(path), safe="") for path in paths], **given}
    return client.post(reverse("restores:to-the-computer", args=[laptop.device.pk]), data)


def words(answer: Any) -> str:
    assert answer.status_code == 302
    return str(answer.client.get(answer["Location"]).content.decode())


def test_is_asked_first_then_requested_and_cancelled(laptop: LiveArchive, snapshot: str, documents: Path) -> None:
    browser = signed_in(make_sysadmin())

    asked = send(browser, laptop, snapshot, documents / "letters").content.decode()
    assert "Restore these files to laptop?" in asked
    assert "18\xa0bytes, into a new folder" in asked
    assert not RestoreJob.objects.exists()

    after = words(send(browser, laptop, snapshot, documents / "letters", sure="yes"))
    job = RestoreJob.objects.get()
    assert "laptop is asked to restore the files" in after
    assert "waiting for the computer" in after
    assert (job.snapshot, job.paths, job.file_count, job.size_bytes) == (snapshot, [str(documents / "letters")], 2, 18)
    (given,) = ask("me", token=laptop.backing_up.token).json()["jobs"]
    assert (given["snapshot"], given["paths"]) == (snapshot, [str(documents / "letters")])

    cancel = reverse("restores:cancel", args=[laptop.device.pk, job.pk])
    assert "Cancel the restore to laptop?" in browser.get(cancel).content.decode()
    assert "The restore is cancelled." in words(browser.post(cancel))
    assert "It had ended already" in words(browser.post(cancel))
    assert ask("me", token=laptop.backing_up.token).json()["jobs"] == []
    entries = AuditEntry.objects.filter(action__startswith="restore ").order_by("pk")
    assert [entry.action for entry in entries] == ["restore requested", "restore cancelled"]


def test_is_not_asked_of_a_computer_that_may_not_restore(laptop: LiveArchive, snapshot: str, documents: Path) -> None:
    states.block(device_ids=[laptop.device.pk], by=SYSTEM, at=NOW)

    answer = send(signed_in(make_sysadmin()), laptop, snapshot, documents, sure="yes")

    assert "It shows: “This device is blocked. Ask your administrator.”" in words(answer)
    assert not RestoreJob.objects.exists()


def test_of_a_deployed_computer_is_warned_of(laptop: LiveArchive, snapshot: str, documents: Path) -> None:
    DeployedDevice.objects.create(policy_name="Laptops", device=laptop.device, at=NOW, address="192.0.2.1")

    asked = send(signed_in(make_sysadmin()), laptop, snapshot, documents).content.decode()

    assert "The deployment policy “Laptops” brought it without a password" in asked


def test_of_an_archive_whose_password_the_user_has_is_the_whole_last_backup(laptop: LiveArchive, snapshot: str) -> None:
    Repository.objects.update(key_holder=KeyHolder.USER, password="")
    browser = signed_in(make_sysadmin())
    shown = browser.get(reverse("restores:detail", args=[laptop.device.pk])).content.decode()
    assert "Restore all of the latest backup to the computer" in shown

    assert "everything in the snapshot" in send(browser, laptop).content.decode()
    send(browser, laptop, sure="yes")

    job = RestoreJob.objects.get()
    assert (job.snapshot, job.paths, job.file_count) == ("latest", [], None)
    limited = signed_in(make_user("hal", org=Org.objects.get(name="Left"), roles=["Org Help Desk"]))
    assert "nobody but the user can see the sizes here" in words(send(limited, laptop, sure="yes"))


@pytest.mark.parametrize(
    ("role", "own", "allowed"),
    [
        ("Push Restore", False, True),
        ("Org Admin", False, True),
        ("Org Help Desk", False, "limited"),
        ("Org Manager", False, False),
        ("Admin Restore", False, False),
        ("Desktop User", True, False),
        ("Org Manager", True, True),
    ],
)
def test_is_for_roles_that_say_so(
    laptop: LiveArchive,
    snapshot: str,
    documents: Path,
    ann: User,
    monkeypatch: pytest.MonkeyPatch,
    role: str,
    own: bool,  # a parameter of the test
    allowed: bool | str,
) -> None:
    monkeypatch.setattr(restore_rights, "LIMITED_BYTES", 1000)
    left = Org.objects.get(name="Left")
    viewer = ann if own else make_user("eve", org=left, roles=["PROe User", role])
    if own:
        viewer = make_user("own", org=left, roles=["PROe User", role])
        laptop.device.user = viewer
        laptop.device.save()

    answer = send(signed_in(viewer), laptop, snapshot, documents, sure="yes")

    if allowed is True:
        assert RestoreJob.objects.get().state == RestoreState.WAITING
    elif allowed == "limited":
        assert "the most that your roles restore at a time" in words(answer)
        send(signed_in(viewer), laptop, snapshot, documents / "letters", sure="yes")
        assert RestoreJob.objects.get().size_bytes == 18
    else:
        assert answer.status_code == 403
        assert not RestoreJob.objects.exists()
