"""The addresses of roles."""

from __future__ import annotations

from django.urls import path

from console.views.roles import role_pages

app_name = "roles"
urlpatterns = [
    path("", role_pages.role_list, name="list"),
    path("<int:pk>/", role_pages.role_detail, name="detail"),
    path("<int:pk>/second-factor/", role_pages.second_factor, name="second-factor"),
]
