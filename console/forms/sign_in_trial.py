"""The fields of a test of one person's sign-in; they are part of an LDAP server's page, and never saved."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from directory.values.sign_in.directory_passwords import MOST_CHARACTERS, can_be_sent


class SignInTrialForm(forms.Form):
    """Username and password of a person in the directory."""

    # No password manager offers the administrator's own password here, or keeps this one.
    sign_in_username = forms.CharField(
        label=_("Username"),
        max_length=255,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    sign_in_password = forms.CharField(
        label=_("Password"),
        max_length=MOST_CHARACTERS,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_sign_in_password(self) -> str:
        """Refuse what a server could take for no password."""
        password: str = self.cleaned_data["sign_in_password"]
        if not can_be_sent(password):
            raise ValidationError(gettext("Enter a password that is not blank."))
        return password
