"""The addresses of legal holds."""

from __future__ import annotations

from django.urls import path

from console.views.legal_holds import matter_pages

app_name = "legal_holds"
urlpatterns = [
    path("", matter_pages.matter_list, name="list"),
    path("<int:pk>/", matter_pages.matter_detail, name="detail"),
]
