"""Real slapd servers for tests: each has its own folder and free ports, and is stopped by its process id."""

from __future__ import annotations

import base64
import hashlib
import random
import re
import subprocess
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

import ldap
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from ldap.controls.simple import ManageDSAITControl

from tests.server_process import ServerProcess, free_port

SLAPD = "/usr/sbin/slapd"
SLAPADD, SLAPCAT = "/usr/sbin/slapadd", "/usr/sbin/slapcat"
SCHEMAS = Path("/etc/ldap/schema")
COMMON_SCHEMAS = ("core", "cosine", "inetorgperson", "nis")
ACTIVE_DIRECTORY_SCHEMAS = (*COMMON_SCHEMAS, "msuser")
# Debian's copy of Active Directory's schema has no matching rules, so that no filter would find anything.
MATCHING_RULES = {
    "7": "EQUALITY booleanMatch",
    "12": "EQUALITY distinguishedNameMatch",
    "15": "EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch",
    "24": "EQUALITY generalizedTimeMatch ORDERING generalizedTimeOrderingMatch",
    "26": "EQUALITY caseIgnoreIA5Match",
    "27": "EQUALITY integerMatch ORDERING integerOrderingMatch",
    "40": "EQUALITY octetStringMatch",
}
SECURITY_PRINCIPAL = """
attributetype ( 2.16.840.1.113730.3.1.35 NAME 'thumbnailPhoto' SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
objectclass ( 1.2.840.113556.1.5.6 NAME 'securityPrincipal' SUP top AUXILIARY
  MAY ( sAMAccountName $ objectSid $ sIDHistory $ sAMAccountType $ thumbnailPhoto ) )
"""

LONG_AGO = datetime(2024, 1, 31, 8, tzinfo=UTC)
ACCESS = ("to attrs=userPassword by anonymous auth by * none", "to * by * read")

Certificate = Literal["good", "expired", "wrong host", "self-signed"]
Values = str | bytes | Sequence[str | bytes]


