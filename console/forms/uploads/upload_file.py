"""The form for a CSV file of users."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from console.forms.fields import OrgField
from directory.provisioning.csv_files.csv_file import MOST_PASSWORDS, ON_THE_PAGE
from directory.provisioning.csv_files.csv_header import COLUMNS
from orgs.models import Org
from orgs.models.orgs import OrgQuerySet


class UserUploadForm(forms.Form):
    """The org and the file; ``orgs`` are those in which the viewer may create users."""

    org = OrgField(
        label=_("Org"),
        queryset=Org.objects.none(),
        empty_label=None,
        help_text=_("Rows without an org of their own go here. Where it follows LDAP, the scripts decide."),
    )
    file = forms.FileField(
        label=_("CSV file"),
        allow_empty_file=True,
        max_length=None,
        help_text=_(
            "Columns %(columns)s, in any order; only username is needed. UTF-8, UTF-16 or Windows-1252; commas, semicolons "
            "or tabs. At most %(size)d MB, %(rows)s rows and %(passwords)d passwords."
        )
        % {
            "columns": ", ".join(COLUMNS),
            "size": ON_THE_PAGE.megabytes,
            "rows": f"{ON_THE_PAGE.rows:,}",
            "passwords": MOST_PASSWORDS,
        },
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
    )
    create_unknown = forms.BooleanField(
        label=_("Also create people who are not in the directory"),
        required=False,
        help_text=_(
            "Concerns orgs that follow LDAP. Such people can't sign in, and the next sync deactivates them unless the "
            "directory has them by then. Otherwise their rows are refused."
        ),
    )
    ignore_unknown_columns = forms.BooleanField(
        label=_("Ignore columns with other names"),
        required=False,
        help_text=_("Otherwise such a file is refused, and the columns are named."),
    )

    def __init__(self, *args: Any, orgs: OrgQuerySet, too_large: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["org"].queryset = orgs  # type: ignore[attr-defined]  # this is the OrgField above
        if too_large:
            missing = _("The file is larger than %(size)d MB: split it.") % {"size": ON_THE_PAGE.megabytes}
            self.fields["file"].error_messages["required"] = missing
