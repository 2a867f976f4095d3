"""Tries out the sign-in of one person, before an administrator saves a server: found where, and what the bind comes to."""

from __future__ import annotations

from collections.abc import Callable

from directory.ldap.connection_test.connection_test import ConnectionStep
from directory.ldap.errors import DirectoryUnavailable, Stage, plain
from directory.ldap.sign_in import person_search
from directory.ldap.sign_in.bind_outcomes import outcome
from directory.ldap.transport.connect import UNREACHABLE, open_session
from directory.ldap.transport.session import Session
from directory.ldap.url import Url
from directory.ldap.validation.connection_checks import check_settings
from directory.values.ldap import AttributeMapping, Connection
from directory.values.sign_in.directory_passwords import PasswordCheck, PersonToFind

OnStep = Callable[[ConnectionStep], object]


def run_sign_in_steps(
    connection: Connection, mapping: AttributeMapping, username: str, password: str, on_step: OnStep
) -> None:
    """Pass each step of a sign-in to ``on_step`` as soon as it is over, up to the first that fails.

    As at a sign-in, another URL is tried only while none has been reached. The password is sent once, after the
    certificate was checked, and to this server alone.
    """
    try:
        urls = check_settings(connection)
    except DirectoryUnavailable as failure:
        on_step(ConnectionStep(failure.stage, ok=False, detail=str(failure)))
        return
    for url in urls:
        try:
            session = open_session(connection, url, _noting(on_step, url))
        except DirectoryUnavailable as failure:
            on_step(ConnectionStep(failure.stage, ok=False, detail=str(failure), url=str(url)))
            if failure.stage in UNREACHABLE:
                continue
            return
        try:
            _find_and_bind(session, connection, mapping, PersonToFind(username), password, on_step)
        except DirectoryUnavailable as failure:
            on_step(ConnectionStep(failure.stage, ok=False, detail=str(failure), url=str(url)))
        finally:
            session.close()
        return


def _find_and_bind(
    session: Session,
    connection: Connection,
    mapping: AttributeMapping,
    person: PersonToFind,
    password: str,
    on_step: OnStep,
) -> None:
    url = str(session.url)
    found = person_search.find(session, connection, mapping, person)
    if isinstance(found, PasswordCheck):
        advice = "check the username, and base, scope and filter of the search"
        on_step(ConnectionStep(Stage.PERSON, ok=False, detail=_with_advice(found.sentence, advice), url=url))
        return
    on_step(ConnectionStep(Stage.PERSON, ok=True, detail=plain(f"found at {found.dn}"), url=url))
    check = outcome(session.bind_as(found.dn, password))
    detail = _with_advice(check.sentence, check.advice)
    on_step(ConnectionStep(Stage.PASSWORD, ok=check.accepted, detail=detail, url=url))


def _with_advice(sentence: str, advice: str) -> str:
    return f"{sentence}. {advice[:1].upper()}{advice[1:]}" if advice else sentence


def _noting(on_step: OnStep, url: Url) -> Callable[[Stage, str], None]:
    def note(stage: Stage, detail: str) -> None:
        on_step(ConnectionStep(stage, ok=True, detail=detail, url=str(url)))

    return note
