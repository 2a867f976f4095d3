"""A count of a run is described once: a new one is counted, stored, written, shown and listed everywhere, or a test names where not."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone

from console.elements import badges
from console.listing.filters.runs import ChangeFilter
from console.presenters.runs import tiles
from directory.invariants import run_lifecycle
from directory.models import Run, RunState
from directory.sync import run_texts
from directory.sync.finish import json_summary
from directory.sync.stored.plan_counts import counts_of
from directory.values import run_counts
from directory.values.plan import Action, Outcome
from directory.values.run_counts import COUNTS, RunCount, counted_as, filled
from tests.makers import NOW, make_change, make_run, make_server, make_sysadmin, make_user, signed_in

README = (Path(__file__).parents[4] / "README.md").read_text()
# Nothing counts by now that somebody's pending deactivation is cleared, alone or with the end of a block.
MADE_UP = RunCount(
    "stillHere",
    "No longer pending",
    "is still here",
    "are still here",
    actions=(Action.CLEAR_PENDING, Action.UNBLOCK),
    in_mail="Pending no more",
    in_log=True,
    in_subject=True,
    listed_by=("action", "still here"),
)


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunCount]:
    """A count that is nothing but an entry of the registry."""
    monkeypatch.setattr(run_counts, "COUNTS", (*COUNTS, MADE_UP))
    counted_as.cache_clear()
    yield MADE_UP
    counted_as.cache_clear()


def documented(readme: str) -> list[str]:
    """Return the keys that README gives of the JSON summary, in its order."""
    paragraph = readme.partition("`needsApproval` (reasons),")[2].partition("`orgs`")[0]
    return re.findall(r"`(\w+)`", paragraph)


def narrowed(run: Run, count: RunCount) -> ChangeFilter:
    """Return the filter of a run's changes as the tile of a count sets it."""
    request = RequestFactory().get("/")
    request.user = make_sysadmin()
    return ChangeFilter(dict([count.filter] if count.filter else []), queryset=run.changes.in_order(), request=request)


class TestANewCount:
    def test_counts_those_to_whom_it_happens(self, made_up: RunCount) -> None:
        assert counts_of(Outcome.PLANNED, [Action.CLEAR_PENDING], 0)[made_up.key] == 1
        assert counts_of(Outcome.PLANNED, [Action.CLEAR_PENDING, Action.UNBLOCK], 0)[made_up.key] == 1
        assert counts_of(Outcome.PLANNED, [Action.MOVE], 0)[made_up.key] == 0

    def test_is_stored_and_in_the_json(self, made_up: RunCount) -> None:
        assert filled({made_up.key: 3})[made_up.key] == 3
        assert list(filled({})) == [*(count.key for count in COUNTS), made_up.key]

    def test_is_in_log_lines_and_mails(self, made_up: RunCount) -> None:
        counts = filled({"users": 9, made_up.key: 3})
        assert run_texts.completed(2, "Default", counts).endswith(", stillHere:3")
        assert "stillHere:3, simulated" in run_texts.summary([2], counts, simulated=True)
        assert run_texts.mail_subject("summary", simulated=False, counts=counts).endswith("9 users, 3 changes")
        body = run_texts.mail_body(opening="", counts=counts, org_lines=[], warnings=[], where="")
        assert "\nPending no more: 3\n" in body

    def test_may_be_missing_of_orgs_that_were_counted_before_it_was_there(self, made_up: RunCount) -> None:
        before = {key: 1 for key in filled({}) if key != made_up.key}
        assert run_texts.completed(2, "Default", before).endswith(", stillHere:0")

    @pytest.mark.django_db
    def test_is_on_the_command_line_and_in_the_json_of_a_run(self, made_up: RunCount) -> None:
        run = make_run(counts={"users": 9, made_up.key: 3})
        assert "        3 are still here" in list(json_summary.text(run, at=NOW))
        assert json_summary.summary(run, at=NOW)[made_up.key] == 3

    @pytest.mark.django_db
    def test_is_a_tile_with_the_icon_of_what_it_counts_and_leads_to_it(self, made_up: RunCount) -> None:
        tile = tiles(make_run(counts={"users": 9, made_up.key: 3}))[-1]
        assert (str(tile.label), tile.count, tile.query) == (made_up.label, 3, "action=still+here")
        badge = badges.action(Action.CLEAR_PENDING)
        assert (tile.icon, tile.tone) == (badge.icon, badge.tone)

    @pytest.mark.django_db
    def test_is_on_the_pages_of_runs(self, made_up: RunCount) -> None:
        parts = [{"id": 2, "name": "Default", **filled({"users": 9, made_up.key: 3})}]
        run = make_run(make_server(), counts={"users": 9, made_up.key: 3}, org_counts=parts)
        ada = signed_in(make_sysadmin())
        listed, page = (
            html.unescape(ada.get(address).content.decode())
            for address in (reverse("runs:list"), reverse("runs:detail", args=[run.pk]))
        )
        assert "3 are still here" in listed
        assert re.search(rf"<th[^>]*>\s*{made_up.label}\s*</th>", page)

    @pytest.mark.django_db
    def test_lists_whom_it_counts(self, made_up: RunCount) -> None:
        run = make_run()
        cleared, freed, moved = (
            make_change(run, make_user(name), action)
            for name, action in (("al", Action.CLEAR_PENDING), ("bo", Action.UNBLOCK), ("cy", Action.MOVE))
        )
        found = narrowed(run, made_up)
        assert found.is_valid()
        assert [row.pk for row in found.qs] == [cleared.pk, freed.pk]
        assert moved.pk not in {row.pk for row in found.qs}

    @pytest.mark.django_db
    def test_is_compared_with_the_applied_changes(self, made_up: RunCount) -> None:
        run = make_run(state=RunState.APPLIED, simulated=False, counts=filled({made_up.key: 3}))
        assert list(run_lifecycle.counts(timezone.now())) == [
            f"run {run.pk} says stillHere: 3, but its applied changes are 0"
        ]

    def test_has_to_be_in_the_readme(self, made_up: RunCount) -> None:
        keys = [count.key for count in run_counts.COUNTS]
        assert documented(README) == keys[:-1]


