"""The forms of the actions. They validate formats; the services check everything else."""

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import Any, ClassVar, cast

from django import forms
from django.conf import settings
from django.contrib.admin import site
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import NON_FIELD_ERRORS
from django.db.models import TextChoices
from django.utils import timezone

from integrations.models import ApiKey, Integration, Organisation, Outlet
from integrations.models.api_key import Scope
from integrations.models.fields.texts import longest
from integrations.security.secret_digests import MAX_SECRET_LENGTH, MIN_ADOPTED_LENGTH
from integrations.services.api_keys.api_keys import MOST_CALLS
from integrations.services.errors import InvalidValue, PortalError
from integrations.services.handover.link_lifetime import MAX_HOURS
from integrations.services.handover.links import MAX_PASSPHRASE_LENGTH
from integrations.services.overlaps import OVERLAPS
from integrations.services.people import scope
from integrations.services.reasons import MAX_REASON_LENGTH
from integrations.staff.base.choices import RowField, RowSelect, no_organisation
from integrations.staff.signing_in import typed

ENTER_AGAIN = "Enter it again: a form that is shown again does not keep secrets."
LONGEST_LIFE = timedelta(days=36_500)
_OVERLAPS_IN_WORDS = {
    "0": "None: the old secret ends now. A system that uses it is disconnected until it has the new secret.",
    "1h": "1 hour: the old secret stays valid. Choose this if the new one is put in place now.",
    "24h": "24 hours: the old secret stays valid. Choose this if the new one is put in place today or tomorrow.",
    "7d": "7 days: the old secret stays valid. Choose this for delivery by post, for many sites or for a release.",
}


def words_of(refusal: PortalError, *, is_at_field: bool) -> str:
    """Return the refusal's text and hint. With `is_at_field`, omit the field's name, because the form shows it."""
    text = refusal.sentence if is_at_field and isinstance(refusal, InvalidValue) else str(refusal)
    return f"{text} {refusal.hint}".strip()


class HandOverChoice(TextChoices):
    """How the operator hands a new secret over."""

    SHOW = "show", "Show me the values now"
    LINK = "link", "Create a one-time link for another person"


class ActionForm(forms.Form):
    """The form of an action. It can show a service's refusal as an error of the form."""

    renamed: ClassVar[Mapping[str, str]] = {}  # maps the service's field names to the form's, where they differ
    more: ClassVar[tuple[str, ...]] = ()  # fields that few people need; the page shows them in a collapsed part
    more_label: ClassVar[str] = ""
    emptied: Collection[str] = ()  # fields whose secret was not kept while the person confirmed their identity

    def main_fields(self) -> list[forms.BoundField]:
        return [each for each in self.visible_fields() if each.name not in {*self.more, *HandOverFields.base_fields}]

    def more_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.more if name in self.fields]

    def has_marked_fields(self) -> bool:
        return any(name != NON_FIELD_ERRORS for name in self.errors)

    def is_more_open(self) -> bool:
        return any(each.errors or each.value() or each.name in self.emptied for each in self.more_fields())

    def ask_for_secrets_again(self) -> None:
        """If the form has errors, also mark each secret field that was filled in, because its value is not shown again.

        If such a field stayed empty unnoticed, the portal might generate a secret instead.
        """
        for name in typed.secrets_in(self.fields, self.data) if self.errors else ():
            if name not in self.errors:
                self.add_error(name, ENTER_AGAIN)

    def refuse(self, refusal: PortalError, text: str = "") -> None:
        """Add a service's refusal to the errors of the field that it names. `text` replaces the refusal's own text."""
        field = self.renamed.get(refusal.field, refusal.field)
        is_at_field = field in self.fields
        self.add_error(field if is_at_field else NON_FIELD_ERRORS, text or words_of(refusal, is_at_field=is_at_field))


def _pos_remote_id() -> forms.CharField:
    model_field = Integration._meta.get_field("pos_remote_id")
    return forms.CharField(
        label="POSRemoteID",
        max_length=model_field.max_length,
        help_text=model_field.help_text,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off", "spellcheck": "false"}),
    )


