"""A slapd with as many people as a measurement needs, loaded in bulk from a file."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import ldap

from tests.bench import people
from tests.directories import SLAPADD, Directory

GIGABYTE = 1024**3
# Sparse: only what is used takes space. A person takes about 3 KB with the indexes.
SPACE_PER_PERSON = 8 * 1024


class LargeDirectory(Directory):
    """One slapd with people of ``tests.bench.people``; whoever reads it binds as nobody, and there are no limits.

    ``groups`` entries have ``members`` each, some of which are other groups.
    """

    def __init__(self, count: int, seed: int = 1, *, groups: int = 0, members: int = 0) -> None:
        super().__init__(base=people.BASE, extra="index departmentNumber eq")
        self.count = count
        self._seed = seed
        self._groups, self._members = groups, members

    def load(self, ldif: str) -> None:
        """Load the root entries, then everybody."""
        super().load(ldif)
        assert self._folder
        with tempfile.TemporaryDirectory(prefix="ldif-") as folder:
            file = Path(folder) / "people.ldif"
            people.write_ldif(file, self.count, self._seed)
            if self._groups:
                people.add_groups(file, self.count, self._groups, self._members)
            command = [SLAPADD, "-q", "-f", str(self._folder / "slapd.conf"), "-l", str(file)]
            done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()[-2000:]

    def rename_people(self, numbers: Iterable[int], surname: str) -> None:
        """Give these people another surname."""
        with self.administrator() as connection:
            for number in numbers:
                unit = people.UNITS[number % len(people.UNITS)]
                dn = f"uid={people.username(number)},ou={unit},{self.base}"
                connection.modify_s(dn, [(ldap.MOD_REPLACE, "sn", [surname.encode()])])

    def _write_configuration(self) -> None:
        super()._write_configuration()
        assert self._folder
        file = self._folder / "slapd.conf"
        space = GIGABYTE + (self.count + self._groups) * SPACE_PER_PERSON
        text = file.read_text().replace("maxsize 1073741824", f"maxsize {space}")
        file.write_text(text.replace("threads 4\n", "threads 4\ntool-threads 2\n"))