class TestEachCount:
    def test_is_in_the_readme(self) -> None:
        missing = [count.key for count in COUNTS if count.key not in documented(README)]
        assert missing == [], "README.md, the JSON of ldapsync"
        assert documented(README) == [count.key for count in COUNTS]

    @pytest.mark.parametrize("count", COUNTS, ids=lambda count: count.key)
    def test_has_an_icon_and_words(self, count: RunCount) -> None:
        badge = badges.run_count(count)
        assert badge.icon, f"console/elements/badges.py: no icon for the count {count.key}"
        assert count.label
        assert count.one
        assert count.many

    def test_has_a_key_of_its_own(self) -> None:
        keys = [count.key for count in COUNTS]
        assert len(keys) == len(set(keys))

    @pytest.mark.django_db
    @pytest.mark.parametrize("count", [each for each in COUNTS if each.filter], ids=lambda count: count.key)
    def test_leads_to_a_choice_of_the_filter(self, count: RunCount) -> None:
        found = narrowed(make_run(), count)
        assert found.is_valid(), found.errors

    def test_says_more_of_one_than_of_many_only_where_it_has_a_plural(self) -> None:
        assert {count.key for count in COUNTS if count.one != count.many} == {
            "users", "scriptErrors", "conflicts", "warnings",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("actions", "keys"),
    [
        ((Action.BLOCK, Action.DEACTIVATE), ("deactivated",)),
        ((Action.BLOCK, Action.SET_PENDING), ("blocked",)),
        ((Action.SET_PENDING,), ("blocked",)),
        ((Action.REACTIVATE, Action.UNBLOCK), ("activated",)),
        ((Action.UNBLOCK,), ("activated",)),
        ((Action.CLEAR_PENDING,), ()),
        ((Action.RENAME, Action.PROFILE, Action.MOVE, Action.SET_ROLES), ("moved", "rolesChanged", "renamed", "profileChanged")),
    ],
)  # fmt: skip
def test_a_user_adds_one_for_each_thing_that_is_done(actions: tuple[Action, ...], keys: tuple[str, ...]) -> None:
    assert counted_as(Outcome.PLANNED, actions) == keys


@pytest.mark.parametrize(
    ("outcome", "keys"),
    [
        (Outcome.SCRIPT_ERROR, ("scriptErrors",)),
        (Outcome.NOT_CHECKED, ("notChecked",)),
        (Outcome.CONFLICT, ("conflicts",)),
        (Outcome.KEPT, ()),
    ],
)
def test_a_user_adds_one_by_how_they_fared(outcome: Outcome, keys: tuple[str, ...]) -> None:
    assert counted_as(outcome, ()) == keys