def reason_field(**options: Any) -> forms.CharField:
    return forms.CharField(
        label="Reason",
        max_length=MAX_REASON_LENGTH,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
        **options,
    )


class HandOverFields(forms.Form):
    """Fields for the choice between a page with the values and a one-time link. One button submits either choice."""

    renamed: ClassVar[Mapping[str, str]] = {"hours": "link_hours"}

    hand_over = forms.ChoiceField(
        label="How do you hand the values over?",
        choices=HandOverChoice.choices,
        required=False,
        initial=HandOverChoice.SHOW,
        widget=forms.RadioSelect,
    )
    link_hours = forms.IntegerField(
        label="Hours for which the link is valid",
        required=False,
        min_value=1,
        help_text="After that, its copy of the secret is erased.",
        widget=forms.NumberInput(attrs={"class": "vIntegerField"}),
    )
    passphrase = forms.CharField(
        label="Passphrase",
        required=False,
        strip=False,
        max_length=MAX_PASSPHRASE_LENGTH,
        help_text="Leave empty to generate one that is easy to read out over the phone.",
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        hours = self.fields["link_hours"]
        hours.initial = settings.HANDOVER_LINK_HOURS
        hours.widget.attrs["max"] = MAX_HOURS

    def clean(self) -> dict[str, Any]:
        """Refuse a passphrase unless a link was chosen, because only a link asks for the passphrase."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if values.get("hand_over") != HandOverChoice.LINK and values.get("passphrase"):
            words = "A passphrase is only for a one-time link. Choose the link above, or leave this empty."
            self.add_error("passphrase", words)
        return values

    def link_fields(self) -> list[forms.BoundField]:
        return [self["link_hours"], self["passphrase"]]


class EnableForm(HandOverFields, ActionForm):
    more: ClassVar[tuple[str, ...]] = ("adopted_secret",)
    more_label = "PowerEPOS already has a secret for this outlet"
    pos_remote_id = _pos_remote_id()
    adopted_secret = forms.CharField(
        label="Secret that PowerEPOS already has",
        required=False,
        strip=False,
        max_length=MAX_SECRET_LENGTH,
        help_text=f"At least {MIN_ADOPTED_LENGTH} characters. A secret chosen by a person is weaker than a generated "
        "one. Leave empty to generate one.",
        widget=forms.PasswordInput(attrs={"class": "vTextField", "autocomplete": "off", "spellcheck": "false"}),
    )


class EnableNewForm(EnableForm):
    """Enables an outlet. The outlet and its organisation are given by name, and are created if they do not exist."""

    more = ("provider_outlet_id", "adopted_secret")
    more_label = "Use your own ProviderOutletID, or a secret that PowerEPOS already has"
    organisation = forms.CharField(
        max_length=longest(Organisation, "name"),
        help_text="Choose one of your customers, or type the name of a new one.",
        widget=forms.TextInput(
            attrs={"class": "vTextField", "autocomplete": "off", "list": "organisations", "autofocus": True}
        ),
    )
    outlet = forms.CharField(
        max_length=longest(Outlet, "name"),
        help_text="The name of the site, for example the street or the district.",
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )
    provider_outlet_id = forms.CharField(
        label="ProviderOutletID",
        required=False,
        max_length=longest(Outlet, "provider_outlet_id"),
        help_text="The outlet's ID in your own systems. Leave empty to generate one.",
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off", "spellcheck": "false"}),
    )
    field_order = ("organisation", "outlet", "pos_remote_id")

    def clean_organisation(self) -> Any:
        return Organisation._meta.get_field("name").clean(self.cleaned_data["organisation"], None)

    def clean_outlet(self) -> Any:
        return Outlet._meta.get_field("name").clean(self.cleaned_data["outlet"], None)

    def clean_provider_outlet_id(self) -> Any:
        own = self.cleaned_data["provider_outlet_id"]
        return Outlet._meta.get_field("provider_outlet_id").clean(own, None) if own else None


def overlap_field(label: str = "How long the old secret stays valid", **options: Any) -> forms.ChoiceField:
    choices = [(overlap, _OVERLAPS_IN_WORDS[overlap]) for overlap in OVERLAPS]
    return forms.ChoiceField(label=label, choices=choices, widget=forms.RadioSelect, **options)


def _seen_field() -> forms.CharField:
    """Return a hidden field for the version of the secret that was current when the page was shown."""
    return forms.CharField(widget=forms.HiddenInput, max_length=40)


class RotateForm(ActionForm):
    overlap = overlap_field()
    seen = _seen_field()


class RotatePosSecretForm(HandOverFields, RotateForm):
    """Rotates a POS's secret; the new one is shown, or handed over by a one-time link."""


class ReplaceSecretForm(HandOverFields, ActionForm):
    seen = _seen_field()


class ReasonForm(ActionForm):
    reason = reason_field(help_text="Shown to your colleagues here and in the audit events.")


class OptionalReasonForm(ActionForm):
    reason = reason_field(required=False, help_text="Optional. Recorded in the audit events.")


class AskOnceForm(ActionForm):
    """A form that sends one request to a POS. The page creates the RequestID, so a repeated POST sends nothing new."""

    request_id = forms.UUIDField(widget=forms.HiddenInput)


class ChangePosRemoteIdForm(ActionForm):
    pos_remote_id = _pos_remote_id()

    def clean_pos_remote_id(self) -> str:
        value: str = self.cleaned_data["pos_remote_id"]
        if value == self.initial.get("pos_remote_id"):
            raise forms.ValidationError("This integration already has this POSRemoteID. Enter a different one.")
        return value


class OwnerForm(ActionForm):
    """A form with a field `organisation` that offers and accepts the organisations that `person` may see."""

    def __init__(self, *args: Any, person: AbstractBaseUser | AnonymousUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = cast("RowField", self.fields["organisation"])
        chosen.empty_label = no_organisation(person)
        chosen.queryset = scope.limit(Organisation.objects.all(), person, "pk")


class ApiKeyAccessForm(ActionForm):
    """What an API key may do, from where, and how often."""

    scopes = forms.MultipleChoiceField(
        label="What the key can do",
        choices=[(scope.value, f"{scope.label[0].upper()}{scope.label[1:]} ({scope.value})") for scope in Scope],
        help_text="Choose only what the system needs.",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one."},
    )
    networks = forms.CharField(
        required=False,
        max_length=2_500,
        help_text="The only networks from which the key can be used, like 192.0.2.0/24, separated by spaces. "
        "If empty, it can be used from any address.",
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off", "spellcheck": "false"}),
    )
    calls_per_second = forms.IntegerField(
        label="Calls per second",
        required=False,
        min_value=1,
        max_value=MOST_CALLS,
        help_text="The most calls on average; more are refused with 429. If empty, the portal's limit applies.",
        widget=forms.NumberInput(attrs={"class": "vIntegerField"}),
    )
    calls_burst = forms.IntegerField(
        label="Calls at once",
        required=False,
        min_value=1,
        max_value=MOST_CALLS,
        help_text="The most calls at once after a pause. If empty, twice the calls per second.",
        widget=forms.NumberInput(attrs={"class": "vIntegerField"}),
    )


class CreateApiKeyForm(OwnerForm, ApiKeyAccessForm):
    renamed: ClassVar[Mapping[str, str]] = {"expires_at": "last_day"}
    field_order = ("name", "organisation", *ApiKeyAccessForm.base_fields, "last_day")
    name = forms.CharField(
        max_length=longest(ApiKey, "name"),
        help_text="The system that uses the key. The name cannot be changed later.",
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )
    organisation = RowField(
        Organisation.objects.none(),
        required=False,
        help_text="Choose an organisation to give access to its outlets only.",
        widget=RowSelect(ApiKey._meta.get_field("organisation"), site),
    )
    last_day = forms.DateField(
        label="Last day",
        required=False,
        help_text="The key expires at the end of this day. If empty, it does not expire.",
        widget=forms.DateInput(attrs={"type": "date", "class": "onp-date"}, format="%Y-%m-%d"),
    )

    def clean_last_day(self) -> date | None:
        day: date | None = self.cleaned_data["last_day"]
        if day and day > timezone.localdate() + LONGEST_LIFE:
            raise forms.ValidationError(f"Choose a day within the next {LONGEST_LIFE.days // 365} years, or none.")
        return day
