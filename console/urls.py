"""The URLs of the console; each area of pages has its own list."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from console.admin import data_fixes
from console.views import dashboard

handler400 = "console.http.error_pages.bad_request"
handler403 = "console.http.error_pages.not_allowed"
handler404 = "console.http.error_pages.not_found"
# This handler also gets errors before the view, such as from reading the session.
handler500 = "console.http.unavailable.error_page"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", dashboard.dashboard, name="dashboard"),
    path("", include("console.views.session.urls")),
    path("agent/", include("console.views.agent.urls")),
    path("account/", include("console.views.account.urls")),
    path("orgs/", include("console.views.orgs.urls")),
    path("users/", include("console.views.users.urls")),
    path("bulk-acts/", include("console.views.bulk_acts.urls")),
    path("roles/", include("console.views.roles.urls")),
    path("devices/", include("console.views.devices.urls")),
    path("restores/", include("console.views.restores.urls")),
    path("deployment/", include("console.views.deployment.urls")),
    path("archives/", include("console.views.archives.urls")),
    path("legal-holds/", include("console.views.legal_holds.urls")),
    path("settings/security/ldap/", include("console.views.ldap.urls")),
    path("history/", include("console.views.runs.urls")),
    path("", include("console.views.settings.urls")),
    path("data-fixes/", data_fixes.urls),
]
