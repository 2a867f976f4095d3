"""The forms for rows of an upload that are mended in place: one form for each row, sent together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from directory.actions.users.user_uploads import Mend
from directory.provisioning.csv_files.csv_file import Row
from directory.provisioning.csv_files.csv_header import COLUMNS
from directory.provisioning.upload_rows import UploadRow

_VALUES = tuple(name for name in COLUMNS if name != "password")


def _text(label: Any, **attributes: str) -> forms.CharField:
    given = {"class": "form-control", "autocomplete": "off", "spellcheck": "false"} | attributes
    return forms.CharField(label=label, required=False, widget=forms.TextInput(attrs=given))


def _box(label: Any) -> forms.BooleanField:
    return forms.BooleanField(
        label=label, required=False, widget=forms.CheckboxInput(attrs={"class": "form-check-input"})
    )


class UploadRowForm(forms.Form):
    """The values of one row; what is wrong with it stands beside its fields. A password is never sent back to a browser."""

    username = _text(gettext_lazy("Username"), autocapitalize="none")
    email = _text(gettext_lazy("Email"), inputmode="email")
    first_name = _text(gettext_lazy("First name"))
    last_name = _text(gettext_lazy("Last name"))
    org = _text(gettext_lazy("Org"))
    password = forms.CharField(
        label=gettext_lazy("Password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"class": "form-control", "autocomplete": "new-password"}),
    )
    notes = forms.CharField(
        label=gettext_lazy("Notes"),
        required=False,
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 1}),
    )
    no_password = _box(gettext_lazy("No password"))
    accepted = _box(gettext_lazy("The values are right as they stand here"))
    left_out = _box(gettext_lazy("Leave this row out"))

    def __init__(self, each: UploadRow, data: Mapping[str, Any] | None = None) -> None:
        prefix = prefix_of(each.row)
        stored = {f"{prefix}-{name}": getattr(each.row, name) for name in _VALUES}
        super().__init__(stored if data is None else data, prefix=prefix)
        self.line = each.row.line
        self.warnings = each.warnings
        self.changed = each.changed
        self._shape(each)
        if data is None:
            self._show_problems(each)

    def _shape(self, each: UploadRow) -> None:
        """Leave out the boxes that this row does not need, and say whether a password is kept."""
        about_password = any(problem.column == "password" for problem in each.row.lasting)
        if each.hashed_password:
            self.fields["password"].help_text = _("The file has one, which is kept while this field is empty.")
        elif not about_password:
            del self.fields["no_password"]
        if not any(not problem.column for problem in each.row.lasting):
            del self.fields["accepted"]

    def _show_problems(self, each: UploadRow) -> None:
        for problem in each.problems:
            text = problem.text.removeprefix("not created: ")
            if not text.startswith(self.data.get(f"{self.prefix}-{problem.column}") or " "):
                text = f"{text[:1].upper()}{text[1:]}"
            sentence = text if text.endswith(".") else f"{text}."
            self.add_error(problem.column if problem.column in self.fields else None, sentence)

    @property
    def has_reasons(self) -> bool:
        """Whether anything is to be said about the row as a whole."""
        return bool(self.changed or self.warnings or self.non_field_errors())

    @property
    def values(self) -> list[Any]:
        """Return the bound fields for text."""
        return [self[name] for name in COLUMNS]

    @property
    def boxes(self) -> list[Any]:
        """Return the bound fields to tick."""
        return [self[name] for name in ("accepted", "no_password", "left_out") if name in self.fields]

    def mend(self) -> Mend:
        """Return what was changed; a value that no text can have is left as it was."""
        given = self.cleaned_data
        # Browsers send the line ends of Windows.
        values = {name: given[name].replace("\r\n", "\n") for name in _VALUES if name in given}
        return Mend(
            values,
            password=given.get("password", ""),
            no_password=given.get("no_password", False),
            accepted=given.get("accepted", False),
            left_out=given.get("left_out", False),
        )


def prefix_of(row: Row) -> str:
    """Return what the names of a row's fields begin with."""
    return f"row-{row.line}"


def row_forms(rows: Iterable[UploadRow], data: Mapping[str, Any] | None = None) -> list[UploadRowForm]:
    """Return a form for each row, with the values that were sent, or for a row that was not sent with the stored ones."""
    return [UploadRowForm(each, data if data is not None and _is_in(data, each) else None) for each in rows]


def lines_in(data: Mapping[str, Any], rows: Iterable[UploadRow]) -> frozenset[int]:
    """Return the lines of those of these rows that the sent page had."""
    return frozenset(each.row.line for each in rows if _is_in(data, each))


def _is_in(data: Mapping[str, Any], each: UploadRow) -> bool:
    return f"{prefix_of(each.row)}-username" in data


def mends_in(data: Mapping[str, Any], rows: Sequence[UploadRow]) -> dict[int, Mend]:
    """Return by line what was changed in those of these rows that the sent page had."""
    found: dict[int, Mend] = {}
    for each in rows:
        if _is_in(data, each):
            form = UploadRowForm(each, data)
            form.is_valid()
            found[each.row.line] = form.mend()
    return found