class Authority:
    """A certificate authority made on the fly; ``pem`` is what a client has to trust."""

    def __init__(self, name: str = "Test Authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._certificate = self._sign(self._name, self._key, authority=True)
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, kind: Certificate = "good") -> tuple[str, str]:
        """Return certificate and key as PEM for a server on this machine."""
        key = ec.generate_private_key(ec.SECP256R1())
        host = "elsewhere.example.net" if kind == "wrong host" else "localhost"
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        if kind == "self-signed":
            lone = Authority("localhost")
            certificate, key = lone._sign(lone._name, lone._key, host=host), lone._key
        else:
            certificate = self._sign(name, key, host=host, expired=kind == "expired")
        return _as_pem(certificate, key)

    def issue_to(self, name: str, *, expired: bool = False, days: int = 30) -> tuple[str, str]:
        """Return certificate and key as PEM for somebody, named by their DN, for so many days."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(x509.Name.from_rfc4514_string(name), key, expired=expired, days=days)
        return _as_pem(certificate, key)

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        host: str = "",
        authority: bool = False,
        expired: bool = False,
        days: int = 30,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        end = now - timedelta(days=1) if expired else now + timedelta(days=days)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(LONG_AGO)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if host:
            names: list[x509.GeneralName] = [x509.DNSName(host)]
            if host == "localhost":
                names.append(x509.IPAddress(ip_address("127.0.0.1")))
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _as_pem(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> tuple[str, str]:
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), key.private_bytes(*form).decode()


class Administered:
    """A directory that its administrator changes over LDAP, whatever its make."""

    admin_dn: str
    admin_password: str
    reader_dn: str
    reader_password: str

    @property
    def url(self) -> str:
        raise NotImplementedError

    def add(self, dn: str, attributes: Mapping[str, Values]) -> None:
        with self.administrator() as connection:
            connection.add_s(dn, [(name, _bytes(values)) for name, values in attributes.items()])

    def add_ldif(self, ldif: str) -> None:
        self._tool("ldapadd", ldif)

    def modify(self, dn: str, attributes: Mapping[str, Values | None]) -> None:
        """Replace attributes; None removes one."""
        with self.administrator() as connection:
            changes = [
                (ldap.MOD_REPLACE, name, None if values is None else _bytes(values))
                for name, values in attributes.items()
            ]
            connection.modify_s(dn, changes)

    def delete(self, dn: str) -> None:
        with self.administrator() as connection:
            # A referral would be followed instead.
            connection.delete_ext_s(dn, serverctrls=[ManageDSAITControl()])

    def rename(self, dn: str, rdn: str, *, parent: str | None = None) -> None:
        with self.administrator() as connection:
            connection.rename_s(dn, rdn, parent)

    def administrator(self) -> _Session:
        return _Session(self.url, self.admin_dn, self.admin_password)

    def _tool(self, program: str, ldif: str) -> None:
        command = [program, "-x", "-H", self.url, "-D", self.admin_dn, "-w", self.admin_password]
        done = subprocess.run(command, input=ldif.encode(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()


class Directory(ServerProcess, Administered):
    """One slapd; ``start`` it, or use it as a context manager.

    ``limits`` are slapd's words, such as ``size.prtotal=500``, and hold for the reader, since the administrator has
    none. ``ldif`` is loaded before the start; ``aged`` says that all of it was written long ago. ``reader_dn`` is an
    account that may read everything except passwords. ``extra`` are lines for the database, ``before`` lines before
    any, such as a schema or another database.
    """

    program = "slapd"
    admin_password = "Adm1n! geheim"
    reader_password = "Read3r? geheim"

    def __init__(
        self,
        *,
        base: str = "dc=example,dc=com",
        ldif: str = "",
        schemas: Iterable[str] = COMMON_SCHEMAS,
        memberof: bool = False,
        limits: str = "",
        certificate: Certificate | None = None,
        anonymous: bool = True,
        extra: str = "",
        before: str = "",
        aged: bool = False,
    ) -> None:
        super().__init__()
        self.base = base
        self.admin_dn = f"cn=admin,{base}"
        self.reader_dn = f"cn=reader,{base}"
        self._ldif = ldif
        self._schemas = tuple(schemas)
        self._memberof = memberof
        self._limits = limits
        self._certificate = certificate
        self._anonymous = anonymous
        self._extra = extra
        self._before = before
        self._aged = aged
        self._tls_port = 0
        self.port = 0
        self.ca_certificate = ""

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def ldaps_url(self) -> str:
        return f"ldaps://127.0.0.1:{self._tls_port}"

    @property
    def tls_port(self) -> int:
        return self._tls_port

    def load(self, ldif: str) -> None:
        """Load LDIF in bulk while slapd is not running."""
        assert self._folder
        command = [SLAPADD, "-q", "-f", str(self._folder / "slapd.conf"), "-b", self.base]
        done = subprocess.run(command, input=ldif.encode(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()

    def backed_up(self) -> str:
        """Return everything as LDIF, as a backup has it, and start again; the port is another one."""
        assert self._folder
        # It writes its contextCSN when it ends.
        self.stop(remove=False)
        command = [SLAPCAT, "-f", str(self._folder / "slapd.conf"), "-b", self.base]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        self.start()
        return done.stdout.decode()

    def restore(self, backup: str) -> None:
        """Start again with what ``backed_up`` gave, and nothing else; the port is another one."""
        assert self._folder
        self.stop(remove=False)
        for file in (self._folder / "data").iterdir():
            file.unlink()
        self.load(backup)
        self.start()

    def allow(self, *rules: str) -> None:
        """Replace who may see what, at once, in slapd's words; without rules it is as at the start."""
        self._configure("olcAccess", rules or ACCESS)

    def limit(self, *limits: str) -> None:
        """Replace what searches are limited to, at once, as in ``users size.prtotal=30``; without limits none are."""
        self._configure("olcLimits", limits)

    def _configure(self, name: str, values: Sequence[str]) -> None:
        with _Session(self.url, "cn=admin,cn=config", self.admin_password) as connection:
            database = "olcDatabase={1}mdb,cn=config"
            connection.modify_s(database, [(ldap.MOD_REPLACE, name, _bytes(values) or None)])

    def _fill_folder(self) -> None:
        self._write_configuration()
        ldif = self._root_entries() + self._ldif
        self.load(aged(ldif) if self._aged else ldif)

    def _choose_ports(self) -> Sequence[int]:
        self.port, self._tls_port = free_port(), free_port()
        return (self.port, self._tls_port) if self._certificate else (self.port,)

    def _command(self) -> Sequence[str]:
        listeners = self.url + (f" {self.ldaps_url}" if self._certificate else "")
        return [SLAPD, "-f", f"{self._folder}/slapd.conf", "-h", listeners, "-d", "0"]

    def _write_configuration(self) -> None:
        assert self._folder
        (self._folder / "data").mkdir()
        (self._folder / "branch").mkdir()
        overlays = (
            "overlay memberof",
            "memberof-refint TRUE",
            "overlay refint",
            "refint_attributes member",
        )
        lines = [
            *(f"include {self._schema(name)}" for name in self._schemas),
            "modulepath /usr/lib/ldap",
            *(f"moduleload {name}" for name in ("back_mdb", "memberof", "refint")),
            f"pidfile {self._folder}/slapd.pid",
            "sizelimit unlimited",
            "timelimit unlimited",
            "threads 4",
            "" if self._anonymous else "disallow bind_anon\nrequire authc",
            self._tls_lines(),
            self._before.replace("FOLDER", str(self._folder)),
            "database mdb",
            f"directory {self._folder}/data",
            "maxsize 1073741824",
            "dbnosync",
            "envflags nosync writemap",
            f'suffix "{self.base}"',
            f'rootdn "{self.admin_dn}"',
            f'rootpw "{self.admin_password}"',
            "index objectClass,uid,member,entryUUID eq",
            f"limits users {self._limits}\nlimits anonymous {self._limits}" if self._limits else "",
            *(f"access {rule}" for rule in ACCESS),
            *(overlays if self._memberof else ()),
            self._extra,
            "database config",
            'rootdn "cn=admin,cn=config"',
            f'rootpw "{self.admin_password}"',
        ]
        (self._folder / "slapd.conf").write_text("\n".join(lines) + "\n")

    def _schema(self, name: str) -> Path:
        original = SCHEMAS / f"{name}.schema"
        if name != "msuser":
            return original
        assert self._folder
        text = original.read_text()
        text = text.replace("SYNTAX 'MSADlargeInteger'", "SYNTAX '1.3.6.1.4.1.1466.115.121.1.27'")
        text = re.sub(
            r"(SYNTAX '1\.3\.6\.1\.4\.1\.1466\.115\.121\.1\.(\d+)')",
            lambda found: f"{MATCHING_RULES.get(found[2], '')} {found[1]}",
            text,
        )
        mended = self._folder / "msuser.schema"
        mended.write_text(text + SECURITY_PRINCIPAL)
        return mended

    def _tls_lines(self) -> str:
        if not self._certificate:
            return ""
        assert self._folder
        authority = Authority()
        self.ca_certificate = authority.pem
        certificate, key = authority.issue(self._certificate)
        (self._folder / "server.pem").write_text(certificate)
        (self._folder / "server.key").write_text(key)
        return f"TLSCertificateFile {self._folder}/server.pem\nTLSCertificateKeyFile {self._folder}/server.key"

    def _root_entries(self) -> str:
        kind, value = self.base.split(",")[0].split("=")
        shape = {"dc": "domain", "o": "organization", "ou": "organizationalUnit"}[kind.lower()]
        root = {"objectClass": shape, kind: value}
        reader = {
            "objectClass": ["organizationalRole", "simpleSecurityObject"],
            "userPassword": hashed(self.reader_password),
        }
        return to_ldif(self.base, root) + to_ldif(self.reader_dn, {"cn": "reader", **reader})


