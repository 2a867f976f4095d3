"""The addresses of runs."""

from __future__ import annotations

from django.urls import path

from console.views.runs import run_pages

app_name = "runs"
urlpatterns = [
    path("", run_pages.run_list, name="list"),
    path("<int:pk>/", run_pages.run_detail, name="detail"),
    path("<int:pk>/changes.csv", run_pages.run_csv, name="csv"),
    path("<int:pk>/run.json", run_pages.run_json, name="json"),
    path("<int:pk>/apply/", run_pages.apply_plan, name="apply"),
    path("<int:pk>/discard/", run_pages.discard, name="discard"),
    path("<int:pk>/undo/", run_pages.undo, name="undo"),
    path("<int:pk>/cancel/", run_pages.cancel, name="cancel"),
    path("<int:pk>/changes/<int:change_pk>/", run_pages.change_detail, name="change"),
]
