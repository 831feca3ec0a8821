"""Reads the outlets that the caller's key may see. Runs in database threads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from integrations.backend.base.api_key_authentication import Caller
from integrations.backend.base.pagination import OLDEST_FIRST, page_of
from integrations.backend.base.problems import UNKNOWN_OUTLET, Problem
from integrations.backend.base.query import HIGHEST_ID, read_flag, read_whole_number
from integrations.models import Integration, Outlet, Presence
from integrations.models.clock import shared_now
from integrations.models.connection import is_online
from integrations.services.outlets.outlets import find_outlet, integration_of
from integrations.services.rows.keyset_pages import Position
from integrations.services.rows.remembered import Remembered
from integrations.services.rows.sql_query import SqlQuery
from integrations.text.characters import identity, normalised_name, trimmed
from integrations.wire.plain_http import PlainRequest

FILTERS = ("provider_outlet_id", "organisation_id", "organisation", "online")


@dataclass(frozen=True, slots=True)
class Target:
    """The outlet that a request is sent to; `integration_id` is None if the outlet was never enabled."""

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


def outlets_page(caller: Caller, request: PlainRequest) -> tuple[list[Outlet], Position | None]:
    """Return a page of outlets in order of creation. Raises Problem."""
    rows = outlets_of(caller)
    if "provider_outlet_id" in request.query:
        rows = rows.filter(match_id=identity(str(request.query["provider_outlet_id"])))
    if organisation_id := read_whole_number(request.query, "organisation_id", 1, HIGHEST_ID):
        rows = rows.filter(organisation=organisation_id)
    if "organisation" in request.query:
        rows = rows.filter(organisation__name=normalised_name(str(request.query["organisation"])))
    wants_online = read_flag(request.query, "online")
    if wants_online is not None:
        online = is_online(shared_now(), "integration__presence__")
        rows = rows.filter(online if wants_online else ~online)
    return page_of(rows, request, order=OLDEST_FIRST)


def get_outlet(caller: Caller, provider_outlet_id: str) -> Outlet:
    """Return an outlet that the caller may see. Raises Problem."""
    outlet = find_outlet(outlets_of(caller), provider_outlet_id)
    if outlet is None:
        raise Problem(UNKNOWN_OUTLET)
    return outlet


def get_integration(caller: Caller, provider_outlet_id: str) -> Integration:
    """Return the integration of an outlet that the caller may see. Raises Problem or NotEnabled."""
    return integration_of(get_outlet(caller, provider_outlet_id))


def integration_id_of(caller: Caller, provider_outlet_id: str) -> int:
    """Return the primary key of an outlet's integration. Raises Problem if the caller may not see the outlet.

    For an outlet that was never enabled, return 0, which no row has as its key.
    """
    integration = Integration.of(get_outlet(caller, provider_outlet_id))
    return integration.pk if integration else 0


def last_seen(outlet: Outlet) -> datetime | None:
    """Return when the outlet's POS was last connected; None if it never was.

    For a POS that is online, this is the latest heartbeat of the server process that holds the connection.
    """
    presence = presence_of(outlet)
    if presence is None:
        return None
    if presence.is_online and presence.connection is not None:
        # If the process has died, its latest heartbeat is the last time that the POS is known to have been connected.
        heartbeats = (presence.connection.process.heartbeat_at, presence.last_seen_at)
        return max(moment for moment in heartbeats if moment is not None)
    return presence.last_seen_at


def presence_of(outlet: Outlet) -> Presence | None:
    """Return the presence of an outlet's POS; None for an outlet that was never enabled."""
    return getattr(Integration.of(outlet), "presence", None)


def outlets_of(caller: Caller) -> QuerySet[Outlet]:
    """Return the outlets that the caller may see."""
    rows = Outlet.objects.select_related("organisation", "integration__presence__connection__process")
    return rows if caller.organisation_id is None else rows.filter(organisation=caller.organisation_id)


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


_targets: Remembered[str, Target] = Remembered(_find_targets)