class _Session:
    def __init__(self, url: str, dn: str, password: str) -> None:
        self._connection = ldap.initialize(url)
        self._connection.simple_bind_s(dn, password)

    def __enter__(self) -> ldap.ldapobject.LDAPObject:
        return self._connection

    def __exit__(self, *exception: object) -> None:
        self._connection.unbind_s()


def aged(ldif: str) -> str:
    """Return entries as if nobody had touched them for long: each was written a day after the one before, groups first.

    A reading by stamps takes the newest one for the present, and what is not much older than that comes again each time.
    """
    entries = [entry for entry in ldif.split("\n\n") if entry.strip()]
    parts = []
    for number, entry in enumerate(entries):
        days = number if "\nmember:" not in entry else number - 1000
        stamp = f"{LONG_AGO + timedelta(days=days):%Y%m%d%H%M%S}Z"
        parts.append(f"{entry}\ncreateTimestamp: {stamp}\nmodifyTimestamp: {stamp}\n\n")
    return "".join(parts)


def hashed(password: str) -> str:
    """Return a password as slapd stores it."""
    salt = b"rollcall"
    digest = hashlib.sha1(password.encode() + salt).digest()
    return "{SSHA}" + base64.b64encode(digest + salt).decode()


def escape_rdn(value: str) -> str:
    """Return a value as it stands in a DN (RFC 4514)."""
    escaped = re.sub(r'([,+"\\<>;=])', r"\\\1", value)
    return "\\" + escaped if escaped.startswith(("#", " ")) else escaped


