"""The addresses of users."""

from __future__ import annotations

from django.urls import path

from console.views.roles.person_powers import person_powers
from console.views.users import (
    account_access,
    user_add,
    user_edit,
    user_moves,
    user_pages,
    user_role_changes,
    user_state_acts,
    user_sync_preview,
    user_tabs,
)
from console.views.users.uploads import upload_form, upload_outcome, upload_preview

app_name = "users"
urlpatterns = [
    path("", user_pages.user_list, name="list"),
    path("users.csv", user_pages.user_export, name="export"),
    path("chosen.csv", user_pages.chosen_export, name="export-chosen"),
    path("add/", user_add.add, name="add"),
    path("upload/", upload_form.upload, name="upload"),
    path("upload/preview/", upload_preview.preview, name="upload-preview"),
    path("upload/preview/rows.csv", upload_preview.rows, name="upload-rows"),
    path("upload/mend/", upload_preview.mend, name="upload-mend"),
    path("upload/create/", upload_preview.create, name="upload-create"),
    path("upload/discard/", upload_preview.discard, name="upload-discard"),
    path("upload/<int:upload_pk>/", upload_outcome.outcome, name="upload-outcome"),
    path("upload/<int:upload_pk>/upload.csv", upload_outcome.outcome_rows, name="upload-outcome-rows"),
    path("<int:pk>/", user_tabs.user_detail, name="detail"),
    path("<int:pk>/roles/", user_tabs.user_roles, name="roles"),
    path("<int:pk>/powers/", person_powers, name="powers"),
    path("<int:pk>/devices/", user_tabs.user_devices, name="devices"),
    path("<int:pk>/legal-holds/", user_tabs.user_holds, name="holds"),
    path("<int:pk>/history/", user_tabs.user_history, name="history"),
    path("<int:pk>/audit/", user_tabs.user_audit, name="audit"),
    path("<int:pk>/another-person/", user_pages.another_person, name="another-person"),
    path("<int:pk>/block/", user_state_acts.block, name="block"),
    path("<int:pk>/unblock/", user_state_acts.unblock, name="unblock"),
    path("<int:pk>/deactivate/", user_state_acts.deactivate, name="deactivate"),
    path("<int:pk>/reactivate/", user_state_acts.reactivate, name="reactivate"),
    path("<int:pk>/cancel-deactivation/", user_state_acts.cancel_deactivation, name="cancel-deactivation"),
    path("<int:pk>/manage-locally/", user_state_acts.manage_locally, name="manage-locally"),
    path("<int:pk>/follow-directory/", user_state_acts.follow_directory, name="follow-directory"),
    path("<int:pk>/preview-sync/", user_sync_preview.preview_sync, name="preview-sync"),
    path("<int:pk>/edit/", user_edit.edit, name="edit"),
    path("<int:pk>/move/", user_moves.move, name="move"),
    path("<int:pk>/change-roles/", user_role_changes.change_roles, name="change-roles"),
    path("<int:pk>/password/", account_access.password, name="password"),
    path("<int:pk>/password/link/", account_access.mail_password_link, name="mail-password-link"),
    path("<int:pk>/sessions/end/", account_access.end_sessions, name="end-sessions"),
    path("<int:pk>/second-factor/reset/", account_access.reset_second_factor, name="reset-second-factor"),
]
