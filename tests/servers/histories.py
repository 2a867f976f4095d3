"""Random histories of a company: after each few acts a run of changes, after which a reading of everything wants nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING

from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from directory.invariants.readings import groups_match_the_graph
from directory.values.plan import Cause
from tests.servers.company import GROUPS, PEOPLE, Company
from tests.servers.rollcall import Rollcall, plain, planned_changes
from tests.worlds import NOON

if TYPE_CHECKING:
    from directory.models import RunServer

picks = st.integers(0, 30)
SETTINGS = settings(
    stateful_step_count=8,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    print_blob=True,
    phases=[Phase.generate],
)
BRANCHES = ("Staff", "Sales")
NAMES = ("helpdesk", "night", "idle", "frontline")
COUNTED: Counter[str] = Counter()


class Histories(RuleBasedStateMachine):
    """One history of one company; ``company`` opens its directory as it is at first."""

    company: Callable[[], AbstractContextManager[Company]]

    @initialize()
    def begin(self) -> None:
        """Found the company inside a transaction that is taken back at the end."""
        COUNTED["histories"] += 1
        self.stack = ExitStack()
        self.here = self.stack.enter_context(type(self).company())
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.rollcall = Rollcall(self.here)
        self.branches = dict.fromkeys(BRANCHES)
        self.names = {name: name for name in PEOPLE}
        self.members = {group: set(members) for group, members in GROUPS.items()}
        # Whose primary group is one of ours.
        self.primary: dict[str, str] = {}
        self.number = 0
        self.log: list[str] = []
        self.rollcall.begins()

    def teardown(self) -> None:
        """Compare once more, and take everything back."""
        if hasattr(self, "rollcall"):
            try:
                self.changes_are_read()
            finally:
                self._take_back()

    def _take_back(self) -> None:
        if hasattr(self, "rollcall"):
            transaction.set_rollback(True)
            self.transaction.__exit__(None, None, None)
        if hasattr(self, "stack"):
            self.stack.close()

    def _one(self, pick: int) -> str:
        return _pick(sorted(self.here.dns), pick)

    # What happens.

    @rule(branch=st.sampled_from(BRANCHES))
    def somebody_is_hired(self, branch: str) -> None:
        self.number += 1
        name = f"new{self.number}"
        self.here.hires(name, branch)
        self.rollcall.arrive([name])
        self.names[name] = name

    @rule(pick=picks)
    def somebody_leaves(self, pick: int) -> None:
        if len(self.here.dns) > 3:
            name = self._one(pick)
            self._quits_all(name)
            self.here.leaves(name)

    @rule(pick=picks, active=st.booleans())
    def an_account_is_switched(self, pick: int, active: bool) -> None:
        name = self._one(pick)
        (self.here.enables if active else self.here.disables)(name)

    @rule(pick=picks)
    def an_entry_is_renamed(self, pick: int) -> None:
        self.number += 1
        name = self._one(pick)
        self.here.renames_entry(name, f"{name.title()}, No. {self.number}")

    @rule(pick=picks)
    def a_username_is_renamed(self, pick: int) -> None:
        self.number += 1
        name = self._one(pick)
        self.names[name] = f"{name}.{self.number}"
        self.here.names(name, self.names[name])

    @rule(one=picks, other=picks)
    def two_usernames_are_swapped(self, one: int, other: int) -> None:
        first, second = self._one(one), self._one(other)
        if first != second:
            before, after = self.names[first], self.names[second]
            self.here.names(first, f"{before}.tmp")
            self.here.names(second, before)
            self.here.names(first, after)
            self.names[first], self.names[second] = after, before

    @rule(pick=picks, branch=st.sampled_from(BRANCHES))
    def somebody_moves(self, pick: int, branch: str) -> None:
        name = self._one(pick)
        if not plain(self.here.dns[name]).endswith(plain(f",{self.here.branch_dn(branch)}")):
            self.here.moves(name, branch)

    @rule(pick=picks, branch=st.sampled_from(BRANCHES))
    def somebody_is_deleted_and_made_anew(self, pick: int, branch: str) -> None:
        name = self._one(pick)
        self._quits_all(name)
        self.here.makes_anew(name, branch, username=self.names[name])

    @rule(pick=picks, group=picks)
    def a_group_is_joined_or_left(self, pick: int, group: int) -> None:
        name, of = self._one(pick), self._group(group)
        if of and name in self.members[of] and len(self.members[of]) > 1:
            self._has_no_primary_group(name, of)
            self.here.quits(name, of)
            self.members[of].discard(name)
        elif of and name not in self.members[of]:
            self.here.joins(name, of)
            self.members[of].add(name)

    @precondition(lambda self: self.here.has_primary_groups)
    @rule(pick=picks, group=picks)
    def a_primary_group_is_changed(self, pick: int, group: int) -> None:
        name, of = self._one(pick), self._group(group)
        if of and name in self.members[of] and self.primary.get(name) != of:
            self.here.takes_as_primary(name, of)
            self.primary[name] = of
        else:
            self._has_no_primary_group(name)

    @rule(inner=picks, outer=picks)
    def a_group_is_nested(self, inner: int, outer: int) -> None:
        first, second = self._group(inner), self._group(outer)
        if first and second and first != second and f"group {first}" not in self.members[second]:
            self.here.nests_group(first, second)
            self.members[second].add(f"group {first}")

    @rule(group=picks)
    def a_group_is_deleted(self, group: int) -> None:
        name = self._group(group)
        if name and not self._nested(name):
            for person, group_of in list(self.primary.items()):
                if group_of == name:
                    self._has_no_primary_group(person)
            self.here.deletes_group(name)
            del self.members[name]

    @rule(name=st.sampled_from(NAMES), pick=picks)
    def a_group_is_made(self, name: str, pick: int) -> None:
        if name not in self.members:
            member = self._one(pick)
            self.here.makes_group(name, [member])
            self.members[name] = {member}

    @rule(group=picks, new=st.sampled_from(NAMES))
    def a_group_is_renamed(self, group: int, new: str) -> None:
        name = self._group(group)
        if name and new not in self.members:
            self.here.renames_group(name, new)
            self.members[new] = self.members.pop(name)
            self.primary = {person: new if of == name else of for person, of in self.primary.items()}
            for members in self.members.values():
                if f"group {name}" in members:
                    members.remove(f"group {name}")
                    members.add(f"group {new}")

    # What is read.

    @rule()
    def changes_are_read(self) -> None:
        """What is left to do afterwards is at most to find out who has gone."""
        reading = self.rollcall.reads(incremental=True)
        self._compare(reading)
        COUNTED["incremental"] += bool(reading.since)

    @rule()
    def everything_is_read(self) -> None:
        self._compare(self.rollcall.reads(incremental=False))

    def _compare(self, reading: RunServer) -> None:
        COUNTED["compared"] += 1
        left = planned_changes()
        assert [each for each in left if each[1] != Cause.ABSENT] == [], (left, reading.read_scope)
        assert not left or reading.since, left
        assert list(groups_match_the_graph(NOON)) == []

    def _group(self, pick: int) -> str:
        return _pick(sorted(self.members), pick) if self.members else ""

    def _nested(self, group: str) -> bool:
        """Return whether a group would be the last member of another one."""
        return any(members == {f"group {group}"} for members in self.members.values())

    def _has_no_primary_group(self, name: str, group: str = "") -> None:
        """Have a person whose primary group is this one, or any of ours, be in it as others are."""
        if name in self.primary and group in {"", self.primary[name]}:
            self.here.takes_as_primary(name, "")
            del self.primary[name]

    def _quits_all(self, name: str) -> None:
        """Have a person leave all groups, as one whose last member goes is refused or left as it is."""
        self._has_no_primary_group(name)
        for group, members in self.members.items():
            if name in members:
                if len(members) == 1:
                    other = next(each for each in sorted(self.here.dns) if each != name)
                    self.here.joins(other, group)
                    members.add(other)
                self.here.quits(name, group)
                members.discard(name)


def _pick(names: Sequence[str], pick: int) -> str:
    return names[pick % len(names)]


def of(company: Callable[[], AbstractContextManager[Company]]) -> type[Histories]:
    """Return histories of companies with this kind of directory."""

    class HistoriesOfOneMake(Histories):
        pass

    HistoriesOfOneMake.company = staticmethod(company)
    return HistoriesOfOneMake
