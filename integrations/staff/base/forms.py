"""The forms of the acts. They check shape; what else may be wrong the services say."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, ClassVar, cast

from django import forms
from django.conf import settings
from django.contrib.admin import site
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import NON_FIELD_ERRORS
from django.utils import timezone

from integrations.models import ApiKey, Integration, Organisation
from integrations.security.secret_digests import MAX_SECRET_LENGTH
from integrations.services.errors import PortalError
from integrations.services.overlaps import OVERLAPS
from integrations.services.people import scope
from integrations.staff.base.choices import RowField, RowSelect

LONGEST_LIFE = timedelta(days=36_500)
_OVERLAPS_IN_WORDS = {
    "0": "None: the old secret ends now. What uses it is cut off at once, until it has the new secret.",
    "1h": "1 hour: the old secret stays valid. Somebody puts the new one in place now.",
    "24h": "24 hours: the old secret stays valid. The new one is put in place today or tomorrow.",
    "7d": "7 days: the old secret stays valid. The new one goes by letter, to many sites or with the next release.",
}


class ActForm(forms.Form):
    """A form whose act may still be refused by the service."""

    renamed: ClassVar[Mapping[str, str]] = {}  # fields that have another name here than in the refusals of the service

    def refuse(self, refusal: PortalError) -> None:
        """Show the service's refusal, at the field that it is about."""
        field = self.renamed.get(refusal.field, refusal.field)
        text = f"{refusal} {refusal.hint}".strip()
        self.add_error(field if field in self.fields else NON_FIELD_ERRORS, text)


def _pos_remote_id() -> forms.CharField:
    model_field = Integration._meta.get_field("pos_remote_id")
    return forms.CharField(
        label="POSRemoteID",
        max_length=model_field.max_length,
        help_text=model_field.help_text,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off", "spellcheck": "false"}),
    )


def text_field(**options: Any) -> forms.CharField:
    return forms.CharField(
        max_length=200, widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}), **options
    )


class LinkFields(forms.Form):
    """How the secret goes to its recipient by a one-time link, where that button is pressed."""

    renamed: ClassVar[Mapping[str, str]] = {"hours": "link_hours"}

    link_hours = forms.IntegerField(
        label="Hours for which the link is valid",
        required=False,
        min_value=1,
        help_text="Then the secret in it is erased.",
        widget=forms.NumberInput(attrs={"class": "vIntegerField"}),
    )
    passphrase = forms.CharField(
        label="Passphrase",
        required=False,
        strip=False,
        max_length=200,
        help_text="Leave it empty, and the portal makes one that is easy to tell on the telephone.",
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        hours = self.fields["link_hours"]
        hours.initial = settings.HANDOVER_LINK_HOURS
        hours.widget.attrs["max"] = settings.HANDOVER_LINK_MAX_HOURS

    def clean(self) -> dict[str, Any]:
        """Refuse what was filled in for a link when the other button was pressed: the secret would be shown instead."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if "as_link" not in self.data and values.get("passphrase"):
            self.add_error("passphrase", "This is for a one-time link. Press the button below it, or leave this empty.")
        return values

    def link_fields(self) -> list[forms.BoundField]:
        return [self["link_hours"], self["passphrase"]]

    def act_fields(self) -> list[forms.BoundField]:
        return [each for each in self.visible_fields() if each.name not in LinkFields.base_fields]

    def has_link_errors(self) -> bool:
        return any(each.errors for each in self.link_fields())


class EnableForm(LinkFields, ActForm):
    pos_remote_id = _pos_remote_id()
    adopted_secret = forms.CharField(
        label="Secret that PowerEPOS has already",
        required=False,
        strip=False,
        max_length=MAX_SECRET_LENGTH,
        help_text="At least 8 characters. Leave it empty, and the portal generates a strong one.",
        widget=forms.PasswordInput(attrs={"class": "vTextField", "autocomplete": "off", "spellcheck": "false"}),
    )


def overlap_field(label: str = "How long the old secret stays valid", **options: Any) -> forms.ChoiceField:
    choices = [(overlap, _OVERLAPS_IN_WORDS[overlap]) for overlap in OVERLAPS]
    return forms.ChoiceField(label=label, choices=choices, widget=forms.RadioSelect, **options)


class RotateForm(ActForm):
    overlap = overlap_field()
    seen = forms.CharField(widget=forms.HiddenInput, max_length=40)


class RotatePosSecretForm(LinkFields, RotateForm):
    """The new secret may also go to its recipient by a one-time link."""


class ReasonForm(ActForm):
    renamed: ClassVar[Mapping[str, str]] = {"disabled_reason": "reason"}
    reason = text_field(label="Reason", help_text="Your colleagues will read it here and in the audit events.")


class OptionalReasonForm(ActForm):
    renamed: ClassVar[Mapping[str, str]] = {"disabled_reason": "reason"}
    reason = text_field(label="Reason", required=False, help_text="If there is one to write down.")


class AskOnceForm(ActForm):
    """A form that sends a request to a POS, once: its RequestID was made when the form was drawn."""

    request_id = forms.UUIDField(widget=forms.HiddenInput)


class ChangePosRemoteIdForm(ActForm):
    pos_remote_id = _pos_remote_id()

    def clean_pos_remote_id(self) -> str:
        value: str = self.cleaned_data["pos_remote_id"]
        if value == self.initial.get("pos_remote_id"):
            raise forms.ValidationError("This is the POSRemoteID that it has already.")
        return value


class OwnerForm(ActForm):
    """A form with a field `organisation`, which offers and accepts what `person` may see."""

    def __init__(self, *args: Any, person: AbstractBaseUser | AnonymousUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = cast("RowField", self.fields["organisation"])
        chosen.queryset = scope.limit(Organisation.objects.all(), person, "pk")


class CreateApiKeyForm(OwnerForm):
    renamed: ClassVar[Mapping[str, str]] = {"expires_at": "last_day"}
    name = forms.CharField(
        max_length=ApiKey._meta.get_field("name").max_length,
        help_text="Which of your systems uses it. It cannot be changed later.",
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )
    organisation = RowField(
        Organisation.objects.none(),
        required=False,
        help_text="Whose outlets it sees. Empty: those of all organisations.",
        widget=RowSelect(ApiKey._meta.get_field("organisation"), site),
    )
    is_read_only = forms.BooleanField(
        label="Read only", required=False, help_text="It may look at outlets and requests, and send nothing."
    )
    last_day = forms.DateField(
        label="Last day",
        required=False,
        help_text="It expires when this day is over. Empty: it does not expire.",
        widget=forms.DateInput(attrs={"type": "date", "class": "onp-date"}, format="%Y-%m-%d"),
    )

    def clean_last_day(self) -> date | None:
        day: date | None = self.cleaned_data["last_day"]
        if day and day > timezone.localdate() + LONGEST_LIFE:
            raise forms.ValidationError("Choose a day within the next 100 years, or none.")
        return day
