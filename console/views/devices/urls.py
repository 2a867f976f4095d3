"""The addresses of devices."""

from __future__ import annotations

from django.urls import path

from console.views.devices import device_pages

app_name = "devices"
urlpatterns = [
    path("", device_pages.device_list, name="list"),
    path("devices.csv", device_pages.device_export, name="export"),
    path("<int:pk>/", device_pages.device_detail, name="detail"),
]
