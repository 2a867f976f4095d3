"""The addresses of signing in and out."""

from __future__ import annotations

from django.urls import path

from console.views.session import sign_in

app_name = "session"
urlpatterns = [
    path("sign-in/", sign_in.sign_in, name="sign-in"),
    path("sign-out/", sign_in.sign_out, name="sign-out"),
    path("confirm/", sign_in.confirm, name="confirm"),
]
