"""The addresses of orgs."""

from __future__ import annotations

from django.urls import path

from console.views.orgs import org_pages

app_name = "orgs"
urlpatterns = [
    path("", org_pages.org_list, name="list"),
    path("<int:pk>/", org_pages.org_detail, name="detail"),
]