def to_ldif(dn: str, attributes: Mapping[str, Values]) -> str:
    """Return one entry as LDIF, everything in base64 but the plainest values."""
    lines = [_line("dn", dn.encode())]
    for name, values in attributes.items():
        lines += [_line(name, value) for value in _bytes(values)]
    return "\n".join(lines) + "\n\n"


def _line(name: str, value: bytes) -> str:
    if re.fullmatch(rb"[A-Za-z0-9][ -~]*", value) and not value.endswith(b" "):
        return f"{name}: {value.decode()}"
    return f"{name}:: {base64.b64encode(value).decode()}"


def _bytes(values: Values) -> list[bytes]:
    several = [values] if isinstance(values, str | bytes) else values
    return [value.encode() if isinstance(value, str) else value for value in several]


FIRST_NAMES = ("Ada", "Bo", "Chloé", "Dmitri", "Eun-ji", "Fatima", "Grace", "Hiro", "Iñaki", "Jane", "Søren", "Zoë")
LAST_NAMES = ("Abel", "Bauer", "Castillo", "Doe", "Ericsson", "Fo", "García", "Hopper", "Ito", "Jørgensen", "O'Neil")
EMPLOYEE_TYPES = ("staff", "staff", "staff", "contractor", "student", "inactive")


def people(count: int, seed: int = 1, *, base: str = "dc=example,dc=com") -> str:
    """Return LDIF of an OU ``People`` with so many persons ``u00001``, ``u00002``, ...; the same for the same seed."""
    chance = random.Random(seed)
    organizational_unit = f"ou=People,{base}"
    lines = [to_ldif(organizational_unit, {"objectClass": "organizationalUnit", "ou": "People"})]
    lines += [to_ldif(f"uid=u{number:05},{organizational_unit}", _person(number, chance)) for number in _up_to(count)]
    return "".join(lines)


def _up_to(count: int) -> Iterator[int]:
    yield from range(1, count + 1)


def _person(number: int, chance: random.Random) -> dict[str, Values]:
    first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
    return {
        "objectClass": ["top", "person", "organizationalPerson", "inetOrgPerson"],
        "uid": f"u{number:05}",
        "cn": f"{first} {last}",
        "givenName": first,
        "sn": last,
        "mail": f"u{number:05}@example.com",
        "employeeNumber": str(100_000 + number),
        "employeeType": chance.choice(EMPLOYEE_TYPES),
        "departmentNumber": str(chance.randrange(1, 40)),
        "telephoneNumber": f"+49 30 {chance.randrange(10**6, 10**7)}",
        "title": chance.choice(("Engineer", "Nurse", "Clerk", "Head of Something")),
    }


def memberof_directory(count: int = 2000, seed: int = 7) -> Directory:
    """Return a university's directory: several OUs, CNs as names of entries, groups and the memberof overlay.

    The groups are ``Help Desk``, ``Server Admins``, ``Staff, Faculty`` and ``Everyone``, as groupOfNames.
    """
    chance = random.Random(seed)
    base = "o=Northwind University"
    units = ("Staff", "Students", "Guests, External")
    lines = [
        to_ldif(f"ou={escape_rdn(unit)},{base}", {"objectClass": "organizationalUnit", "ou": unit})
        for unit in (*units, "Groups")
    ]
    members: list[str] = []
    for number in _up_to(count):
        entry = _person(number, chance)
        name = chance.choice(('{last}, {first} "{number}"', "{first} {last} {number}", "{last}+{first}#{number}"))
        common = name.format(first=entry["givenName"], last=entry["sn"], number=number)
        dn = f"cn={escape_rdn(common)},ou={escape_rdn(units[number % 3])},{base}"
        lines.append(to_ldif(dn, {**entry, "cn": common, "uid": f"p{number:05}"}))
        members.append(dn)
    groups = {
        "Help Desk": members[::50],
        "Server Admins": members[5:8],
        "Staff, Faculty": members[::7],
        "Everyone": members[:200],
    }
    directory = _WithGroups(groups, base=base, ldif="".join(lines), memberof=True)
    directory.members = members
    return directory


