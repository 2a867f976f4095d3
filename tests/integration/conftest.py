"""Directories that the tests of one module share; each xdist worker starts its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.directories import Directory, active_directory_like, memberof_directory, people
from tests.integration.employer import Employer


@pytest.fixture(scope="session")
def company() -> Iterator[Directory]:
    """Give a directory of 250 people over plain LDAP, LDAPS and StartTLS."""
    with Directory(ldif=people(250), certificate="good") as directory:
        yield directory


@pytest.fixture(scope="session")
def university() -> Iterator[Directory]:
    """Give a foreign directory: groupOfNames, the memberof overlay, several OUs, difficult names."""
    with memberof_directory(count=300) as directory:
        yield directory


@pytest.fixture(scope="session")
def domain() -> Iterator[Directory]:
    """Give a foreign directory with Active Directory's attributes."""
    with active_directory_like() as directory:
        yield directory


@pytest.fixture
def employer() -> Iterator[Employer]:
    """An employer with an empty directory of its own, with groups."""
    with Directory(memberof=True) as directory:
        yield Employer(directory)
