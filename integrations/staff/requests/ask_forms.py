"""Forms for a request to a POS: one field for each member of a documented payload, or free JSON."""

import json
import re
import uuid
from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.utils.html import format_html

from integrations.models import Request
from integrations.models.fields.texts import longest
from integrations.security import correlation_ids
from integrations.services.requests.asking import DEVICE_ID
from integrations.services.requests.request_types import MAX_EXPIRES_IN
from integrations.services.requests.secret_members import is_never_shown
from integrations.staff.base.forms import AskOnceForm
from integrations.wire import raw_json
from integrations.wire.payloads import checking
from integrations.wire.payloads.checking import Invalid
from integrations.wire.payloads.examples import EXAMPLES, example_of
from integrations.wire.payloads.field import DECIMAL, FLAG, OBJECT, WHOLE, Field
from integrations.wire.payloads.request_models import MODELS

MAX_PAYLOAD = 256 * 1024  # characters; the API has the same limit
LONGEST_WAIT = 120  # seconds
PREFIX = "field_"
RAW, FIELDS = "raw", "fields"  # the two ways to enter the payload
SENT_AS_TYPED = "Sent exactly as you type it: same names, same order, same digits."
OR_AS_JSON = "The documentation does not allow this. To send it anyway, continue with JSON."
UNTICKED = "Tick this box to confirm: this request may change something at the POS or take a payment."
NOT_JSON = "This is not a valid JSON object. It must begin with { and end with }, with names in double quotes."
NOT_KEPT = "A request that is sent at most once does not wait for the POS to connect. Enter 0, or untick the box below."
NO_CORRELATION_ID = (
    "Use letters, digits and . _ : / + = - only, and begin with a letter or a digit. Enter no key or token."
)
NOT_DOCUMENTED = "To send it anyway, untick the check of the payload under More."
TOO_DEEP = f"The JSON has more than {raw_json.MOST_NESTED} levels of nesting. Use fewer levels."

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class AskForm(AskOnceForm):
    """The fields that every request has in addition to its payload. Call `payload()` only on a valid form."""

    device_id = forms.CharField(
        label="DeviceID",
        max_length=longest(Request, "device_id"),
        strip=False,
        initial=DEVICE_ID,
        help_text="The device that sends the request. The POS may show it.",
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )
    user_identifier = forms.CharField(
        label="UserIdentifier",
        required=False,
        max_length=longest(Request, "user_identifier"),
        strip=False,
        help_text="PIN or ID of a POS user, if the POS requires one. It is never shown again.",
        widget=forms.PasswordInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )
    wait = forms.IntegerField(
        label="Seconds to wait for the answer",
        initial=30,
        min_value=1,
        max_value=LONGEST_WAIT,
        help_text="A request that was sent continues after that. Its page will show the answer.",
        widget=forms.NumberInput(attrs={"class": "vIntegerField"}),
    )

    expires_in = forms.IntegerField(
        label="Seconds to keep it for a POS that is not connected",
        required=False,
        initial=0,
        min_value=0,
        max_value=MAX_EXPIRES_IN,
        help_text="0: send it only if the POS is connected now. Otherwise it waits this long for the POS to connect.",
        widget=forms.NumberInput(attrs={"class": "vIntegerField"}),
    )

    own_request_id = forms.CharField(
        label="RequestID",
        required=False,
        max_length=longest(Request, "request_id"),
        strip=False,
        help_text="Your own ID of the request, which the outlet must not have used yet. Leave empty to generate one.",
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off", "spellcheck": "false"}),
    )
    correlation_id = forms.CharField(
        label="X-Request-ID",
        required=False,
        max_length=correlation_ids.MAX_LENGTH,
        help_text="An ID for the logs, like the X-Request-ID of an API call. Leave empty to generate one.",
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off", "spellcheck": "false"}),
    )
    sent_once = forms.BooleanField(
        label="Send it at most once, like “durable: false” in the API",
        required=False,
        help_text="The request is not stored before it is sent, and not sent again if the connection is lost. The POS "
        "must answer within the seconds above.",
    )
    mode = forms.CharField(widget=forms.HiddenInput, required=False)
    payload_mode = ""
    more: ClassVar[tuple[str, ...]] = ("own_request_id", "correlation_id", "sent_once")
    more_label = "More: your own IDs, and how it is sent"

    def __init__(self, *args: Any, changes: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["mode"].initial = self.payload_mode
        if changes:
            self.fields["is_meant"] = forms.BooleanField(
                label="Yes, send it: this may change something at the till.", error_messages={"required": UNTICKED}
            )
        others = ("user_identifier", "device_id", "wait", "expires_in", "is_meant")
        self.order_fields(["request_id", *self.payload_names(), *others])

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("sent_once") and self.cleaned_data.get("expires_in"):
            self.add_error("expires_in", NOT_KEPT)
        return self.cleaned_data

    def clean_own_request_id(self) -> str:
        return _checked_text(self.cleaned_data["own_request_id"])

    def clean_correlation_id(self) -> str:
        text: str = self.cleaned_data["correlation_id"]
        if text and not correlation_ids.is_acceptable(text):
            raise forms.ValidationError(NO_CORRELATION_ID)
        return text

    def payload_names(self) -> list[str]:
        """Return the names of the form fields that make up the payload."""
        raise NotImplementedError

    def payload(self) -> str:
        """Return the payload as the JSON text to send."""
        raise NotImplementedError

    def renew(self) -> None:
        """Give the form a new RequestID before it is shown again, so its next submission is a new request."""
        self.data = {**{name: self.data[name] for name in self.data}, "request_id": str(uuid.uuid4())}

    def clean_device_id(self) -> str:
        return _checked_text(self.cleaned_data["device_id"])

    def clean_expires_in(self) -> int:
        return self.cleaned_data["expires_in"] or 0

    def clean_user_identifier(self) -> str | None:
        return _checked_text(self.cleaned_data["user_identifier"]) or None


class RawForm(AskForm):
    """A form with the payload as free JSON, which is sent to the POS unchanged.

    If `model` is documented, the form shows its example and can check the payload against it.
    """

    payload_mode = RAW
    more = (*AskForm.more, "is_checked")

    is_checked = forms.BooleanField(
        label="Check the payload against PowerEPOS's documentation, like “validate: true” in the API",
        required=False,
        help_text="If it does not match, nothing is sent.",
    )
    raw = forms.CharField(
        label="Payload (JSON)",
        max_length=MAX_PAYLOAD,
        initial="{}",
        widget=forms.Textarea(attrs={"class": "onp-raw", "rows": 12, "spellcheck": "false", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, model: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        example = json.dumps(EXAMPLES.get(model) or {"Name": "Value"}, ensure_ascii=False)
        self.fields["raw"].help_text = format_html("{} Example: <code>{}</code>", SENT_AS_TYPED, example)
        self._model = model
        if not model:
            del self.fields["is_checked"]

    def payload_names(self) -> list[str]:
        return ["raw"]

    def payload(self) -> str:
        text: str = self.cleaned_data["raw"]
        return text

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("is_checked") and "raw" in self.cleaned_data:
            for path, what in payload_errors(self.payload(), self._model).items():
                self.add_error("raw", f"{path} {what}. {NOT_DOCUMENTED}")
        return super().clean()

    def clean_raw(self) -> str:
        text = self.cleaned_data["raw"].replace("\r\n", "\n")  # browsers send line ends as CRLF
        try:
            raw_json.members(text)
        except raw_json.TooDeep as error:
            raise forms.ValidationError(TOO_DEEP) from error
        except raw_json.NotAnObject as error:
            raise forms.ValidationError(f"{NOT_JSON}{_place_of_error(text)}") from error
        return str(text)


class FieldsForm(AskForm):
    """A form with one field for each member of the documented model. Empty fields are left out of the payload."""

    payload_mode = FIELDS

    def __init__(self, *args: Any, model: str, **kwargs: Any) -> None:
        self._model = model
        super().__init__(*args, **kwargs)
        for field in MODELS[model]:
            self.fields[PREFIX + field.name] = _field_for(field)
        self.order_fields(["request_id", *self.payload_names()])

    def payload_names(self) -> list[str]:
        return [PREFIX + field.name for field in MODELS[self._model]]

    def payload(self) -> str:
        values = {field: self.cleaned_data.get(PREFIX + field.name, "") for field in MODELS[self._model]}
        return raw_json.write({}, {field.name: spell(field, text) for field, text in values.items() if text})

    def clean(self) -> dict[str, Any]:
        """Once each field is valid, check the whole payload against the model. Mistakes must not reach the till."""
        if not self.errors:
            for path, what in payload_errors(self.payload(), self._model).items():
                self._add_payload_error(path, what)
        return super().clean()

    def _add_payload_error(self, path: str, what: str) -> None:
        name = PREFIX + re.split(r"[.\[]", path)[0]
        self.add_error(name if name in self.fields else None, f"{path} {what}. {OR_AS_JSON}")


def payload_errors(payload: str, model: str) -> dict[str, str]:
    """Return a dict from each wrong member's path to its error. The payload must be valid JSON."""
    try:
        checking.check(payload, model)
    except Invalid as invalid:
        return invalid.errors
    return {}


def _field_for(field: Field) -> forms.CharField | forms.ChoiceField:
    options: dict[str, Any] = {"label": field.name, "required": field.required, "help_text": field.meaning}
    if is_json(field):
        shape = f"JSON: {'a list of ' if field.is_list else 'a '}{field.kind}."
        example = json.dumps(example_of(field), ensure_ascii=False)
        options["help_text"] = format_html("{} {} Example: <code>{}</code>", shape, field.meaning, example)
        widget = forms.Textarea(attrs={"class": "onp-raw", "rows": 4, "spellcheck": "false"})
        return forms.CharField(max_length=MAX_PAYLOAD, widget=widget, validators=[_check_json], **options)
    if field.kind == FLAG:
        choices = [("", "leave out"), ("true", "true"), ("false", "false")]
        return forms.ChoiceField(choices=choices, **options)
    attributes = {"class": "vTextField", "autocomplete": "off", "spellcheck": "false"}
    widget_class = forms.PasswordInput if is_never_shown(field.name) else forms.TextInput
    checks: list[Callable[[str], None]] = [_check_number] if field.kind in (WHOLE, DECIMAL) else [_check_text]
    return forms.CharField(
        max_length=field.limit or MAX_PAYLOAD,
        strip=field.kind in (WHOLE, DECIMAL),
        widget=widget_class(attrs=attributes),
        validators=checks,
        **options,
    )


def is_json(field: Field) -> bool:
    """Return whether the person enters the field's value as JSON."""
    return field.is_list or field.kind in MODELS or field.kind == OBJECT


def spell(field: Field, text: str) -> str:
    """Return the typed value as JSON: text in quotes, everything else unchanged."""
    is_spelled = is_json(field) or field.kind in (FLAG, WHOLE, DECIMAL)
    return text.replace("\r\n", "\n") if is_spelled else json.dumps(text, ensure_ascii=False)


def _check_json(text: str) -> None:
    try:
        is_one_value = raw_json.members(f'{{"value": {text}}}') == {"value": text}
    except raw_json.TooDeep as error:
        raise forms.ValidationError(TOO_DEEP) from error
    except raw_json.NotAnObject:
        is_one_value = False
    if not is_one_value:
        raise forms.ValidationError("This is not valid JSON.")


def _check_number(text: str) -> None:
    if not _NUMBER.fullmatch(text):
        raise forms.ValidationError("Enter a number like 12 or 3.50.")


def _check_text(text: str) -> None:
    if _CONTROL.search(text):
        raise forms.ValidationError("This contains a control character. Delete it.")


def _checked_text(text: str) -> str:
    _check_text(text)
    return text


def _place_of_error(text: str) -> str:
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        return f" The error is in line {error.lineno}, at character {error.colno}."
    except ValueError:
        pass
    return ""
