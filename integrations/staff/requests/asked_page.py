"""The result page after "Ask the POS": it refreshes itself until the request has ended."""

from datetime import datetime
from typing import Any

from django.http import Http404, HttpResponse

from integrations.models import Integration, Request
from integrations.models.clock import shared_now
from integrations.staff.base import rights
from integrations.staff.base.outlet_actions import IntegrationAction
from integrations.staff.requests.legible import legible
from integrations.staff.requests.rows import outcome, time_line, type_of, with_type_names
from integrations.text.moments import exactly

TEMPLATE = "staff/requests/asked_parts.html"


def context_of(row: Request, now: datetime, *, with_content: bool) -> dict[str, Any]:
    """Return the context of the part that refreshes itself; `with_content` includes the POS's answer."""
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
        said = outcome(row, with_content=with_content)
        return f"{row.get_state_display()}.{result} {said}".strip()
    if row.sent_at is None:
        return f"Not sent yet: the portal sends it as soon as the POS is connected, until {exactly(row.send_before)}."
    if now > row.send_before:
        return (
            "The POS has not answered within your waiting time. The request continues: the answer will appear here and "
            "in the request details, however late it arrives."
        )
    return "Sent to the POS, which has not answered yet."


class AskedPage(IntegrationAction):
    """Shows the answer, or the state of the request until there is one."""

    http_method_names = ["get", "head"]
    title = "The POS's answer"
    row: Request

    def is_allowed(self) -> bool:
        return rights.may_ask(self.request)

    def find(self, pk: int, request_pk: int = 0) -> None:
        super().find(pk)
        found = with_type_names(Request.objects.all()).filter(pk=request_pk, integration=pk).first()
        if found is None:
            raise Http404("There is no such request.")
        self.row = found

    def get(self, _request: object, **_kwargs: object) -> HttpResponse:
        with_content = rights.may_see_payload(self.request)
        return self.render(
            "staff/requests/asked.html",
            kind_name=type_of(self.row),
            **context_of(self.row, shared_now(), with_content=with_content),
            may_see_request=rights.may_see(self.request, Request),
            may_see_integration=rights.may_see(self.request, Integration),
        )
