"""The forms of signing in: password, second factor, the password again, and a link to choose a new one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import SetPasswordForm
from django.core.validators import MaxLengthValidator
from django.utils.translation import gettext_lazy as _

from console.security.second_factors.passkeys import LONGEST


class SignInForm(forms.Form):
    """Username and password."""

    LONGEST_PASSWORD = 4096

    username = forms.CharField(
        label=_("Username"),
        max_length=255,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        ),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=LONGEST_PASSWORD,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class ConfirmForm(forms.Form):
    """The password of the signed-in user."""

    password = SignInForm.base_fields["password"]


class CodeForm(forms.Form):
    """A code of a code app, or a recovery code."""

    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )


class PasskeyForm(forms.Form):
    """The browser's answer about a passkey, which js/passkeys.js fills in."""

    answer = forms.CharField(max_length=LONGEST, widget=forms.HiddenInput)


class NewPasskeyForm(PasskeyForm):
    """The browser's answer about a new passkey, and a name to tell it from others."""

    name = forms.CharField(label=_("Name"), max_length=60, help_text=_("To tell it from others, such as “blue key”."))


class ForgottenPasswordForm(forms.Form):
    """Whose password was forgotten."""

    username = SignInForm.base_fields["username"]


class LocalPasswordForm(SetPasswordForm):  # type: ignore[type-arg]  # Django's class takes no argument
    """A new local password, typed twice, which has to pass the rules for passwords."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.validators.append(MaxLengthValidator(SignInForm.LONGEST_PASSWORD))
