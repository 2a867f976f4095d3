"""The form that sets a local password."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.forms import SetPasswordForm
from django.core.validators import MaxLengthValidator

from console.forms.session import SignInForm


class LocalPasswordForm(SetPasswordForm):  # type: ignore[type-arg]  # Django's class takes no argument
    """A new password, typed twice, which has to pass the rules for passwords."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.validators.append(MaxLengthValidator(SignInForm.LONGEST_PASSWORD))
