"""Forms of the actions on webhook endpoints."""

from django import forms
from django.contrib.admin import site

from integrations.models import Organisation, WebhookEndpoint
from integrations.models.fields.texts import longest
from integrations.services.notices.addresses import MAX_URL_LENGTH
from integrations.services.notices.webhooks import SUBSCRIBABLE
from integrations.staff.base.choices import RowField, RowSelect
from integrations.staff.base.forms import ActionForm, OwnerForm


def _url() -> forms.CharField:
    return forms.CharField(
        label="URL",
        max_length=MAX_URL_LENGTH,
        help_text="The address that receives the events, like https://example.com/hooks. Redirects are not followed.",
        widget=forms.URLInput(attrs={"class": "vTextField", "autocomplete": "off", "spellcheck": "false"}),
    )


def _kinds() -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label="Events",
        choices=[(kind.value, f"{kind.label} ({kind.value})") for kind in SUBSCRIBABLE],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one event."},
    )


class CreateWebhookForm(OwnerForm):
    name = forms.CharField(
        max_length=longest(WebhookEndpoint, "name"),
        help_text="A name for the receiving system. It cannot be changed later.",
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )
    url = _url()
    organisation = RowField(
        Organisation.objects.none(),
        required=False,
        help_text="Choose an organisation to send its events only.",
        widget=RowSelect(WebhookEndpoint._meta.get_field("organisation"), site),
    )
    kinds = _kinds()


class ChangeWebhookForm(ActionForm):
    url = _url()
    kinds = _kinds()
