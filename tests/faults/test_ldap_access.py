"""Wrong certificates, refused binds, dead servers and wrong settings: nobody is changed, and no password goes out in clear."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import pytest_django

from directory.models import Alert, LdapServer, RunState
from directory.values.plan import Outcome
from tests.directories import Certificate, Directory, to_ldif
from tests.faults import damage
from tests.faults.ldap_world import BASE, World, staff
from tests.faults.proxy import BlackHole, Fault, Proxy, Stage
from tests.server_process import free_port
from tests.worlds import again, change_of, ldap_server, org, simulate, user

pytestmark = [pytest.mark.django_db, pytest.mark.whole]

FAILED = "failed, nobody changed; the next run is right"
POLICY = f"cn=policy,{BASE}"
PPOLICY = f"moduleload ppolicy\noverlay ppolicy\nppolicy_default {POLICY}"
LOCKING = to_ldif(
    POLICY,
    {"objectClass": ["device", "pwdPolicy"], "cn": "policy", "pwdAttribute": "userPassword", "pwdLockout": "TRUE"},
)


class TestCertificates:
    @pytest.mark.parametrize("start_tls", [False, True])
    @pytest.mark.parametrize("kind", [kind for kind in get_args(Certificate) if kind != "good"])
    def test_a_bad_one_stops_before_the_bind(self, world: World, kind: Certificate, start_tls: bool) -> None:
        by = "StartTLS" if start_tls else "LDAPS"
        with (
            world.row(
                f"{kind} certificate, by {by}",
                how="slapd with that certificate behind a TCP proxy",
                expected="failed; not a byte of the password left",
            ) as row,
            Directory(certificate=kind) as directory,
            Proxy(directory.port if start_tls else directory.tls_port) as proxy,
        ):
            url = proxy.url if start_tls else proxy.ldaps_url
            world.server(url, start_tls=start_tls, ca_certificate=directory.ca_certificate)
            run = world.sync()

            assert run.state == RunState.FAILED
            assert "certificate is refused" in run.error
            assert world.directory.reader_password.encode() not in proxy.received
            world.saw(row, run)
            world.server()
            world.recovers()

    def test_start_tls_refused_is_never_done_without(self, world: World) -> None:
        with world.row(
            "StartTLS refused", how="slapd without a certificate", expected="failed; not a byte of the password left"
        ) as row:
            world.server(start_tls=True)
            world.proxy.received = b""
            run = world.sync()

            assert run.state == RunState.FAILED
            assert "refuses StartTLS" in run.error
            assert world.directory.reader_password.encode() not in world.proxy.received
            world.saw(row, run)
            world.server()
            world.recovers()

    def test_ldaps_to_a_port_without_tls_sends_nothing(self, world: World) -> None:
        with world.row(
            "LDAPS to a port that has no TLS", how="slapd's plain port", expected="failed; no password left"
        ) as row:
            world.server(world.proxy.ldaps_url)
            world.proxy.received = b""
            run = world.sync()

            assert run.state == RunState.FAILED
            assert world.directory.reader_password.encode() not in world.proxy.received
            world.saw(row, run)

    def test_a_bit_flipped_under_tls_is_noticed(self, world: World) -> None:
        with (
            world.row(
                "a bit flipped in what TLS carries", how="a TCP proxy before slapd's LDAPS port", expected=FAILED
            ) as row,
            Directory(ldif=staff(), certificate="good") as directory,
            Proxy(directory.tls_port) as proxy,
        ):
            world.server(proxy.ldaps_url, ca_certificate=directory.ca_certificate)
            proxy.arm(Fault(damage.flip_last_bit, Stage.AFTER_BYTES, after_bytes=5000))
            run = world.sync()

            assert proxy.happened
            assert run.state == RunState.FAILED
            world.saw(row, run)


class TestBinds:
    def test_a_wrong_password_is_tried_once(self, world: World) -> None:
        with world.row("wrong bind password", how="slapd", expected=f"{FAILED}; one bind") as row:
            world.server(bind_password="wrong")
            world.proxy.connections = 0
            run = world.sync()

            assert run.state == RunState.FAILED
            assert "Invalid credentials" in run.error
            assert world.proxy.connections == 1
            world.saw(row, run)
            world.server()
            world.recovers()

    def test_a_missing_password_stops_before_any_packet(self, world: World) -> None:
        with world.row("bind password missing", how="the stored one emptied", expected=FAILED) as row:
            LdapServer.objects.update(bind_password="")
            world.proxy.connections = 0
            run = world.sync()

            assert (run.state, world.proxy.connections) == (RunState.FAILED, 0)
            assert "would bind anonymously" in run.error
            world.saw(row, run)
            world.server()
            world.recovers()

    def test_an_unreadable_password_stops_before_any_packet(
        self, world: World, settings: pytest_django.Settings
    ) -> None:
        with world.row("bind password unreadable", how="another SECRET_KEY", expected=FAILED) as row:
            usual, settings.SECRET_KEY = settings.SECRET_KEY, "another key than before"
            world.proxy.connections = 0
            run = world.sync()
            settings.SECRET_KEY = usual

            assert (run.state, world.proxy.connections) == (RunState.FAILED, 0)
            assert "can't be decrypted" in run.error
            world.saw(row, run)
            world.server()
            world.recovers()

    def test_a_locked_account_is_tried_once(self, world: World) -> None:
        with (
            world.row("bind account locked", how="slapd's ppolicy", expected="failed; one bind for each run") as row,
            Directory(ldif=LOCKING, extra=PPOLICY) as directory,
            Proxy(directory.port) as proxy,
        ):
            directory.modify(directory.reader_dn, {"pwdAccountLockedTime": "000001010000Z"})
            world.server(proxy.url)
            run = world.sync()

            assert run.state == RunState.FAILED
            assert "Invalid credentials" in run.error
            assert proxy.connections == 1
            world.saw(row, run)


class TestUrls:
    def test_a_dead_first_one_is_passed_over(self, world: World) -> None:
        dead = f"ldap://127.0.0.1:{free_port()}"
        with world.row(
            "the first of two URLs is dead", how="a port where nobody listens", expected="applied, by the second"
        ) as row:
            world.server(urls=[dead, world.proxy.url])
            simulate()
            run = world.sync()

            proof = run.readings.get().proof
            assert run.state == RunState.APPLIED
            assert proof["url"] == world.proxy.url
            assert [failed["url"] for failed in proof["failed_urls"]] == [dead]
            world.saw(row, run, f"applied, from {proof['url']} after {dead}: {proof['failed_urls'][0]['reason']}")

    def test_a_black_hole_is_passed_over(self, world: World) -> None:
        with (
            world.row("the first of two URLs is a black hole", how="SYNs dropped", expected="applied") as row,
            BlackHole() as hole,
        ):
            world.server(urls=[hole.url, world.proxy.url], connect_timeout=1)
            simulate()
            run = world.sync()

            [failed] = run.readings.get().proof["failed_urls"]
            assert run.state == RunState.APPLIED
            assert "no answer within 1 second" in failed["reason"]
            world.saw(row, run, f"applied, by the second after the first: {failed['reason']}")

    @pytest.mark.parametrize("count", [1, 2])
    def test_all_dead_fail_the_run_and_raise_the_alert(self, world: World, count: int) -> None:
        dead = [f"ldap://127.0.0.1:{free_port()}" for _ in range(count)]
        with world.row(
            "the only URL is dead" if count == 1 else "both URLs are dead",
            how="ports where nobody listens",
            expected=FAILED,
        ) as row:
            world.server(urls=dead)
            run = world.sync()

            assert run.state == RunState.FAILED
            assert all(url in run.error for url in dead)
            assert Alert.objects.filter(message__startswith="Problem with connection to LDAP server: Corp").exists()
            world.saw(row, run)
            world.server()
            world.recovers()

    def test_one_of_two_servers_dead_leaves_its_users_unchecked(self, world: World) -> None:
        org("Branch")
        remote = user("remote", org_name="Branch")
        with world.row(
            "one of two LDAP servers is dead",
            how="a port where nobody listens",
            expected="its org's users not checked, the others as they should be",
        ) as row:
            ldap_server(f"ldap://127.0.0.1:{free_port()}", name="Branch", orgs=["Branch"])
            simulate()
            run = world.sync()

            assert run.state == RunState.APPLIED
            assert change_of(run, "remote").outcome == Outcome.NOT_CHECKED
            assert again(remote).active
            world.saw(row, run, f"applied; remote: {change_of(run, 'remote').steps[-1]}", rightly=["remote"])


class TestSearches:
    @pytest.mark.parametrize(
        ("name", "setting", "words"),
        [
            ("a search base that does not exist", {"search_base": f"ou=Gone,{BASE}"}, "No such object"),
            ("a search base of another tree", {"search_base": "dc=example,dc=org"}, "No such object"),
        ],
    )
    def test_in_the_wrong_place_fail_the_run(
        self, world: World, name: str, setting: dict[str, Any], words: str
    ) -> None:
        with world.row(name, how="the setting changed", expected=FAILED) as row:
            world.server(**setting)
            run = world.sync()

            assert run.state == RunState.FAILED
            assert words in run.error
            world.saw(row, run)
            world.server()
            world.recovers()

    @pytest.mark.parametrize(
        ("name", "setting", "words"),
        [
            ("a filter with a misspelt attribute", {"search_filter": "(objectClas=person)"}, "no entries at all"),
            ("a filter that nobody matches", {"search_filter": "(uid=nobody)"}, "no entries at all"),
            ("a filter that matches a third", {"search_filter": "(uid=p01*)"}, "less than 80 %"),
            ("a scope that reaches nobody", {"search_scope": "base"}, "no entries at all"),
        ],
    )
    def test_that_find_too_few_hold_the_run_back(
        self, world: World, name: str, setting: dict[str, Any], words: str
    ) -> None:
        with world.row(
            name, how="the setting changed and simulated", expected="held back; the next run is right"
        ) as row:
            world.server(**setting)
            simulate()
            run = world.sync()

            assert words in " ".join(run.held_back)
            assert run.state == RunState.HELD_BACK
            world.saw(row, run)
            world.server()
            world.recovers()

    def test_by_a_username_that_nobody_has_are_held_back(self, world: World) -> None:
        with world.row(
            "a username attribute that nobody has",
            how="the setting changed and simulated",
            expected="held back with what to look at; nobody changes",
        ) as row:
            world.server(username_attribute="uidNumber")
            simulate()
            run = world.sync()

            assert run.state == RunState.HELD_BACK
            assert "has a username" in run.held_back[0]
            assert world.unchanged()
            world.saw(row, run)
            world.server()
            world.recovers()
