"""The addresses of restores."""

from __future__ import annotations

from django.urls import path

from console.views.restores import computer_restores, downloads, restore_pages

app_name = "restores"
urlpatterns = [
    path("", restore_pages.restore_list, name="list"),
    path("<int:pk>/", restore_pages.snapshot_list, name="detail"),
    path("<int:pk>/files/", restore_pages.file_list, name="files"),
    path("<int:pk>/download/", downloads.download, name="download"),
    path("<int:pk>/to-the-computer/", computer_restores.ask_computer, name="to-the-computer"),
    path("<int:pk>/to-the-computer/<int:job_pk>/cancel/", computer_restores.cancel, name="cancel"),
]
