"""The addresses of settings, alerts, status and the audit trail."""

from __future__ import annotations

from django.urls import include, path

from console.views.settings import alerts, audit, notifications, status

notification_pages = [path("", notifications.notification_form, name="form")]
alert_pages = [
    path("", alerts.alert_list, name="list"),
    path("<int:pk>/dismiss/", alerts.alert_dismiss, name="dismiss"),
]
audit_pages = [
    path("", audit.audit_list, name="list"),
    path("audit.csv", audit.audit_export, name="export"),
]

urlpatterns = [
    path("settings/status/", status.status, name="status"),
    path("settings/notifications/", include((notification_pages, "notifications"))),
    path("alerts/", include((alert_pages, "alerts"))),
    path("audit/", include((audit_pages, "audit"))),
]
