"""Reads the requests and message types that the caller's key may see. Runs in database threads."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from integrations.backend.base.api_key_authentication import Caller
from integrations.backend.base.pagination import NEWEST_FIRST, page_from
from integrations.backend.base.problems import ALREADY_LEFT, UNKNOWN_REQUEST, Problem
from integrations.backend.base.query import read_choice, read_moment
from integrations.backend.outlets.rows import integration_id_of
from integrations.models import Integration, MessageType, Request
from integrations.models.request import RequestState
from integrations.services.audit import Actor
from integrations.services.outlets.search import received_within
from integrations.services.requests import ending
from integrations.services.rows.keyset_pages import Few, Position, SortOrder, Source, Stream, Streams
from integrations.services.rows.threads import Joined
from integrations.wire.plain_http import PlainRequest

FILTERS = ("outlet", "state", "since", "ended_since", "request_id", "correlation_id", "limit", "cursor")
LAST_ENDED_FIRST = SortOrder("ended_at")


async def find_message_type(name_or_number: str | int) -> MessageType | None:
    """Return the message type with this name or number, or None."""
    return await _message_types.find(name_or_number)


def requests_page(caller: Caller, request: PlainRequest) -> tuple[list[Request], Position | None]:
    """Return a page of requests without payloads and answers. Raises Problem.

    The latest request is first; with `ended_since`, the request that ended last is first.
    """
    asked: dict[str, Any] = {}
    if "outlet" in request.query:
        asked["integration"] = integration_id_of(caller, str(request.query["outlet"]))
    if state := read_choice(request.query, "state", RequestState.values):
        asked["state"] = state
    ids = {name: str(request.query[name]) for name in ("request_id", "correlation_id") if name in request.query}
    since, ended_since = read_moment(request.query, "since"), read_moment(request.query, "ended_since")
    if ended_since:
        asked["ended_at__gte"] = ended_since
    rows = received_within(Request.objects.filter(**asked), since=since, until=None)
    fitting = _requests_of(caller).filter(**asked, **ids).defer("payload", "answer", "sealed_request", "sealed_answer")
    if since:
        fitting = fitting.filter(received_at__gte=since)
    source = _source(caller, rows, is_of_outlet="outlet" in request.query)
    if ids or ended_since:
        listed = Request.objects.filter(ended_at__gte=ended_since) if ended_since else Request.objects.all()
        source = Few(_with_ids(ids, asked), listed) if ids else Stream(listed)
    return page_from(source, fitting, request, order=LAST_ENDED_FIRST if ended_since else NEWEST_FIRST)


def get_request(caller: Caller, request_uuid: uuid.UUID) -> Request:
    """Return a request that the caller may see. Raises Problem."""
    row = _requests_of(caller).filter(uuid=request_uuid).first()
    if row is None:
        raise Problem(UNKNOWN_REQUEST)
    return row


def cancel_request(caller: Caller, request_uuid: uuid.UUID, *, actor: Actor) -> Request:
    """Cancel a request that has not been sent, and return it. A repeated call changes nothing. Raises Problem."""
    row = get_request(caller, request_uuid)
    has_cancelled = ending.cancel(row, actor=actor)
    row = get_request(caller, request_uuid)
    if not has_cancelled and row.state != RequestState.CANCELLED:
        raise Problem(ALREADY_LEFT, f"The request is {row.get_state_display().lower()}.", state=row.state)
    return row


def message_types() -> list[MessageType]:
    return list(MessageType.objects.order_by("name"))


def _source(caller: Caller, rows: QuerySet[Request], *, is_of_outlet: bool) -> Source:
    """Return a source that reads `rows` from an index, in the order in which the requests are listed."""
    if is_of_outlet or caller.organisation_id is None:
        return Stream(rows)
    return Streams(rows, Integration.objects.filter(outlet__organisation=caller.organisation_id), "integration")


def _with_ids(ids: dict[str, str], asked: dict[str, Any]) -> QuerySet[Request]:
    """Return the requests with these ids. The call's other filters, in `asked`, are not applied.

    They might make the planner choose an index that finds many more rows. The outlet is the exception: it is applied
    together with a request_id, because one unique index contains both.
    """
    found = Request.objects.filter(**ids)
    if "request_id" in ids and "integration" in asked:
        return found.filter(integration=asked["integration"])
    return found


def _requests_of(caller: Caller) -> QuerySet[Request]:
    rows = Request.objects.select_related("integration__outlet")
    if caller.organisation_id is None:
        return rows
    return rows.filter(integration__outlet__organisation=caller.organisation_id)


def _find_message_types(wanted: Sequence[str | int]) -> dict[str | int, MessageType]:
    names = [each for each in wanted if isinstance(each, str)]
    numbers = [each for each in wanted if isinstance(each, int)]
    rows = MessageType.objects.filter(name__in=names) | MessageType.objects.filter(number__in=numbers)
    found: dict[str | int, MessageType] = {}
    for row in rows:
        found[row.name] = row
        if row.number is not None:
            found[row.number] = row
    return found


_message_types: Joined[str | int, MessageType] = Joined(_find_message_types)
