"""Reads the rows for API calls, limited to those that the caller's key may see. Runs in database threads."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict

from integrations.backend.authentication import Caller
from integrations.backend.pagination import page_from, page_of
from integrations.backend.problems import ALREADY_LEFT, UNKNOWN_OUTLET, UNKNOWN_REQUEST, Problem
from integrations.backend.query import read_choice, read_flag, read_moment
from integrations.models import ApiKeySecret, Integration, MessageType, Outlet, Presence, Request
from integrations.models.clock import shared_now
from integrations.models.connection import is_online
from integrations.models.request import RequestState
from integrations.services.outlets.outlets import find_outlet
from integrations.services.outlets.search import received_within
from integrations.services.requests import ending
from integrations.services.rows.keyset_pages import Source, Stream, Streams
from integrations.services.rows.sql_query import SqlQuery
from integrations.services.rows.threads import Joined
from integrations.text.characters import identity, normalised_name, trimmed


@dataclass(frozen=True, slots=True)
class Target:
    """The outlet that a request is sent to; `integration_id` is None if it was never enabled."""

    provider_outlet_id: str
    match_id: str
    organisation_id: int
    integration_id: int | None
    is_enabled: bool | None


_by_match_id = SqlQuery(
    Target,
    """
    SELECT outlet.provider_outlet_id, outlet.match_id, outlet.organisation_id,
        integration.id AS integration_id, integration.is_enabled
    FROM integrations_outlet AS outlet
    LEFT JOIN integrations_integration AS integration ON integration.outlet_id = outlet.id
    WHERE outlet.match_id {among}
    """,
)


async def find_target(provider_outlet_id: str, caller: Caller) -> Target:
    """Return an outlet that the caller may see. Raises Problem."""
    sent = trimmed(provider_outlet_id)
    target = await _targets.find(sent) if _is_kept(sent) else None
    if target is None or not caller.sees(target.organisation_id):
        raise Problem(UNKNOWN_OUTLET)
    return target


async def find_message_type(name_or_number: str | int) -> MessageType | None:
    """Return the message type with this name or number, or None."""
    return await _message_types.find(name_or_number)


def outlets_page(caller: Caller, query: QueryDict) -> tuple[list[Outlet], int | None]:
    """Return a page of outlets in order of creation. Raises Problem."""
    rows = _outlets_of(caller)
    if "organisation" in query:
        rows = rows.filter(organisation__name=normalised_name(str(query["organisation"])))
    wants_online = read_flag(query, "online")
    if wants_online is not None:
        online = is_online(shared_now(), "integration__presence__")
        rows = rows.filter(online if wants_online else ~online)
    return page_of(rows, query, newest_first=False)


def get_outlet(caller: Caller, provider_outlet_id: str) -> Outlet:
    """Return an outlet that the caller may see. Raises Problem."""
    outlet = find_outlet(_outlets_of(caller), provider_outlet_id)
    if outlet is None:
        raise Problem(UNKNOWN_OUTLET)
    return outlet


def requests_page(caller: Caller, query: QueryDict) -> tuple[list[Request], int | None]:
    """Return a page of requests, newest first, without payloads and answers. Raises Problem."""
    asked: dict[str, Any] = {}
    if "outlet" in query:
        asked["integration"] = getattr(get_outlet(caller, str(query["outlet"])), "integration", None)
    if state := read_choice(query, "state", RequestState.values):
        asked["state"] = state
    since = read_moment(query, "since")
    rows = received_within(Request.objects.filter(**asked), since=since, until=None)
    fitting = _requests_of(caller).filter(**asked).defer("payload", "answer", "sealed_request", "sealed_answer")
    if since:
        fitting = fitting.filter(received_at__gte=since)
    return page_from(_source(caller, rows, is_of_outlet="outlet" in query), fitting, query)


def get_request(caller: Caller, request_uuid: uuid.UUID) -> Request:
    """Return a request that the caller may see. Raises Problem."""
    row = _requests_of(caller).filter(uuid=request_uuid).first()
    if row is None:
        raise Problem(UNKNOWN_REQUEST)
    return row


def cancel_request(caller: Caller, request_uuid: uuid.UUID) -> Request:
    """Cancel a request that has not been sent, and return it; also if it is already cancelled. Raises Problem."""
    row = get_request(caller, request_uuid)
    has_cancelled = ending.cancel(row)
    row = get_request(caller, request_uuid)
    if not has_cancelled and row.state != RequestState.CANCELLED:
        raise Problem(ALREADY_LEFT, f"The request is {row.get_state_display().lower()}.", state=row.state)
    return row


def message_types() -> list[MessageType]:
    return list(MessageType.objects.order_by("name"))


def calling_secret(caller: Caller) -> ApiKeySecret:
    """Return the secret with which the caller authenticated, and its API key."""
    return ApiKeySecret.objects.select_related("api_key__organisation").get(pk=caller.secret_id)


def last_seen(outlet: Outlet) -> datetime | None:
    """Return when the outlet's POS was last connected: the latest heartbeat if it is online."""
    presence = presence_of(outlet)
    if presence is None:
        return None
    if presence.is_online and presence.connection is not None:
        # A dead process sends no heartbeat, so this is when it was last known to be alive.
        beats = (presence.connection.process.heartbeat_at, presence.last_seen_at)
        return max(moment for moment in beats if moment is not None)
    return presence.last_seen_at


def presence_of(outlet: Outlet) -> Presence | None:
    """Return the presence of an outlet's POS; None for an outlet that was never enabled."""
    integration = getattr(outlet, "integration", None)
    return getattr(integration, "presence", None)


def _source(caller: Caller, rows: QuerySet[Request], *, is_of_outlet: bool) -> Source:
    """Return the source that reads these rows in key order by an index."""
    if is_of_outlet or caller.organisation_id is None:
        return Stream(rows)
    return Streams(rows, Integration.objects.filter(outlet__organisation=caller.organisation_id), "integration")


def _outlets_of(caller: Caller) -> QuerySet[Outlet]:
    rows = Outlet.objects.select_related("organisation", "integration__presence__connection__process")
    return rows if caller.organisation_id is None else rows.filter(organisation=caller.organisation_id)


def _requests_of(caller: Caller) -> QuerySet[Request]:
    rows = Request.objects.select_related("integration__outlet")
    if caller.organisation_id is None:
        return rows
    return rows.filter(integration__outlet__organisation=caller.organisation_id)


def _is_kept(text: str) -> bool:
    return "\x00" not in text and len(text) <= 64


def _find_targets(provider_outlet_ids: Sequence[str]) -> dict[str, Target]:
    found: dict[str, Target] = {}
    match_ids = [identity(each) for each in provider_outlet_ids]
    for target in _by_match_id.rows(match_ids):
        found[target.provider_outlet_id] = target
        found.setdefault(target.match_id, target)
    pairs = zip(provider_outlet_ids, match_ids, strict=True)
    return {sent: found.get(sent) or found[match_id] for sent, match_id in pairs if match_id in found}


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


_targets: Joined[str, Target] = Joined(_find_targets)
_message_types: Joined[str | int, MessageType] = Joined(_find_message_types)
