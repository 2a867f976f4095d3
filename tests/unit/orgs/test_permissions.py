"""Which permission implies which."""

from __future__ import annotations

from orgs.permissions import Permission, holds


class TestPermissions:
    def test_admin_implies_all(self) -> None:
        assert all(holds([Permission.ADMIN], key) for key in Permission)

    def test_a_key_implies_the_keys_below_it_and_no_neighbour(self) -> None:
        assert holds([Permission.USER], Permission.USER_READ)
        assert not holds([Permission.USER_READ], Permission.USER)
        assert not holds([Permission.USER], Permission.ALL_USER)
