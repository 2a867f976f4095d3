"""OpenLDAP with glued branches: each a database of its own below another one (slapd.conf(5), ``subordinate``)."""

from __future__ import annotations

from tests.directories import ACCESS, Directory, to_ldif

BRANCHES = ("East", "West")


class GluedDirectory(Directory):
    """A slapd whose branches ``ou=East`` and ``ou=West`` hold so many people each, ``east001`` and so on."""

    def __init__(self, each: int, *, certificate: bool = False) -> None:
        super().__init__(certificate="good" if certificate else None)
        self._each = each

    def start(self) -> None:
        fresh = self._folder is None
        super().start()
        if fresh:
            for name in BRANCHES:
                self.add_ldif(self._branch(name))

    def _branch(self, name: str) -> str:
        top = f"ou={name},{self.base}"
        people = (f"{name.lower()}{number:03}" for number in range(1, self._each + 1))
        return to_ldif(top, {"objectClass": "organizationalUnit", "ou": name}) + "".join(
            to_ldif(f"uid={uid},{top}", {"objectClass": "inetOrgPerson", "uid": uid, "cn": uid, "sn": name})
            for uid in people
        )

    def _write_configuration(self) -> None:
        super()._write_configuration()
        assert self._folder
        file = self._folder / "slapd.conf"
        # A branch has to stand before what it is glued to.
        file.write_text(file.read_text().replace("database mdb\n", f"{self._databases()}database mdb\n", 1))

    def _databases(self) -> str:
        assert self._folder
        lines = []
        for name in BRANCHES:
            data = self._folder / name
            data.mkdir()
            lines += ["database mdb", f"directory {data}", f'suffix "ou={name},{self.base}"', "subordinate"]
            lines += [f'rootdn "{self.admin_dn}"', "index objectClass,uid,entryUUID eq"]
            lines += [f"access {rule}" for rule in ACCESS]
        return "\n".join(lines) + "\n"
