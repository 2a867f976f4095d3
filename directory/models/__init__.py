"""The models of LDAP servers, scripts, entries, runs and alerts, one module for each subject."""

from directory.models.alerts import Alert, AlertKind
from directory.models.bulk.bulk_acts import (
    LIVE_BULK_STATES,
    BulkAct,
    BulkActUser,
    BulkKind,
    BulkState,
    LeftOut,
    UserOutcome,
)
from directory.models.evaluation_batches import EvaluationBatch
from directory.models.groups import StoredGroup
from directory.models.heartbeats import Heartbeat
from directory.models.known_ids import KnownId
from directory.models.mails import Mail, MailKind
from directory.models.matches import CachedDecision, Match, PlannedMatch
from directory.models.missing_users import Absence, LastSeen
from directory.models.runs.readings import RunServer
from directory.models.runs.run import Run
from directory.models.runs.run_changes import RunChange
from directory.models.runs.run_repeats import RunRepeat
from directory.models.runs.states import LIVE_STATES, RunState, Trigger
from directory.models.script_versions import ScriptVersion
from directory.models.servers.ldap_server import LdapServer, OrgServer
from directory.models.stored_entries import NamedGroup, StoredEntry
from directory.models.sync_settings import SyncSettings
from directory.models.user_uploads import FinishedUpload, Upload

__all__ = [
    "LIVE_BULK_STATES",
    "LIVE_STATES",
    "Absence",
    "Alert",
    "AlertKind",
    "BulkAct",
    "BulkActUser",
    "BulkKind",
    "BulkState",
    "CachedDecision",
    "EvaluationBatch",
    "FinishedUpload",
    "Heartbeat",
    "KnownId",
    "LastSeen",
    "LdapServer",
    "LeftOut",
    "Mail",
    "MailKind",
    "Match",
    "NamedGroup",
    "OrgServer",
    "PlannedMatch",
    "Run",
    "RunChange",
    "RunRepeat",
    "RunServer",
    "RunState",
    "ScriptVersion",
    "StoredEntry",
    "StoredGroup",
    "SyncSettings",
    "Trigger",
    "Upload",
    "UserOutcome",
]
