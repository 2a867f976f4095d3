"""The addresses of devices."""

from __future__ import annotations

from django.urls import path

from console.views.devices import device_pages, device_replacement, device_state_acts

app_name = "devices"
urlpatterns = [
    path("", device_pages.device_list, name="list"),
    path("devices.csv", device_pages.device_export, name="export"),
    path("<int:pk>/", device_pages.device_detail, name="detail"),
    path("<int:pk>/audit/", device_pages.device_audit, name="audit"),
    path("<int:pk>/replace/", device_replacement.replace, name="replace"),
    path("<int:pk>/reactivate/", device_state_acts.reactivate, name="reactivate"),
    path("<int:pk>/unblock/", device_state_acts.unblock, name="unblock"),
    path("<int:pk>/authorize/", device_state_acts.authorize, name="authorize"),
    path("<int:pk>/deauthorize/", device_state_acts.deauthorize, name="deauthorize"),
    path("<int:pk>/block/", device_state_acts.block, name="block"),
    path("<int:pk>/deactivate/", device_state_acts.deactivate, name="deactivate"),
]
