"""The addresses of deployment policies."""

from __future__ import annotations

from django.urls import path

from console.views.deployment import policy_acts, policy_pages, policy_state_acts

app_name = "deployment"
urlpatterns = [
    path("", policy_pages.policy_list, name="list"),
    path("add/", policy_acts.policy_add, name="add"),
    path("<int:pk>/", policy_pages.policy_detail, name="detail"),
    path("<int:pk>/install/", policy_pages.policy_install, name="install"),
    path("<int:pk>/edit/", policy_acts.policy_edit, name="edit"),
    path("<int:pk>/token/", policy_acts.policy_renew_token, name="renew-token"),
    path("<int:pk>/enable/", policy_state_acts.enable, name="enable"),
    path("<int:pk>/disable/", policy_state_acts.disable, name="disable"),
    path("<int:pk>/delete/", policy_state_acts.delete, name="delete"),
]
