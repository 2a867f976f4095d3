"""Each act in each make of directory: a run that reads changes makes of it what one that reads everything does."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatch

import pytest

from tests.servers import table
from tests.servers.acts import ACTS, Act
from tests.servers.makes import MAKES, Make
from tests.servers.rollcall import Rollcall

pytestmark = [pytest.mark.django_db, pytest.mark.once]

# What is wrong by now, by make, reading and act.
WRONG: dict[tuple[str, str, str], str] = {}
# So much goes with every push: what is quick, and what each make is known for.
OFTEN = (
    ("Samba AD", "*", "*"),
    ("OpenLDAP memberof", "syncrepl", "*"),
    ("OpenLDAP dynlist", "syncrepl", "nested *"),
    ("OpenLDAP behind *", "*", "left"),
    *(("389-ds", "*", act) for act in ("entry renamed", "deleted and made anew", "group deleted", "nested group left")),
)


def _readings() -> Iterator[object]:
    for make in MAKES:
        for act in ACTS:
            if act.needs in make.lacks:
                continue
            for incremental in (True, False):
                yield _reading(make, act, incremental)


def _reading(make: Make, act: Act, incremental: bool) -> object:
    reading = make.reading if incremental else table.FULL
    marks = []
    names = (make.name, reading, act.name)
    if incremental and (reasons := [why for which, why in WRONG.items() if _is(which, names)]):
        marks.append(pytest.mark.xfail(strict=True, reason=reasons[0]))
    if not any(_is(which, names) for which in OFTEN) or not incremental:
        marks.append(pytest.mark.directories)
    return pytest.param(make, act, reading, marks=marks, id=f"{make.name}-{reading}-{act.name}".replace(" ", "-"))


def _is(patterns: tuple[str, str, str], names: tuple[str, str, str]) -> bool:
    return all(fnmatch(name, pattern) for name, pattern in zip(names, patterns, strict=True))


@pytest.mark.parametrize(("make", "act", "reading"), list(_readings()))
def test_an_act_is_seen(make: Make, act: Act, reading: str) -> None:
    with table.noted(make.name, reading, act.name) as row, make.company() as company:
        act.before(company)
        rollcall = Rollcall(company, **({"active_script": company.lock_script} if act.needs == "lock" else {}))
        first = rollcall.begins()
        if reading != table.FULL:
            assert first.readings.get().cursor["by"] == make.reading

        read = rollcall.does(act, incremental=reading != table.FULL)

        assert reading != table.FULL or not read.since
        row.seen = table.what_was_read(read.read_scope)
