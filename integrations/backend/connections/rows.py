"""Reads the history of outlets that the caller's key may see. Runs in database threads."""

from integrations.backend.base.api_key_authentication import Caller
from integrations.backend.base.pagination import page_of
from integrations.backend.outlets.rows import integration_id_of
from integrations.models import AuthAttempt, Connection
from integrations.services.integration.pairings import explain
from integrations.services.rows.keyset_pages import Position, SortOrder
from integrations.wire.plain_http import PlainRequest

_BY_OPENING, _BY_TIME = SortOrder("opened_at"), SortOrder("at")


def connections_page(
    caller: Caller, provider_outlet_id: str, request: PlainRequest
) -> tuple[list[Connection], Position | None]:
    """Return a page of an outlet's connections, newest first. Raises Problem."""
    of_outlet = Connection.objects.filter(integration=integration_id_of(caller, provider_outlet_id))
    return page_of(of_outlet.select_related("process"), request, order=_BY_OPENING)


def attempts_page(
    caller: Caller, provider_outlet_id: str, request: PlainRequest
) -> tuple[list[AuthAttempt], Position | None]:
    """Return a page of the attempts to authenticate as an outlet's POS, newest first. Raises Problem."""
    of_outlet = AuthAttempt.objects.filter(integration=integration_id_of(caller, provider_outlet_id))
    found, after = page_of(of_outlet, request, order=_BY_TIME)
    explain(found, caller.organisations)
    return found, after
