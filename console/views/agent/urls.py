"""The addresses for backup programs on devices."""

from __future__ import annotations

from django.urls import path

from console.views.agent import deployment, device_calls, program, registration

app_name = "agent"
urlpatterns = [
    path("rollcall-agent", program.program, name="program"),
    path("rollcall-agent.sha256", program.checksum, name="checksum"),
    path("register", registration.register, name="register"),
    path("deploy", deployment.deploy, name="deploy"),
    path("devices", registration.devices, name="devices"),
    path("replace", registration.replace, name="replace"),
    path("me", device_calls.me, name="me"),
    path("archive", device_calls.archive, name="archive"),
    path("report", device_calls.report, name="report"),
    path("jobs/<int:pk>", device_calls.restore_ended, name="restore-ended"),
]
