"""The addresses of roles."""

from __future__ import annotations

from django.urls import path

from console.views.roles import role_acts, role_pages, role_second_factor

app_name = "roles"
urlpatterns = [
    path("", role_pages.role_list, name="list"),
    path("who-can/", role_pages.permission_holders, name="permission-holders"),
    path("<int:pk>/", role_pages.role_detail, name="detail"),
    path("<int:pk>/copy/", role_acts.role_copy, name="copy"),
    path("<int:pk>/edit/", role_acts.role_edit, name="edit"),
    path("<int:pk>/delete/", role_acts.role_delete, name="delete"),
    path("<int:pk>/second-factor/", role_second_factor.second_factor, name="second-factor"),
]
