"""LDAP → pages of Entry: the only part of a sync that speaks LDAP. It reads everything or raises, never a part."""

from directory.sync.source.addresses import check_place, names_this_machine
from directory.sync.source.apart import GroupsApart, ReadingProcess
from directory.sync.source.checks import check_attribute, check_certificate, check_dn, escape_filter
from directory.sync.source.failures import DirectoryUnavailable, Stage, plain
from directory.sync.source.filters import check_filter
from directory.sync.source.group_graph import Group, GroupGraph, names_of
from directory.sync.source.group_reading import read_graph
from directory.sync.source.inquiry import Inquiry
from directory.sync.source.probe import ConnectionStep, first_entries, test_connection
from directory.sync.source.reading import Reading, open_reading, pages
from directory.sync.source.referrals import may_hold_people
from directory.sync.source.requests import ReadingRequest
from directory.sync.source.search import ATTRIBUTES
from directory.sync.source.sent import Opened, Sent, opened, texts_of, without_groups
from directory.sync.source.trial import NobodyWaits, try_connection, try_search
from directory.sync.source.urls import check_url, parse_url

__all__ = [
    "ATTRIBUTES",
    "ConnectionStep",
    "DirectoryUnavailable",
    "Group",
    "GroupGraph",
    "GroupsApart",
    "Inquiry",
    "NobodyWaits",
    "Opened",
    "Reading",
    "ReadingProcess",
    "ReadingRequest",
    "Sent",
    "Stage",
    "check_attribute",
    "check_certificate",
    "check_dn",
    "check_filter",
    "check_place",
    "check_url",
    "escape_filter",
    "first_entries",
    "may_hold_people",
    "names_of",
    "names_this_machine",
    "open_reading",
    "opened",
    "pages",
    "parse_url",
    "plain",
    "read_graph",
    "test_connection",
    "texts_of",
    "try_connection",
    "try_search",
    "without_groups",
]
