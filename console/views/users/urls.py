"""The addresses of users."""

from __future__ import annotations

from django.urls import path

from console.views.users import user_pages, user_upload

app_name = "users"
urlpatterns = [
    path("", user_pages.user_list, name="list"),
    path("users.csv", user_pages.user_export, name="export"),
    path("upload/", user_upload.upload, name="upload"),
    path("upload/preview/", user_upload.preview, name="upload-preview"),
    path("upload/create/", user_upload.create, name="upload-create"),
    path("upload/discard/", user_upload.discard, name="upload-discard"),
    path("<int:pk>/", user_pages.user_detail, name="detail"),
    path("<int:pk>/another-person/", user_pages.another_person, name="another-person"),
]
