"""The addresses of orgs."""

from __future__ import annotations

from django.urls import path

from console.views.orgs import org_acts, org_moves, org_pages, org_settings

app_name = "orgs"
urlpatterns = [
    path("", org_pages.org_list, name="list"),
    path("add/", org_acts.org_add, name="add"),
    path("<int:pk>/", org_pages.org_detail, name="detail"),
    path("<int:pk>/rename/", org_acts.org_rename, name="rename"),
    path("<int:pk>/notes/", org_acts.org_notes, name="notes"),
    path("<int:pk>/move/", org_moves.org_move, name="move"),
    path("<int:pk>/deactivate/", org_acts.org_deactivate, name="deactivate"),
    path("<int:pk>/reactivate/", org_acts.org_reactivate, name="reactivate"),
    path("<int:pk>/registration-key/", org_acts.org_renew_key, name="renew-key"),
    path("<int:pk>/retention/", org_settings.retention, name="retention"),
    path("<int:pk>/key-holder/", org_settings.key_holder, name="key-holder"),
    path("<int:pk>/snapshots/", org_settings.snapshots, name="snapshots"),
    path("<int:pk>/default-roles/", org_settings.default_roles, name="default-roles"),
    path("<int:pk>/directory-service/", org_settings.directory_service, name="directory-service"),
    path("<int:pk>/ldap-servers/", org_settings.servers, name="servers"),
]
