"""The form for a CSV file of users."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from console.forms.fields import OrgField
from directory.provisioning.csv_file import COLUMNS, ON_THE_PAGE
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
        help_text=_("UTF-8, columns %(columns)s; only username is needed. At most %(size)d MB and %(rows)s rows.")
        % {"columns": ", ".join(COLUMNS), "size": ON_THE_PAGE.megabytes, "rows": f"{ON_THE_PAGE.rows:,}"},
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
    )

    def __init__(self, *args: Any, orgs: OrgQuerySet, too_large: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["org"].queryset = orgs  # type: ignore[attr-defined]  # this is the OrgField above
        if too_large:
            missing = _("The file is larger than %(size)d MB: split it.") % {"size": ON_THE_PAGE.megabytes}
            self.fields["file"].error_messages["required"] = missing
