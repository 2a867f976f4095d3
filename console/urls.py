"""The URLs of the console."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from console.admin import data_fixes
from console.views import (
    alerts,
    audit,
    dashboard,
    devices,
    found_elsewhere,
    ldap_servers,
    legal_holds,
    notifications,
    orgs,
    roles,
    runs,
    session,
    status,
    user_upload,
    users,
)

session_pages = [
    path("sign-in/", session.sign_in, name="sign-in"),
    path("sign-out/", session.sign_out, name="sign-out"),
    path("confirm/", session.confirm, name="confirm"),
]
org_pages = [
    path("", orgs.org_list, name="list"),
    path("<int:pk>/", orgs.org_detail, name="detail"),
]
user_pages = [
    path("", users.user_list, name="list"),
    path("users.csv", users.user_export, name="export"),
    path("upload/", user_upload.upload, name="upload"),
    path("upload/preview/", user_upload.preview, name="upload-preview"),
    path("upload/create/", user_upload.create, name="upload-create"),
    path("upload/discard/", user_upload.discard, name="upload-discard"),
    path("<int:pk>/", users.user_detail, name="detail"),
    path("<int:pk>/another-person/", users.another_person, name="another-person"),
]
role_pages = [
    path("", roles.role_list, name="list"),
    path("<int:pk>/", roles.role_detail, name="detail"),
]
device_pages = [
    path("", devices.device_list, name="list"),
    path("devices.csv", devices.device_export, name="export"),
    path("<int:pk>/", devices.device_detail, name="detail"),
]
legal_hold_pages = [
    path("", legal_holds.matter_list, name="list"),
    path("<int:pk>/", legal_holds.matter_detail, name="detail"),
]
ldap_server_pages = [
    path("", ldap_servers.server_list, name="list"),
    path("interval/", ldap_servers.interval, name="interval"),
    path("found-elsewhere/", found_elsewhere.people, name="found-elsewhere"),
    path("simulate/", runs.simulate, name="simulate"),
    path("synchronize/", runs.synchronize, name="synchronize"),
    path("add/", ldap_servers.server_add, name="add"),
    path("add/test-connection/", ldap_servers.try_connection, name="test-connection-new"),
    path("add/test-search/", ldap_servers.try_search, name="test-search-new"),
    path("<int:pk>/", ldap_servers.server_edit, name="edit"),
    path("<int:pk>/delete/", ldap_servers.server_delete, name="delete"),
    path("<int:pk>/move/", ldap_servers.server_move, name="move"),
    path("<int:pk>/sync-searches/", ldap_servers.allow_sync_searches, name="sync-searches"),
    path("<int:pk>/test-connection/", ldap_servers.try_connection, name="test-connection"),
    path("<int:pk>/test-search/", ldap_servers.try_search, name="test-search"),
]
run_pages = [
    path("", runs.run_list, name="list"),
    path("<int:pk>/", runs.run_detail, name="detail"),
    path("<int:pk>/changes.csv", runs.run_csv, name="csv"),
    path("<int:pk>/run.json", runs.run_json, name="json"),
    path("<int:pk>/apply/", runs.apply_plan, name="apply"),
    path("<int:pk>/discard/", runs.discard, name="discard"),
    path("<int:pk>/undo/", runs.undo, name="undo"),
    path("<int:pk>/cancel/", runs.cancel, name="cancel"),
    path("<int:pk>/changes/<int:change_pk>/", runs.change_detail, name="change"),
]
notification_pages = [path("", notifications.notification_form, name="form")]
alert_pages = [
    path("", alerts.alert_list, name="list"),
    path("<int:pk>/dismiss/", alerts.alert_dismiss, name="dismiss"),
]
audit_pages = [
    path("", audit.audit_list, name="list"),
    path("audit.csv", audit.audit_export, name="export"),
]

handler400 = "console.http.error_pages.bad_request"
handler403 = "console.http.error_pages.not_allowed"
handler404 = "console.http.error_pages.not_found"
# This handler also gets errors before the view, such as from reading the session.
handler500 = "console.http.unavailable.error_page"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", dashboard.dashboard, name="dashboard"),
    path("", include((session_pages, "session"))),
    path("orgs/", include((org_pages, "orgs"))),
    path("users/", include((user_pages, "users"))),
    path("roles/", include((role_pages, "roles"))),
    path("devices/", include((device_pages, "devices"))),
    path("legal-holds/", include((legal_hold_pages, "legal_holds"))),
    path("settings/security/ldap/", include((ldap_server_pages, "ldap_servers"))),
    path("settings/status/", status.status, name="status"),
    path("settings/notifications/", include((notification_pages, "notifications"))),
    path("history/", include((run_pages, "runs"))),
    path("alerts/", include((alert_pages, "alerts"))),
    path("audit/", include((audit_pages, "audit"))),
    path("data-fixes/", data_fixes.urls),
]
