"""The "Ask the POS" pages: choose a message type, fill in its form, continue to the page that shows the answer."""

import uuid
from dataclasses import dataclass
from typing import Any, Self

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.text import get_text_list
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from integrations.models import MessageType
from integrations.models.clock import shared_now
from integrations.services.errors import PortalError
from integrations.services.requests import asking
from integrations.services.requests.asking import Question
from integrations.services.requests.contents import Content
from integrations.services.requests.errors import AskedOtherwise, MessageTypeUnnumbered, RequestIdUsed
from integrations.staff.base import forms, rights
from integrations.staff.base.outlet_actions import IntegrationAction, url_name
from integrations.staff.requests.ask_forms import FIELDS, RAW, AskForm, FieldsForm, RawForm
from integrations.staff.requests.ask_switch import NoSuchFields, fields_of, json_of, secrets_in
from integrations.staff.requests.asked_page import UNTIL
from integrations.staff.requests.one_attempt import ask_once
from integrations.wire.payloads.request_models import MODELS

MAX_NUMBER = 2**31 - 1
# Input that is kept when the person switches to JSON or back.
KEPT = ("request_id", "device_id", "wait", "expires_in", "is_meant", *RawForm.more)
TYPE_AGAIN = "Secrets are not kept. Enter {} again."
STAY_WITH_JSON = "Send the JSON as it is, or delete these members."
UNKNOWN = "This is neither the name of a message type nor a number from 0 to 2147483647. Choose one from the list."
# PowerEPOS's documents say that requests with these payloads only read data. Any other request may change something.
READING = ("OrderNPayGetUserFromPINRequest", "OrderNPayGetOpenOrdersRequest", "OrderNPaySimulateOrderRequest")


@dataclass(frozen=True)
class AskedMessage:
    """The message type to send: its number, and its catalogue entry if there is one."""

    number: int
    known: MessageType | None

    @classmethod
    def find(cls, text: str) -> Self | None:
        """Return the message type with this name or number, or None. Raises MessageTypeUnnumbered."""
        text = text.strip()
        if text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= MAX_NUMBER:
            return cls(int(text), MessageType.objects.filter(number=int(text)).first())
        known = MessageType.objects.filter(name__iexact=text).first() if text and "\x00" not in text else None
        if known is not None and known.number is None:
            raise MessageTypeUnnumbered
        return None if known is None or known.number is None else cls(known.number, known)

    @property
    def name(self) -> str:
        return str(self.known) if self.known else f"MessageType {self.number}"

    @property
    def model(self) -> str:
        """Return the name of the payload's documented model, or "" if there is none."""
        return self.known.payload_model if self.known and self.known.payload_model in MODELS else ""

    @property
    def may_change(self) -> bool:
        return self.model not in READING


