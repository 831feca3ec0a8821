"""The forms of the acts. They check shape; what else may be wrong the services say."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS

from integrations.credentials import MAX_SECRET_LENGTH
from integrations.exceptions import (
    InvalidValue,
    MistypedSecret,
    PortalError,
    PosRemoteIdTaken,
    SecretTaken,
    WeakSecret,
)
from integrations.models import Integration

FIELD_OF: Mapping[type[PortalError], str] = {
    PosRemoteIdTaken: "pos_remote_id",
    SecretTaken: "adopted_secret",
    WeakSecret: "adopted_secret",
    MistypedSecret: "adopted_secret",
}
OVERLAPS = (
    ("0", "None: the old secret ends now. The POS is cut off at once and stays off until it has the new secret."),
    ("1h", "1 hour: the POS works on with the old secret. Somebody is on site and enters the new one now."),
    ("24h", "24 hours: the POS works on with the old secret. The new one is entered today or tomorrow."),
    ("7d", "7 days: the POS works on with the old secret. The new one goes by letter, or to many sites."),
)


class ActForm(forms.Form):
    """A form whose act may still be refused by the service."""

    def refuse(self, refusal: PortalError) -> None:
        """Show the service's refusal, at the field that it is about."""
        self.add_error(self._field_of(refusal), str(refusal))

    def _field_of(self, refusal: PortalError) -> str:
        named = refusal.field if isinstance(refusal, InvalidValue) else FIELD_OF.get(type(refusal), "")
        named = "reason" if named == "disabled_reason" else named
        return named if named in self.fields else NON_FIELD_ERRORS


def _pos_remote_id() -> forms.CharField:
    model_field = Integration._meta.get_field("pos_remote_id")
    return forms.CharField(
        label="POSRemoteID",
        max_length=model_field.max_length,
        help_text=model_field.help_text,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off", "spellcheck": "false"}),
    )


def _text(**options: Any) -> forms.CharField:
    return forms.CharField(
        max_length=200, widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}), **options
    )


class EnableForm(ActForm):
    pos_remote_id = _pos_remote_id()
    adopted_secret = forms.CharField(
        label="Secret that PowerEPOS has already",
        required=False,
        strip=False,
        max_length=MAX_SECRET_LENGTH,
        help_text="At least 8 characters. Leave it empty, and the portal generates a strong one.",
        widget=forms.PasswordInput(attrs={"class": "vTextField", "autocomplete": "off", "spellcheck": "false"}),
    )


class RotateForm(ActForm):
    overlap = forms.ChoiceField(label="How long the old secret works on", choices=OVERLAPS, widget=forms.RadioSelect)
    seen_credential = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**63 - 1)


class DisableForm(ActForm):
    reason = _text(label="Reason", help_text="Your colleagues will read it here and in the audit events.")


class EnableAgainForm(ActForm):
    reason = _text(label="Reason", required=False, help_text="If there is one to write down.")


class ChangePosRemoteIdForm(ActForm):
    pos_remote_id = _pos_remote_id()

    def clean_pos_remote_id(self) -> str:
        value: str = self.cleaned_data["pos_remote_id"]
        if value == self.initial.get("pos_remote_id"):
            raise forms.ValidationError("This is the POSRemoteID that it has already.")
        return value
