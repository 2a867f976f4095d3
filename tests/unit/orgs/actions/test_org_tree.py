"""An org moves with everything below it, and nobody gains more by it than the person who moves it holds."""

from __future__ import annotations

import pytest

from directory import invariants
from orgs.actions import org_tree, orgs
from orgs.actions.errors import Refused
from orgs.models import AuditEntry, Org, Role, User
from orgs.rules.actors import SYSTEM, Actor, person
from orgs.rules.inheritance import TriedSettings, effective_settings
from tests.makers import NOW, PASSWORD, make_org, make_role, make_sysadmin, make_user

pytestmark = pytest.mark.django_db


def stored(org: Org) -> Org:
    return Org.objects.get(pk=org.pk)


def move(org: Org, parent: Org, by: Actor = SYSTEM) -> Org:
    return org_tree.move(org=org, parent=parent, by=by, at=NOW)


def names_below(org: Org) -> list[str]:
    return list(Org.objects.filter(path__startswith=stored(org).path).values_list("name", flat=True))


class TestAMove:
    def test_takes_the_orgs_below_with_it(self) -> None:
        left, right = make_org("Left"), make_org("Right")
        lower = make_org("Lower", parent=make_org("Middle", parent=left))

        moved = move(Org.objects.get(name="Middle"), right)

        assert names_below(right) == ["Right", "Middle", "Lower"]
        assert names_below(left) == ["Left"]
        assert moved.path == stored(moved).path
        assert stored(lower).depth == 4
        assert invariants.broken(at=NOW) == []

    def test_stands_in_the_audit_trail_with_both_parents(self) -> None:
        left, right = make_org("Left"), make_org("Right")
        move(make_org("Lower", parent=left), right)

        entry = AuditEntry.objects.get(action="org moved")

        assert (entry.object_label, entry.before, entry.after) == ("Lower", {"parent": "Left"}, {"parent": "Right"})

    def test_to_where_the_org_is_changes_nothing(self) -> None:
        left = make_org("Left")
        lower = make_org("Lower", parent=left)

        move(lower, left)

        assert not AuditEntry.objects.filter(action="org moved").exists()

    def test_leaves_a_free_path_to_the_next_org(self) -> None:
        left, right = make_org("Left"), make_org("Right")
        worker = make_user("worker", org=make_org("Lower", parent=left))
        move(worker.org, right)

        make_org("Next", parent=left)

        assert User.objects.get(pk=worker.pk).org.name == "Lower"
        assert invariants.broken(at=NOW) == []

    @pytest.mark.parametrize("target", ["Left", "Lower"])
    def test_below_itself_is_refused(self, target: str) -> None:
        left = make_org("Left")
        make_org("Lower", parent=left)

        with pytest.raises(Refused, match="is Left itself, or lies below it"):
            move(left, Org.objects.get(name=target))

    def test_of_the_top_is_refused(self) -> None:
        with pytest.raises(Refused, match="ADMIN is the top of the tree"):
            move(Org.objects.get(depth=1), make_org("Left"))

    def test_below_an_org_that_is_out_of_use_is_refused(self) -> None:
        left, right = make_org("Left"), make_org("Right")
        orgs.set_active(org=right, active=False, by=SYSTEM, at=NOW)

        with pytest.raises(Refused, match="Right is not active"):
            move(left, right)

    def test_deeper_than_paths_are_long_is_refused(self) -> None:
        deep = make_org("Level 2")
        for level in range(3, 63):
            deep = make_org(f"Level {level}", parent=deep)
        left = make_org("Left")
        make_org("Lower", parent=left)

        with pytest.raises(Refused, match="no org can lie deeper than 63 levels"):
            move(left, deep)
        deepest = make_org("Level 63", parent=deep)
        with pytest.raises(Refused, match="Level 63 lies 63 levels deep"):
            make_org("Level 64", parent=deepest)


