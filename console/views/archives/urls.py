"""The addresses of archives."""

from __future__ import annotations

from django.urls import path

from console.views.archives import archive_expiry, archive_pages

app_name = "archives"
urlpatterns = [
    path("", archive_pages.archive_list, name="list"),
    path("archives.csv", archive_pages.archive_export, name="export"),
    path("by-org/", archive_pages.by_org, name="by-org"),
    path("by-org/orgs.csv", archive_pages.by_org_export, name="by-org-export"),
    path("due/", archive_pages.due, name="due"),
    path("keep-longer/", archive_expiry.keep_longer, name="keep-longer"),
    path("<int:pk>/keep-longer/", archive_expiry.keep_one_longer, name="keep-one-longer"),
]
