"""Bad settings of an LDAP server: what is put where, and the field that has to be named."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PAGE, TEST, COMMAND = "page", "“Test connection”", "ldapserver"
EVERY_WAY = (PAGE, TEST, COMMAND)
SAVING = (PAGE, COMMAND)


@dataclass(frozen=True, slots=True)
class Bad:
    """One bad setting; ``values`` replace those of a server that is stored and works."""

    name: str
    values: dict[str, Any]
    key: str
    problem: str = ""
    ways: tuple[str, ...] = EVERY_WAY
    settings: dict[str, Any] = field(default_factory=dict)
    fast: bool = False


def url(name: str, text: str, problem: str, *, ways: tuple[str, ...] = EVERY_WAY, fast: bool = False) -> Bad:
    """Return a bad URL, under the settings of a new installation."""
    strict = {"LDAP_PORTS": frozenset({389, 636, 3268, 3269}), "LDAP_LOOPBACK": False}
    password = {"bind_password": "known to who changes it"}
    return Bad(name, {"urls": [text], **password}, "urls", problem, ways=ways, settings=strict, fast=fast)


def one(
    name: str, key: str, value: Any, problem: str = "", *, ways: tuple[str, ...] = EVERY_WAY, fast: bool = False
) -> Bad:
    """Return one bad value."""
    return Bad(name, {key: value}, key, problem, ways=ways, fast=fast)


# A person at a page keeps to the ports and addresses of the settings; who has the command line may change those too.
BY_A_PERSON = (PAGE, TEST)

ADDRESSES = (
    url("a host with a space in it", "ldap://dc 1", "without spaces"),
    url("two servers in one URL, as libldap takes them", "ldap://10.0.0.1 ldap://10.0.0.2", "without spaces", fast=True),
    url("a URL with a path", "ldap://dc1/dc=example,dc=com", "only a host and perhaps a port"),
    url("a URL with a name and password in it", "ldap://reader:secret@dc1", "only a host and perhaps a port"),
    url("a URL with a query", "ldap://dc1?cn?sub", "only a host and perhaps a port"),
    url("a URL with percent signs", "ldap://dc%31", "only a host and perhaps a port"),
    url("http", "http://10.0.0.1", "ldap:// or ldaps://"),
    url("a socket file by ldapi", "ldapi:///", "ldap:// or ldaps://", fast=True),
    url("a socket file by its path", "ldapi://%2fvar%2frun%2fslapd%2fldapi", "ldap:// or ldaps://"),
    url("a file", "file:///etc/passwd", "ldap:// or ldaps://"),
    url("LDAP over UDP", "cldap://dc1", "ldap:// or ldaps://"),
    url("gopher", "gopher://10.0.0.1:6379/_INFO", "ldap:// or ldaps://"),
    url("port 0", "ldap://dc1:0", "between 1 and 65535"),
    url("port 70000", "ldap://dc1:70000", "between 1 and 65535"),
    url("a port that is text", "ldap://dc1:ldap", "only a host and perhaps a port"),
    url("the port of SSH", "ldap://10.0.0.1:22", "LDAP_PORTS", ways=BY_A_PERSON, fast=True),
    url("the port of Redis", "ldap://10.0.0.1:6379", "LDAP_PORTS", ways=BY_A_PERSON),
    url("the address of cloud credentials", "ldap://169.254.169.254", "link-local", fast=True),
    url("the same inside IPv6", "ldap://[::ffff:169.254.169.254]", "link-local"),
    url("the same as one number", "ldap://2852039166", "link-local"),
    url("the same in octal", "ldap://0251.0376.0251.0376", "link-local"),
    url("the same through NAT64", "ldap://[64:ff9b::a9fe:a9fe]", "link-local"),
    url("the same through 6to4", "ldap://[2002:a9fe:a9fe::1]", "link-local"),
    url("Amazon's metadata over IPv6", "ldap://[fd00:ec2::254]", "metadata"),
    url("Alibaba's metadata", "ldap://100.100.100.200", "metadata"),
    url("a link-local address with a zone", "ldap://[fe80::1%eth0]", "link-local"),
    url("the unspecified address", "ldap://0.0.0.0", "no address of a server"),
    url("the unspecified address of IPv6", "ldap://[::]", "no address of a server"),
    url("the number 0", "ldap://0", "no address of a server"),
    url("a multicast address", "ldap://224.0.0.1", "no address of a server"),
    url("broadcast", "ldap://255.255.255.255", "no address of a server"),
    url("this machine, where the operator did not allow it", "ldap://127.0.0.1", "LDAP_LOOPBACK", ways=BY_A_PERSON, fast=True),
    url("this machine by name", "ldap://localhost", "LDAP_LOOPBACK", ways=BY_A_PERSON),
    url("this machine over IPv6", "ldap://[::1]", "LDAP_LOOPBACK", ways=BY_A_PERSON),
    url("this machine in hexadecimal", "ldap://0x7f.1", "LDAP_LOOPBACK", ways=BY_A_PERSON),
    url("a host name of 300 characters", f"ldap://{'a' * 300}", "at most 253"),
    Bad("no URL", {"urls": []}, "urls"),
    Bad("21 URLs", {"urls": [f"ldap://10.0.0.{number}" for number in range(21)], "bind_password": "known"}, "urls", "20 are the most"),
)  # fmt: skip

BIND = (
    one("a bind DN that is none", "bind_dn", "cn=reader,,dc=com", "is no DN"),
    one("a bind DN with a bell", "bind_dn", "cn=reader\a,dc=com", "control characters", ways=(COMMAND,)),
    Bad("a bind DN without a password", {"bind_dn": "cn=reader,dc=com", "bind_password": ""}, "bind_password", "needs a password", ways=SAVING, fast=True),
    Bad("a password of spaces", {"bind_password": "   "}, "bind_password", "needs a password"),
    Bad("a password without a bind DN", {"bind_dn": "", "bind_password": "secret"}, "bind_dn"),
    Bad("neither bind DN nor “Anonymous bind”", {"bind_dn": ""}, "bind_dn", "Anonymous bind", ways=(PAGE, TEST)),
    one("a password with NUL", "bind_password", "sec\0ret", ""),
    one("a password of 5,000 characters", "bind_password", "x" * 5000, "4096"),
    Bad("StartTLS on top of ldaps", {"urls": ["ldaps://dc1"], "start_tls": True, "bind_password": "known"}, "start_tls", "encrypted from the start"),
    one("a CA certificate that is no PEM", "ca_certificate", "no certificate", "PEM form"),
    one("a CA certificate with broken base64", "ca_certificate", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "PEM form"),
    one("a private key as CA certificate", "ca_certificate", "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----", "private key", fast=True),
    one("a CA certificate of 300 KB", "ca_certificate", "A" * 300_000, "are the most"),
    one("a connect time-out of 0", "connect_timeout", 0),
    one("a connect time-out of −1", "connect_timeout", -1),
    one("a connect time-out of a billion", "connect_timeout", 10**9),
    one("an operation time-out of 0", "operation_timeout", 0),
    one("a time-out of 400 digits", "operation_timeout", 10**400),
)  # fmt: skip

SEARCH = (
    Bad("an empty search base and one level", {"search_base": "", "search_scope": "onelevel"}, "search_scope", "without a search base"),
    one("a referral left out that is no DN", "left_out_contexts", ["child.example.com"], "is no DN"),
    one("a search base that is no DN", "search_base", "example.com", "is no DN", fast=True),
    one("a search base of 2,000 characters", "search_base", "dc=" + "x" * 2000),
    one("a search base with an escape sequence of terminals", "search_base", "dc=\x1b[2J", "control characters"),
    one("a scope that does not exist", "search_scope", "everything"),
    one("a filter with a parenthesis too few", "search_filter", "(&(objectClass=person)(uid=*)", "closing parenthesis", fast=True),
    one("a filter with a parenthesis too many", "search_filter", "(uid=*))", "parenthesis too many"),
    one("a filter without parentheses", "search_filter", "uid=*", "opening parenthesis"),
    one("an empty filter", "search_filter", ""),
    one("a filter of 20 KB", "search_filter", f"(uid={'x' * 20_001})", "longer than"),
    one("a filter with NUL", "search_filter", "(uid=a\0b)", ""),
    one("a filter 60 deep", "search_filter", "(!" * 60 + "(uid=a)" + ")" * 60, "inside each other"),
    one("a filter with half an escape", "search_filter", "(uid=a\\zz)", "hexadecimal"),
    one("a wildcard where none may be", "search_filter", "(uidNumber>=1*)", "wildcards"),
    one("a page size of 0", "page_size", 0),
    one("a page size of a billion", "page_size", 10**9),
    one("a page size that is text", "page_size", "many"),
    one("no username attribute", "username_attribute", ""),
    one("a username attribute that goes on as a filter", "username_attribute", "uid=*)(objectClass", "no name of an attribute", fast=True),
    one("an email attribute with a space", "email_attribute", "mail address", "no name of an attribute"),
    one("an immutable id with a line separator", "unique_id_attribute", "entry\u2028UUID", "control characters"),
    one("a name attribute of 300 characters", "last_name_attribute", "x" * 300),
    one("an attribute name that is none among the always lists", "always_list_attributes", ["memberOf", "member of"], "no name of an attribute"),
    one("600 always lists", "always_list_attributes", [f"a{number}" for number in range(600)], "500 are the most"),
)  # fmt: skip

REST = (
    one("an empty name", "name", "", ways=(PAGE,)),
    one("another server's name in capitals", "name", "BRANCH", "is taken", ways=(PAGE,)),
    one("a name of 300 characters", "name", "x" * 300, ways=(PAGE,)),
    one("a name with an escape sequence of terminals", "name", "Corp\x1b[31m", "control characters", ways=(PAGE,)),
    one("a name that turns the direction of text", "name", "Corp\u202egnp.exe", "direction of text", ways=(PAGE,), fast=True),
    one("a canary with a control character", "canary", "sean\x07", "control characters", ways=SAVING),
    one("a limit of 0 percent", "limit_deactivations_percent", 0, ways=SAVING, fast=True),
    one("a limit of 101 percent", "limit_deactivations_percent", 101, ways=SAVING),
    one("a limit left empty", "limit_moves_percent", None, ways=SAVING),
    one("a limit of −1 users", "limit_deactivations_count", -1, ways=SAVING),
    one("more admin grants than there are", "limit_admin_grants", 1001, ways=SAVING),
    one("a sync interval of −1", "sync_interval_hours", -1, ways=SAVING),
    one("a sync interval of a million years", "sync_interval_hours", 8_766_000_000, ways=SAVING),
    one("a script that does not compile", "active_script", "function (entry) { return [ }", ways=SAVING),
    one("a script that is no function", "org_name_script", "1 + 1", ways=SAVING),
    one("a script that closes its wrapper", "role_name_script", "function () {}) (function () {}", ways=SAVING),
    one("a script with NUL", "active_script", "function (entry) { return '\0' }", ways=SAVING),
    one("a script of 1 MB", "active_script", f"function (entry) {{ return '{'x' * 1_000_000}' }}", ways=SAVING),
)  # fmt: skip

BAD = (*ADDRESSES, *BIND, *SEARCH, *REST)

# Files that are no list of LDAP servers: what they hold, and what has to be said.
FILES: tuple[tuple[str, bytes, str], ...] = (
    ("an empty file", b"", "not JSON"),
    ("half a JSON object", b'{"name": "Corp"', "not JSON"),
    ("a list without a server", b"[]", "no LDAP server in it"),
    ("a number", b"7", "an LDAP server is a JSON object"),
    ("UTF-16", '{"name": "Corp"}'.encode("utf-16"), "not UTF-8"),
    ("a key twice", b'{"name": "Corp", "page_size": 10, "page_size": 20}', "page_size: stands there twice"),
    ("a key that does not exist", b'{"name": "Corp", "is_superuser": true}', "is_superuser: there is no such key"),
    ("brackets 100,000 deep", b"[" * 100_000, "inside each other"),
    ("not-a-number", b'{"name": "Corp", "page_size": NaN}', "page_size: must be a whole number"),
    ("text for a flag", b'{"name": "Corp", "verify_certificates": "no"}', "verify_certificates: must be true or false"),
    ("half of a surrogate pair", b'{"name": "Corp", "search_filter": "(cn=\\ud800)"}', "search_filter: "),
    ("a role that does not exist", b'{"name": "Corp", "grantable_roles": ["Root"]}', "grantable_roles: there is no role"),
    ("an org without a name", b'{"name": "Corp", "orgs": [" "]}', "orgs: "),
    ("two servers of which the second is bad", b'[{"name": "Corp", "page_size": 10}, {"name": "New"}]', "a new LDAP server needs it"),
    ("one server twice", b'[{"name": "Corp"}, {"name": "CORP"}]', "stands there twice"),
)  # fmt: skip
