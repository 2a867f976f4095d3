"""Lists the rules, each with its title and what to do when it is broken."""

from __future__ import annotations

from directory.invariants import (
    applied_plans,
    audit_trail,
    database_integrity,
    device_acts,
    matters,
    powers,
    readings,
    run_lifecycle,
    run_proofs,
    second_factors,
    secrets,
    user_device_states,
)
from directory.invariants.backups import deployment, repositories, restores, stored_folders
from directory.invariants.bulk import bulk_acts
from directory.invariants.rule import Rule

_RESTORE = "Restore the backup from before this row was written, or report it with the run's log lines."
_LOOK = "Open the run under History: what it did to this user was not its plan. Report it with the log lines."
_BY_HAND = "Somebody or something wrote to the database without Rollcall: find out who, and set the row right."
_ROLES = "Take the roles away under Data fixes, and ask the one who gave them; look at what the account did since."
_READ_ANEW = "Simulate: it reads everything anew. Report it with the run's log lines."
_DATA_FIX = "Set the user's state right under Data fixes: the action writes state, author and audit trail together."

RULES = (
    Rule("I1.1", "A complete reading has no error", run_proofs.readings, _RESTORE),
    Rule("I1.2", "Changes come from complete readings only", run_proofs.decided_by_a_complete_reading, _LOOK),
    Rule("I1.3", "Whoever is cut off is absent or inactive by script", run_proofs.cut_off_with_a_cause, _LOOK),
    Rule("I1.4", "The stored entry says what the run took it to say", run_proofs.cut_off_against_the_entry, _LOOK),
    Rule("I1.5", "Runs deactivate only whom their plan says", run_proofs.deactivated_only_as_planned, _LOOK),
    Rule("I1.6", "Runs change only whom their plan says", run_proofs.touched_only_as_planned, _LOOK),
    Rule(
        "I1.7", "Stored entries have verdicts and runs", run_proofs.stored_entries, "Simulate: it reads them all again."
    ),
    Rule("I1.8", "Only full readings prove absence", run_proofs.absent_by_a_full_reading, _LOOK),
    Rule("I2.1", "Users are as the audit trail says, without a gap", audit_trail.users, _BY_HAND),
    Rule("I2.2", "Orgs are as the audit trail says", audit_trail.orgs, _BY_HAND),
    Rule("I2.3", "Devices are as the audit trail says", audit_trail.devices, _BY_HAND),
    Rule("I2.4", "Archives expire and go as the audit trail says", audit_trail.archives, _BY_HAND),
    Rule("I2.5", "Legal holds begin and end as the audit trail says", audit_trail.legal_holds, _BY_HAND),
    Rule("I2.6", "Applied changes are in the audit trail as planned", audit_trail.applied_changes, _LOOK),
    Rule("I2.7", "The audit trail says who", audit_trail.authors, _BY_HAND),
    Rule("I2.8", "Counts of applied runs are those of their changes", run_lifecycle.counts, _LOOK),
    Rule(
        "I2.9",
        "Devices are blocked and signed out as the audit trail says",
        device_acts.blocked_and_signed_out,
        _BY_HAND,
    ),
    Rule(
        "I3.1",
        "Runs hold their servers while they last, and no longer",
        run_lifecycle.servers_of_live_runs,
        "Start the console: its next look at runs frees what has ended. Cancel a run that holds nothing.",
    ),
    Rule("I3.2", "Ended runs belong to nobody", run_lifecycle.ended_cleanly, _BY_HAND),
    Rule(
        "I3.3",
        "Unfinished runs are worked on",
        run_lifecycle.worked_on,
        "See that beat and a worker run (manage.py serve starts both); they take the run up. Or cancel it.",
    ),
    Rule("I3.4", "Plans are dated and applied to the end", run_lifecycle.plans, _LOOK),
    Rule("I3.5", "Plans over a limit were applied by a person", run_lifecycle.approved, _LOOK),
    Rule("I3.6", "A plan applied from a simulation is all of it", run_lifecycle.plans_of_others, _LOOK),
    Rule("I3.7", "Undos go back behind what was done", run_lifecycle.undos, _LOOK),
    Rule("I3.8", "What a run repeats is there and leaves users alone", run_lifecycle.repeated, _RESTORE),
    Rule(
        "I4.1", "A run writes each mail once, when it is due", run_lifecycle.mails, "Delete the mail that is too much."
    ),
    Rule("I5.1", "Errors, conflicts and kept users change nothing", run_proofs.untouched, _LOOK),
    Rule("I6.1", "States say who set them, and when", user_device_states.set_by_someone, _DATA_FIX),
    Rule("I6.2", "Pending deactivations wait for a legal hold", user_device_states.pending, _DATA_FIX),
    Rule(
        "I6.3",
        "Deactivated users have no active device and no live archive",
        user_device_states.devices_of_the_deactivated,
        "Deactivate the device under Data fixes, or reactivate the user and deactivate again.",
    ),
    Rule(
        "I6.4",
        "Deactivated devices have no live archive",
        user_device_states.archives_of_single_devices,
        "Reactivate the device under Data fixes and deactivate it again.",
    ),
    Rule("I6.5", "Archives have the dates of their state", user_device_states.archive_dates, _BY_HAND),
    Rule("I6.6", "Nobody on legal hold is deactivated by a run", run_proofs.cut_off_on_hold, _LOOK),
    Rule("I6.7", "Nobody was deactivated while on legal hold", user_device_states.deactivated_on_hold, _LOOK),
    Rule("I6.8", "No archive expired while its user was on legal hold", user_device_states.on_hold_meanwhile, _RESTORE),
    Rule("I6.9", "Closed matters hold nobody", user_device_states.matters, "Release the custodian under Data fixes."),
    Rule(
        "I6.10",
        "Nobody is active in an inactive org",
        user_device_states.users_of_inactive_orgs,
        "Deactivate or move the user under Data fixes, or activate the org again.",
    ),
    Rule(
        "I6.11",
        "Active orgs are below active ones",
        user_device_states.orgs_below,
        "Activate the org above, or move its users.",
    ),
    Rule(
        "I6.12",
        "Blocked devices say who, and when",
        device_acts.blocked_by_somebody,
        "Unblock the device on its page, and block it again.",
    ),
    Rule(
        "I6.13",
        "Computers in place of another device are out of use as themselves",
        device_acts.places_of_others,
        "Deactivate the device on its page and reactivate it: it is a device of its own again.",
    ),
    Rule(
        "I6.14",
        "Archives are kept as long as a person asked",
        device_acts.kept_until_the_date,
        "Keep the archive longer again, on the page of its device.",
    ),
    Rule(
        "I7.1",
        "Whoever is back has the archives that had not expired",
        user_device_states.archives_came_back,
        "Deactivate the device under Data fixes and reactivate it: the archive comes back with it.",
    ),
    Rule("I8.1", "Secrets are encrypted", secrets.encrypted, "Change the secret, and enter the new one on its page."),
    Rule("I8.2", "No secret stands in a text", secrets.nowhere_else, "Change the secret, then remove it from the row."),
    Rule("I9.1", "No sync changes users who are managed locally", run_proofs.managed_locally, _LOOK),
    Rule("I9.2", "A sync undoes only what a sync did", run_proofs.undone_only_what_a_sync_did, _LOOK),
    Rule(
        "I9.3",
        "A SYSADMIN is left",
        user_device_states.a_sysadmin_is_left,
        "Unblock or reactivate one in the database, or restore a backup: nobody can do it on the console.",
    ),
    Rule("I10.1", "Simulations apply nothing", run_proofs.simulations, _LOOK),
    Rule("I10.2", "Held-back plans have changed nobody", run_proofs.nothing_written_while_held_back, _LOOK),
    Rule("I11.1", "Nobody gave roles that hold more than they did", powers.granted_by_who_holds_them, _ROLES),
    Rule(
        "I11.2",
        "Nobody got a local password while the directory decided about them",
        powers.passwords_past_the_directory,
        "Find out who set it; mark the user as managed locally and back, which forgets the password.",
    ),
    Rule("I12.1", "What is stored of a server is what was read", readings.stored_as_read, _READ_ANEW),
    Rule("I12.2", "Nobody was decided by one of two entries with one id", readings.one_entry_for_one_id, _LOOK),
    Rule("I12.3", "Known immutable ids are not forgotten", readings.ids_are_kept, _READ_ANEW),
    Rule(
        "I12.4",
        "An immutable id is one user's",
        readings.ids_are_one_users,
        "Forget the match of the one who is not that person under Data fixes, and synchronize again.",
    ),
    Rule("I12.5", "Stored entries have the groups that were read", readings.groups_match_the_graph, _READ_ANEW),
    Rule("I13.1", "No plan was applied that something newer had overtaken", applied_plans.overtaken, _LOOK),
    Rule(
        "I13.2",
        "Every deactivation was counted, and passed limits are among the reasons",
        applied_plans.limits_are_counted,
        _LOOK,
    ),
    Rule("I13.3", "Plans that need a second administrator had one", applied_plans.approved_by_a_second, _LOOK),
    Rule(
        "I14.1",
        "Recovery codes stand beside a second factor",
        second_factors.codes_beside_a_factor,
        "Delete the row of recovery codes: it counts for nothing.",
    ),
    Rule("I14.2", "Second factors are as the audit trail says", second_factors.as_the_trail_has_them, _BY_HAND),
    Rule("I15.1", "The events of matters say who is held", matters.events, _BY_HAND),
    Rule("I15.2", "Matters have the name of their policy", matters.policies, "Save the policy again on its page."),
    Rule("I16.1", "Acts on many users were confirmed as their size asks", bulk_acts.confirmed, _BY_HAND),
    Rule(
        "I16.2",
        "Acts on many users end, or are worked on",
        bulk_acts.ended_cleanly,
        "See that beat and the worker for mail run; they take the act up. Or cancel it.",
    ),
    Rule("I16.3", "Counts of acts on many users are those of their users", bulk_acts.counts, _BY_HAND),
    Rule("I16.4", "What acts on many users did is in the audit trail", bulk_acts.in_the_audit_trail, _BY_HAND),
    Rule(
        "I17.1",
        "Repositories are where their archives belong, or on their way there",
        repositories.where_the_archive_belongs,
        "Reactivate the device under Data fixes and deactivate it again: that begins the move anew.",
    ),
    Rule("I17.2", "Moves of archives have a repository", repositories.moves_have_repositories, _BY_HAND),
    Rule(
        "I17.3",
        "Deactivated devices have no live repository",
        repositories.nothing_live_of_the_deactivated,
        "Reactivate the device under Data fixes and deactivate it again.",
    ),
    Rule(
        "I17.4",
        "Tokens of devices are stored as hashes",
        repositories.tokens_are_hashes,
        "Deauthorize the device: its user signs in again, and it gets a new token.",
    ),
    Rule(
        "I17.5",
        "Repository passwords are in no text",
        repositories.no_password_in_the_open,
        "Restore the archive on its device and begin a new one: its password is known.",
    ),
    Rule(
        "I17.6",
        "Repositories have their folders, and folders have repositories",
        stored_folders.folders_have_rows,
        "Look for the folder in a backup of the storage, or move it back to where the row says; a folder without a row can "
        "be deleted by hand.",
    ),
    Rule(
        "I17.7",
        "Sizes of archives are those of their last count",
        stored_folders.sizes_are_counted,
        "Files were changed without Rollcall: let restic check the archive (restic check --read-data).",
    ),
    Rule(
        "I17.8",
        "Each device has one repository",
        repositories.one_of_each_device,
        "Both have one folder on the disk: delete the row of the older archive in the database, and its repository with it.",
    ),
    Rule("I17.9", "Requested restores are in the audit trail, as they are", restores.in_the_audit_trail, _BY_HAND),
    Rule(
        "I17.10",
        "No requested restore waits for ever",
        restores.none_waits_for_ever,
        "Look under Status whether the worker for mail runs: it ends them once an hour.",
    ),
    Rule(
        "I18.1",
        "Tokens of deployment policies are stored as hashes, and stand in no text",
        deployment.tokens_are_hashes,
        "Renew the policy's token, then remove it from the row: devices that came by it stay.",
    ),
    Rule("I18.2", "Deployment policies are as the audit trail says", deployment.as_the_audit_trail_has_them, _BY_HAND),
    Rule(
        "I18.3",
        "Deployment policies brought only devices that they could",
        deployment.came_as_the_policy_allowed,
        "Look at how the device came, and deactivate it if nobody knows it; renew the policy's token.",
    ),
    Rule(
        "S1", "Names are compared by their own keys", database_integrity.keys, "Save the object again under Data fixes."
    ),
    Rule(
        "S2", "The orgs are one tree", database_integrity.tree, "Run Org.fix_tree() in manage.py shell, after a backup."
    ),
    Rule(
        "S3",
        "The settings of orgs can be worked out",
        database_integrity.effective,
        "Set them under Data fixes > Orgs.",
    ),
    Rule(
        "S4",
        "The settings of LDAP servers are within bounds",
        database_integrity.servers,
        "Save the server on its page.",
    ),
    Rule(
        "S5",
        "Standard roles are as they ship",
        database_integrity.roles,
        "Run manage.py migrate: it puts standard roles right.",
    ),
    Rule("S6", "No row refers to a missing one", database_integrity.references, _RESTORE),
    Rule(
        "S7",
        "The database has all constraints",
        database_integrity.constraints,
        "Run manage.py migrate, or restore a backup.",
    ),
)