class TestReach:
    """The administrators of the new parent reach the org from then on, those of the former one do not."""

    @pytest.fixture
    def tree(self) -> tuple[Org, Org, Org]:
        upper = make_org("Upper")
        left, right = make_org("Left", parent=upper), make_org("Right", parent=upper)
        return upper, right, make_org("Lower", parent=left)

    def test_is_gained_and_lost(self, tree: tuple[Org, Org, Org]) -> None:
        _, right, lower = tree
        make_user("above", org=Org.objects.get(name="Upper"), roles=["Org Admin"])
        make_user("everywhere", org=right, roles=["All Org Manager"])
        make_user("plain", org=right, roles=["PROe User"])
        gaining = make_user("gaining", org=right, roles=["Org Admin"])
        losing = make_user("losing", org=Org.objects.get(name="Left"), roles=["Org Help Desk"])

        assert set(org_tree.gaining_reach(lower, right)) >= {gaining.pk}
        assert User.objects.get(username="above").pk not in org_tree.gaining_reach(lower, right)
        assert User.objects.get(username="plain").pk not in org_tree.gaining_reach(lower, right)
        assert set(org_tree.losing_reach(lower, right)) == {losing.pk}

    def test_is_not_given_beyond_what_the_acting_person_holds(self, tree: tuple[Org, Org, Org]) -> None:
        upper, right, lower = tree
        make_role("Mover", "admin.org.update_basic", "admin.user")
        mover = make_user("mover", org=upper, roles=["Mover"])
        make_user("gaining", org=right, roles=["Org Admin"])

        with pytest.raises(Refused, match=r"gaining would hold more than you do: admin\.computer"):
            move(lower, right, person(mover))

        assert stored(lower).path == lower.path

    def test_is_given_by_who_holds_it_there(self, tree: tuple[Org, Org, Org]) -> None:
        upper, right, lower = tree
        make_user("gaining", org=right, roles=["Org Admin"])

        moved = move(lower, right, person(make_user("olga", org=upper, roles=["Org Admin"])))

        assert moved.path.startswith(right.path)

    def test_gained_ends_a_local_password_that_somebody_else_set(self, tree: tuple[Org, Org, Org]) -> None:
        _, right, lower = tree
        gaining = make_user("gaining", org=right, roles=["Org Admin"], password=PASSWORD)
        AuditEntry.objects.filter(object_id=gaining.pk, action="user created").update(
            actor=make_user("gone", roles=["PROe User"]).pk
        )

        move(lower, right, person(make_sysadmin()))

        assert not User.objects.get(pk=gaining.pk).has_usable_password()


class TestDefaultRoles:
    @pytest.fixture
    def gifts(self) -> Org:
        gifts = make_org("Gifts")
        generous = [Role.objects.get(name="All Org Admin")]
        return orgs.change(org=gifts, own_default_roles=True, default_roles=generous, by=SYSTEM, at=NOW)

    def test_that_hold_more_than_the_acting_person_are_not_inherited_by_a_move(self, gifts: Org) -> None:
        make_role("Mover", "admin.allorg", "admin.user")
        mover = make_user("mover", roles=["Mover"])
        lower = make_org("Lower", parent=make_org("Left"))

        with pytest.raises(Refused, match="default roles of Lower would give more than you hold: All Org Admin"):
            move(lower, gifts, person(mover))

    def test_are_tried_out_for_orgs_below_as_well(self, gifts: Org) -> None:
        left = make_org("Left")
        lower = make_org("Lower", parent=left)

        tried = effective_settings(TriedSettings(parents={left.pk: gifts.pk}))

        assert tried[lower.pk].default_roles == frozenset({"All Org Admin"})
        assert tried[lower.pk].lineage == (lower.pk, left.pk, gifts.pk, Org.objects.get(depth=1).pk)
        move(left, gifts)
        assert effective_settings()[lower.pk].default_roles == frozenset({"All Org Admin"})


def test_the_acting_person_is_not_locked_out_by_a_move_below_an_org_that_follows_ldap() -> None:
    make_sysadmin()
    directory = make_org("Directory")
    orgs.change(org=directory, directory_service="ldap", by=SYSTEM, at=NOW)
    left = make_org("Left")
    olga = make_user("olga", org=left, roles=["SYSADMIN"], password=PASSWORD)
    User.objects.filter(pk=olga.pk).update(managed_locally=False)

    with pytest.raises(Refused, match="you could not sign in any more"):
        move(left, directory, person(olga))