@method_decorator(sensitive_post_parameters(), name="dispatch")
class AskPos(IntegrationAction):
    """Shows the catalogue, or with `?type=` the form of that message type. Never waits for the POS."""

    form_class = AskForm
    title = "Ask the POS"
    button = "Send to the POS"
    words = "staff/requests/words/ask.html"
    kind: AskedMessage | None = None
    is_raw = False

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        default = RAW if "raw" in request.GET else FIELDS
        self.is_raw = request.POST.get("mode", default) == RAW
        return super().dispatch(request, *args, **kwargs)

    def get(self, _request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        if "type" not in self.request.GET:
            return self.choice()
        return self._with_kind() or super().get(self.request)

    @method_decorator(sensitive_variables())
    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if refusal := self._with_kind():
            return refusal
        if "switch" in request.POST and self._chosen().model:
            return self._switched(request.POST)
        return super().post(request, **kwargs)

    def is_allowed(self) -> bool:
        return rights.may_ask(self.request)

    def obstacle(self) -> PortalError | None:
        return asking.obstacle_to_asking(self.integration)

    def make_form(self, data: QueryDict | None = None) -> AskForm:
        return self._form(data, {"request_id": uuid.uuid4()})

    def _form(self, data: QueryDict | None, initial: dict[str, Any]) -> AskForm:
        kind = self._chosen()
        if kind.model and not self.is_raw:
            return FieldsForm(data, initial=initial, model=kind.model, changes=kind.may_change)
        return RawForm(data, initial=initial, model=kind.model, changes=kind.may_change)

    @method_decorator(sensitive_variables())
    def _switched(self, typed: QueryDict) -> HttpResponse:
        """Switch the form from fields to JSON or back, and show it with the same input except secrets."""
        kept = {name: typed[name] for name in KEPT if name in typed}
        if secrets := secrets_in(typed, self._chosen().model):
            messages.warning(self.request, TYPE_AGAIN.format(get_text_list(secrets, "and")))
        if not self.is_raw:
            self.is_raw = True
            return self.page(self._form(None, {**kept, "raw": json_of(typed, self._chosen().model)}))
        form = self._form(typed, {})
        if "raw" not in form.errors:
            try:
                kept |= fields_of(form.cleaned_data["raw"], self._chosen().model)
                self.is_raw = False
                return self.page(self._form(None, kept))
            except NoSuchFields as error:
                form.add_error("raw", f"The fields cannot hold {', '.join(error.names)}. {STAY_WITH_JSON}")
        for name in form.errors.keys() - {"raw"}:
            # Only the JSON is converted here. The other fields are checked when the form is sent to the POS.
            del form.errors[name]
        return self.page(form)

    @method_decorator(sensitive_variables())
    def carry_out_form(self, form: forms.ActionForm) -> HttpResponse:
        if not isinstance(form, AskForm):
            raise TypeError("This action needs an AskForm.")
        question = self._question(form)
        try:
            return HttpResponseRedirect(self._ask(question))
        except AskedOtherwise:
            if form.cleaned_data["own_request_id"]:
                raise RequestIdUsed from None
            form.renew()
            raise

    @method_decorator(sensitive_variables())
    def _question(self, form: AskForm) -> Question:
        values = form.cleaned_data
        return Question(
            request_id=values["own_request_id"] or str(values["request_id"]),
            content=Content(
                message_type=self._chosen().number,
                device_id=values["device_id"],
                user_identifier=values["user_identifier"],
                payload=form.payload(),
            ),
            wait=values["wait"],
            expires_in=values["expires_in"],
            is_durable=not values["sent_once"],
            correlation_id=values["correlation_id"],
        )

    @method_decorator(sensitive_variables())
    def _ask(self, question: Question) -> str:
        """Send the request and return the address of the page that shows the answer. Raises PortalError."""
        if question.is_durable:
            pk = asking.ask_pos(self.integration, question, actor=self.actor)
            return reverse(f"admin:{url_name('asked')}", args=(self.integration.pk, pk))
        request_uuid = ask_once(self.integration, question, actor=self.actor)
        until = int(shared_now().timestamp()) + question.wait
        return reverse(
            f"admin:{url_name('asked_once')}", args=(self.integration.pk, request_uuid), query={UNTIL: until}
        )

    def choice(self, wrong: str = "") -> HttpResponse:
        """Show the catalogue of message types."""
        types = MessageType.objects.all()
        status = 404 if wrong else 200
        return self.render("staff/requests/ask_choice.html", status=status, types=types, wrong=wrong)

    def context(self) -> dict[str, Any]:
        kind = self.kind
        return {
            **super().context(),
            "kind": kind,
            "kind_name": kind.name if kind else "",
            "other_button": _other_button(is_raw=self.is_raw) if kind and kind.model else "",
            "is_online": self.integration.presence.is_online_at(shared_now()),
        }

    def _with_kind(self) -> HttpResponse | None:
        """Set `kind` to the requested message type. Return an error page if there is no such type."""
        try:
            self.kind = AskedMessage.find(self.request.GET.get("type", ""))
        except MessageTypeUnnumbered as refusal:
            return self.choice(str(refusal))
        return None if self.kind else self.choice(UNKNOWN)

    def _chosen(self) -> AskedMessage:
        if self.kind is None:
            raise TypeError("Find the message type before you create the form.")
        return self.kind


def _other_button(*, is_raw: bool) -> str:
    return "Continue with the documented fields" if is_raw else "Continue with JSON"
