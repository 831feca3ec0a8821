"""The result page after "Ask the POS": it refreshes itself until the request has ended."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse

from integrations.models import Integration, Request
from integrations.models.clock import shared_now
from integrations.staff.base import rights
from integrations.staff.base.outlet_actions import IntegrationAction
from integrations.staff.requests.descriptions import outcome, time_line, type_of, with_type_names
from integrations.staff.requests.legible import legible
from integrations.text.moments import exactly

TEMPLATE = "staff/requests/asked_parts.html"
WAITING_TEMPLATE = "staff/requests/asked_waiting.html"
# If the request to the POS is sent only once, the page's URL has this parameter: the answer's deadline (a Unix time).
UNTIL = "until"
RECORDED_WITHIN = timedelta(seconds=30)  # an ended request's result is recorded within this time, usually in a second


def context_of(row: Request, now: datetime, *, with_content: bool) -> dict[str, Any]:
    """Return the context of the live part of the page. With `with_content`, it includes the POS's answer."""
    return {
        "fragment": TEMPLATE,
        "row": row,
        "sentence": sentence_of(row, now, with_content=with_content),
        "moments": time_line(row, now),
        "with_content": with_content,
        "answer": legible(row.answer) if with_content and row.answer else "",
    }


def sentence_of(row: Request, now: datetime, *, with_content: bool) -> str:
    """Return a sentence that says how a request ended, or what it is waiting for."""
    if not row.is_open:
        result = "" if row.result_code is None else f" ResultCode {row.result_code}."
        reason = outcome(row, with_content=with_content)
        return f"{row.get_state_display()}.{result} {reason}".strip()
    if row.sent_at is None:
        return f"Not sent yet: the portal sends it as soon as the POS is connected, until {exactly(row.send_before)}."
    if now > row.send_before:
        return (
            "The POS has not answered within your waiting time. The request continues: the answer will appear here and "
            "in the request details, however late it arrives."
        )
    return "Sent to the POS, which has not answered yet."


class AskedPage(IntegrationAction):
    """Shows the answer, or the state of the request until there is one.

    For a request that is sent only once, the URL contains its UUID, because it has no row until it has ended.
    """

    http_method_names = ["get", "head"]
    title = "The POS's answer"
    row: Request | None
    until: datetime | None = None

    def is_allowed(self) -> bool:
        return rights.may_ask(self.request)

    def find(self, pk: int, request_pk: int = 0, request_uuid: UUID | None = None) -> None:
        super().find(pk)
        chosen = {"uuid": request_uuid} if request_uuid else {"pk": request_pk}
        self.row = with_type_names(Request.objects.all()).filter(**chosen, integration=pk).first()
        self.until = _moment(self.request.GET.get(UNTIL, "")) if request_uuid else None
        if self.row is None and self.until is None:
            raise Http404("There is no such request.")

    def get(self, _request: object, **_kwargs: object) -> HttpResponse:
        row, now = self.row, shared_now()
        if row is None:
            return self.render("staff/requests/asked.html", fragment=WAITING_TEMPLATE, **self._waiting(now))
        with_content = rights.may_see_payload(self.request)
        return self.render(
            "staff/requests/asked.html",
            kind_name=type_of(row),
            **context_of(row, now, with_content=with_content),
            may_see_request=rights.may_see(self.request, Request),
            may_see_integration=rights.may_see(self.request, Integration),
        )

    def _waiting(self, now: datetime) -> dict[str, Any]:
        """Return the context of the page while no result is recorded."""
        if self.until is None:
            raise TypeError("Only a request with its id in the address can have no row.")
        return {"kind_name": self.title, "until": self.until, "is_late": now > self.until + RECORDED_WITHIN}


def _moment(text: str) -> datetime | None:
    """Return the time given as Unix time in a URL, or None if the text is not a valid Unix time."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= 10
    return datetime.fromtimestamp(int(text), UTC) if is_number else None
