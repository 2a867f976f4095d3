"""slapd as a proxy in front of another one: back-ldap and back-meta, as Debian ships them."""

from __future__ import annotations

from typing import Literal

from tests.directories import Directory


class Proxy(Directory):
    """A slapd without data of its own that sends what it is asked on to ``behind``.

    ``limit`` is its own size limit; slapd's is 500 where none is set, for a proxy as for anything else. ``branch`` is a
    DN below the base and the URL of another server that has it, which back-meta puts together with the rest.
    """

    def __init__(
        self,
        kind: Literal["ldap", "meta"],
        behind: Directory,
        *,
        limit: str = "unlimited",
        branch: tuple[str, str] | None = None,
    ) -> None:
        super().__init__(base=behind.base)
        self._kind = kind
        self._behind = behind
        self._limit = limit
        self._branch = branch

    def load(self, ldif: str) -> None:
        """Load nothing: the data are those of the one behind."""

    def _write_configuration(self) -> None:
        assert self._folder
        target = f'uri "{self._behind.url}/{self.base if self._kind == "meta" else ""}"'
        lines = [
            *(f"include {self._schema(name)}" for name in self._schemas),
            "modulepath /usr/lib/ldap",
            "moduleload back_ldap",
            # For its schema.
            "moduleload memberof",
            *(["moduleload back_meta"] if self._kind == "meta" else []),
            f"pidfile {self._folder}/slapd.pid",
            f"sizelimit {self._limit}" if self._limit else "",
            f"database {self._kind}",
            f'suffix "{self.base}"',
            target,
            # Whoever binds is bound there, too.
            "rebind-as-user yes",
            f'uri "{self._branch[1]}/{self._branch[0]}"' if self._branch else "",
        ]
        (self._folder / "slapd.conf").write_text("\n".join(lines) + "\n")
