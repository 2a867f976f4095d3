"""The addresses of acts on many users."""

from __future__ import annotations

from django.urls import path

from console.views.bulk_acts import act_pages, question

app_name = "bulk_acts"
urlpatterns = [
    path("", act_pages.act_list, name="list"),
    path("choose/", question.choose, name="choose"),
    path("<int:pk>/", act_pages.act_detail, name="detail"),
    path("<int:pk>/ask/", question.ask, name="ask"),
    path("<int:pk>/cancel/", act_pages.cancel, name="cancel"),
    path("<int:pk>/undo/", question.undo, name="undo"),
    path("<int:pk>/results.csv", act_pages.results, name="results"),
]
