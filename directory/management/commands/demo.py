"""Writes the demo's directory as LDIF and fills an empty Rollcall with the demo's orgs, users and LDAP server."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from directory.demo import ldif as ldif_text
from directory.demo import world
from directory.demo.people import SUFFIX, invent
from directory.models import LdapServer
from orgs.models import User


class Command(BaseCommand):
    """``demo --ldap-port PORT --ldif FILE``; the passwords of the directory's administrator and people are in its folder."""

    help = "Writes the demo directory's LDIF and, into an empty database, the demo's orgs, users and LDAP server."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options for the directory's port and the LDIF file."""
        parser.add_argument("--ldap-port", type=int, required=True, help="where the demo directory listens")
        parser.add_argument("--ldif", type=Path, required=True, help="the file to write")

    def handle(self, *_args: Any, ldap_port: int, ldif: Path, **_options: Any) -> None:
        """Write the LDIF unless the file exists; fill the database if it is empty."""
        people = invent()
        if not ldif.exists():
            ldif.touch(mode=0o600)
            of_people = (ldif.parent / "people-password").read_text("ascii").strip()
            ldif.write_text("\n".join(ldif_text.lines(people, password=of_people)) + "\n", "ascii")
        url = f"ldap://127.0.0.1:{ldap_port}"
        if User.objects.exclude(username_key="admin").exists() or LdapServer.objects.exists():
            world.move_port(url)
            return
        password = (ldif.parent / "password").read_text("ascii").strip()
        world.build(people, url=url, bind_dn=f"cn=admin,{SUFFIX}", bind_password=password, at=timezone.now())
