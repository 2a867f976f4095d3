"""The addresses of signing in and out."""

from __future__ import annotations

from django.urls import path

from console.views.session import confirmation, forgotten_password, sign_in

app_name = "session"
urlpatterns = [
    path("sign-in/", sign_in.sign_in, name="sign-in"),
    path("sign-in/second-step/", sign_in.second_step_page, name="second-step"),
    path("sign-in/forgotten-password/", forgotten_password.forgotten_password, name="forgotten-password"),
    path("sign-in/new-password/", forgotten_password.new_password, name="new-password"),
    path("sign-in/state/", sign_in.state, name="state"),
    path("sign-out/", sign_in.sign_out, name="sign-out"),
    path("confirm/", confirmation.confirm, name="confirm"),
]
