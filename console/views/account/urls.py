"""The addresses of one's own account."""

from __future__ import annotations

from django.urls import path

from console.views.account import account_pages, second_factor_pages

app_name = "account"
urlpatterns = [
    path("", account_pages.account, name="detail"),
    path("password/", account_pages.password, name="password"),
    path("sessions/end/", account_pages.end_session, name="end-session"),
    path("sessions/end-others/", account_pages.end_other_sessions, name="end-other-sessions"),
    path("second-factor/", second_factor_pages.second_factor, name="second-factor"),
    path("second-factor/code-app/", second_factor_pages.code_app, name="code-app"),
    path("second-factor/passkey/", second_factor_pages.passkey, name="passkey"),
    path("second-factor/remove/", second_factor_pages.remove, name="remove-second-factor"),
    path("second-factor/recovery-codes/", second_factor_pages.recovery_codes, name="recovery-codes"),
]
