"""What became of a request that staff made: the page after "Ask the POS", live until it has ended."""

from datetime import datetime
from typing import Any

from django.http import Http404, HttpResponse

from integrations.models import Integration, Request
from integrations.models.clock import shared_now
from integrations.staff.base import rights
from integrations.staff.base.outlet_acts import IntegrationAct
from integrations.staff.requests.legible import legible
from integrations.staff.requests.rows import outcome, time_line, type_of, with_type_names

TEMPLATE = "staff/requests/asked_parts.html"


def context_of(row: Request, now: datetime, *, with_content: bool) -> dict[str, Any]:
    """Return the context of a request's live part; `with_content`: with what the POS answered."""
    return {
        "fragment": TEMPLATE,
        "row": row,
        "sentence": sentence_of(row, now, with_content=with_content),
        "moments": time_line(row, now),
        "with_content": with_content,
        "answer": legible(row.answer) if with_content and row.answer else "",
    }


def sentence_of(row: Request, now: datetime, *, with_content: bool) -> str:
    """Say in a sentence what became of a request, or what it waits for."""
    if not row.is_open:
        result = "" if row.result_code is None else f" ResultCode {row.result_code}."
        said = outcome(row, with_content=with_content)
        return f"{row.get_state_display()}.{result} {said}".strip()
    if row.sent_at is None:
        return "It has not left yet: the portal hands it to the POS within a second or two."
    if now > row.send_before:
        return (
            "The POS has not answered in the time that you wanted to wait. The request goes on: its answer will stand "
            "here and on the request's own page, however late it comes."
        )
    return "The POS has it, and has not answered yet."


class AskedPage(IntegrationAct):
    """The answer, or what there is instead so far."""

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
