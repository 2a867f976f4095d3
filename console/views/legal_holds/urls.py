"""The addresses of legal holds."""

from __future__ import annotations

from django.urls import path

from console.views.legal_holds import (
    custodian_additions,
    custodian_releases,
    hold_exports,
    matter_acts,
    matter_pages,
    policy_pages,
)

app_name = "legal_holds"
urlpatterns = [
    path("", matter_pages.matter_list, name="list"),
    path("add/", matter_acts.matter_add, name="add"),
    path("events.csv", matter_pages.report, name="report-all"),
    path("policies/", policy_pages.policy_list, name="policies"),
    path("policies/add/", policy_pages.policy_add, name="policy-add"),
    path("policies/<int:policy_pk>/", policy_pages.policy_detail, name="policy"),
    path("policies/<int:policy_pk>/edit/", policy_pages.policy_edit, name="policy-edit"),
    path("policies/<int:policy_pk>/delete/", policy_pages.policy_delete, name="policy-delete"),
    path("<int:pk>/", matter_pages.matter_detail, name="detail"),
    path("<int:pk>/events/", matter_pages.matter_events, name="events"),
    path("<int:pk>/events.csv", matter_pages.matter_report, name="report"),
    path("<int:pk>/exports/", hold_exports.export_list, name="exports"),
    path("<int:pk>/exports/add/", hold_exports.export_add, name="export-add"),
    path("<int:pk>/exports/<int:export_pk>/remove/", hold_exports.export_remove, name="export-remove"),
    path("<int:pk>/exports/<int:export_pk>/download/", hold_exports.export_download, name="export-download"),
    path("<int:pk>/edit/", matter_acts.matter_edit, name="edit"),
    path("<int:pk>/close/", matter_acts.matter_close, name="close"),
    path("<int:pk>/reopen/", matter_acts.matter_reopen, name="reopen"),
    path("<int:pk>/find-custodians/", custodian_additions.find_custodians, name="find-custodians"),
    path("<int:pk>/list-custodians/", custodian_additions.list_custodians, name="list-custodians"),
    path("<int:pk>/put-on-hold/", custodian_additions.put_on_hold, name="put-on-hold"),
    path("<int:pk>/release/", custodian_releases.release, name="release"),
]