class _WithGroups(Directory):
    """Adds its groups over LDAP, since the memberof overlay does nothing for slapadd."""

    members: list[str]

    def __init__(self, groups: Mapping[str, list[str]], *, base: str, ldif: str, memberof: bool) -> None:
        super().__init__(base=base, ldif=ldif, memberof=memberof)
        self._groups = groups

    def start(self) -> None:
        fresh = self._folder is None
        super().start()
        if not fresh:
            return
        for name, members in self._groups.items():
            dn = f"cn={escape_rdn(name)},ou=Groups,{self.base}"
            self.add(dn, {"objectClass": "groupOfNames", "cn": name, "member": members})


def active_directory_like(count: int = 60, seed: int = 11) -> Directory:
    """Return a domain as Active Directory shows it, with the attributes that its schema has.

    Every tenth account is disabled (514), every sixth entry is followed by a computer, whose name ends in ``$``.
    ``Doe, Jane (HR)`` (``jdoe``) is in the groups ``Help Desk, Berlin`` and ``Backup "Operators"``.
    """
    chance = random.Random(seed)
    base = "DC=corp,DC=example,DC=com"
    units = ("Employees", "Contractors", "Groups", "Computers")
    lines = [to_ldif(f"OU={unit},{base}", {"objectClass": "organizationalUnit", "ou": unit}) for unit in units]
    groups = [f"CN={escape_rdn(name)},OU=Groups,{base}" for name in ("Help Desk, Berlin", 'Backup "Operators"')]
    jane = _account("Doe, Jane (HR)", "jdoe", ("Jane", "Doe"), 1000, base)
    lines.append(to_ldif(f"CN=Doe\\, Jane (HR),OU=Employees,{base}", {**jane, "memberOf": groups}))
    for number in _up_to(count - 1):
        first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
        common = f"{last}, {first} ({number})"
        account = _account(common, f"user{number}", (first, last), 1000 + number, base)
        account["userAccountControl"] = "514" if number % 10 == 0 else "512"
        if number % 4 == 0:
            account["memberOf"] = groups[:1]
        lines.append(to_ldif(f"CN={escape_rdn(common)},OU={units[number % 2]},{base}", account))
        if number % 6 == 0:
            lines.append(to_ldif(f"CN=PC{number},OU=Computers,{base}", _computer(number, base)))
    directory = Directory(base=base, ldif="".join(lines), schemas=ACTIVE_DIRECTORY_SCHEMAS, anonymous=False)
    directory.reader_dn = f"cn=reader,{base}"
    return directory


def _principal(common: str, account: str, number: int, base: str) -> dict[str, Values]:
    return {
        "cn": common,
        "name": common,
        "sAMAccountName": account,
        "objectGUID": uuid.uuid5(uuid.NAMESPACE_DNS, account).bytes_le,
        "objectSid": security_identifier(21, 1004336348, 1177238915, 682003330, number),
        "instanceType": "4",
        "nTSecurityDescriptor": b"\x01\x00\x04\x80",
        "objectCategory": f"CN=Person,CN=Schema,CN=Configuration,{base}",
        "userAccountControl": "512",
        "whenCreated": "20240131080000.0Z",
    }


def _account(common: str, account: str, names: tuple[str, str], number: int, base: str) -> dict[str, Values]:
    return {
        **_principal(common, account, number, base),
        "objectClass": ["top", "person", "organizationalPerson", "user", "securityPrincipal"],
        "givenName": names[0],
        "sn": names[1],
        "displayName": common,
        "mail": f"{account}@corp.example.com",
        "userPrincipalName": f"{account}@corp.example.com",
        "accountExpires": "9223372036854775807",
        "lastLogonTimestamp": "133500000000000000",
        "thumbnailPhoto": b"\xff\xd8\xff\xe0" + bytes(range(64)),
    }


def _computer(number: int, base: str) -> dict[str, Values]:
    classes = ["top", "person", "organizationalPerson", "user", "computer", "securityPrincipal"]
    principal = _principal(f"PC{number}", f"PC{number}$", 5000 + number, base)
    return {**principal, "objectClass": classes, "sn": f"PC{number}", "userAccountControl": "4096"}


def security_identifier(*parts: int) -> bytes:
    """Return S-1-5-<parts> as Active Directory stores it."""
    return bytes([1, len(parts), 0, 0, 0, 0, 0, 5]) + b"".join(part.to_bytes(4, "little") for part in parts)
