"""The addresses of LDAP servers."""

from __future__ import annotations

from django.urls import path

from console.views.ldap import found_elsewhere, server_pages, server_trials
from console.views.runs import run_pages

app_name = "ldap_servers"
urlpatterns = [
    path("", server_pages.server_list, name="list"),
    path("interval/", server_pages.interval, name="interval"),
    path("found-elsewhere/", found_elsewhere.people, name="found-elsewhere"),
    path("simulate/", run_pages.simulate, name="simulate"),
    path("synchronize/", run_pages.synchronize, name="synchronize"),
    path("add/", server_pages.server_add, name="add"),
    path("add/test-connection/", server_trials.try_connection, name="test-connection-new"),
    path("add/test-search/", server_trials.try_search, name="test-search-new"),
    path("add/test-sign-in/", server_trials.try_sign_in, name="test-sign-in-new"),
    path("<int:pk>/", server_pages.server_edit, name="edit"),
    path("<int:pk>/delete/", server_pages.server_delete, name="delete"),
    path("<int:pk>/move/", server_pages.server_move, name="move"),
    path("<int:pk>/sync-searches/", server_pages.allow_sync_searches, name="sync-searches"),
    path("<int:pk>/test-connection/", server_trials.try_connection, name="test-connection"),
    path("<int:pk>/test-search/", server_trials.try_search, name="test-search"),
    path("<int:pk>/test-sign-in/", server_trials.try_sign_in, name="test-sign-in"),
]
