"""allauth's forms with the portal's changes: field names, texts, audit events, encrypted secrets."""

import json
from typing import Any

from allauth.account.forms import LoginForm as BaseLoginForm
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY, generate_totp_secret
from allauth.mfa.webauthn.forms import AddWebAuthnForm, AuthenticateWebAuthnForm, ReauthenticateWebAuthnForm
from django import forms
from django.views.decorators.debug import sensitive_variables

from integrations.security.sealing import SealBroken, seal, unseal
from integrations.services.people import sign_ins
from integrations.text.client_address import address_of
from integrations.wire import raw_json

SET_UP = "second factor set-up"


class LoginForm(BaseLoginForm):  # type: ignore[misc]
    """A form with the field names of Django's admin: `username` and `password`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)  # the label says the same and stays visible
        self.fields["login"].label = "User name"
        self.fields["login"].widget.attrs["autofocus"] = True

    def add_prefix(self, field_name: str) -> str:
        return "username" if field_name == "login" else str(super().add_prefix(field_name))


class _RecordsWrongCode:
    """Records a wrong code as a refused sign-in, like a wrong password."""

    user: Any

    def _emit_authentication_failed(self, authenticator: Authenticator) -> None:  # noqa: ARG002
        address = address_of(context.request)
        sign_ins.refused(self.user.get_username(), reason="wrong code of the second factor", address=address)


class CodeForm(_RecordsWrongCode, AuthenticateForm):  # type: ignore[misc]
    """Asks for a code of the second factor when a person signs in."""


class ConfirmCodeForm(_RecordsWrongCode, ReauthenticateForm):  # type: ignore[misc]
    """Asks for a code of the second factor before a sensitive action."""


class CredentialField(forms.JSONField):
    """The JSON that a browser sends for a passkey.

    Django's JSONField rejects only syntax errors; with it, deep nesting or a very long integer would cause a 500.
    """

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and not _is_readable(value):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)

    def bound_data(self, data: Any, initial: Any) -> Any:
        return super().bound_data(data if isinstance(data, str) and _is_readable(data) else None, initial)


def _is_readable(text: str) -> bool:
    try:
        raw_json.refuse_depth(text)
        json.loads(text)
    except ValueError:  # also raised for an integer with more digits than Python converts
        return False
    return True


class AddPasskeyForm(AddWebAuthnForm):  # type: ignore[misc]
    credential = CredentialField(widget=forms.HiddenInput)


class PasskeyForm(AuthenticateWebAuthnForm):  # type: ignore[misc]
    credential = CredentialField(widget=forms.HiddenInput)


class ConfirmPasskeyForm(ReauthenticateWebAuthnForm):  # type: ignore[misc]
    credential = CredentialField(widget=forms.HiddenInput)


class ActivateTotpForm(ActivateTOTPForm):  # type: ignore[misc]
    """Stores the new secret in the session during the set-up, encrypted, because sessions are database rows."""

    @sensitive_variables()
    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        forms.Form.__init__(self, *args, **kwargs)
        self.user = user
        self.secret = (self._kept() if self.is_bound else "") or self._new()

    def _kept(self) -> str:
        try:
            return unseal(context.request.session.get(SECRET_SESSION_KEY, ""), purpose=SET_UP)
        except SealBroken:
            return ""

    @sensitive_variables()
    def _new(self) -> str:
        secret: str = generate_totp_secret()
        context.request.session[SECRET_SESSION_KEY] = seal(secret, purpose=SET_UP)
        return secret
