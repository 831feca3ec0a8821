"""Close the socket of an outlet's POS without voiding its token, so the POS can reconnect at once."""

from typing import cast

from django.db import transaction

from integrations.models import Connection, Integration, Presence
from integrations.models.audit import Verb
from integrations.models.clock import shared_now
from integrations.models.connection import CloseReason
from integrations.services import wake
from integrations.services.audit import Actor, record
from integrations.services.connections.presence import close_rows
from integrations.services.errors import PortalError, refuse_if
from integrations.services.integration.errors import NothingToDisconnect
from integrations.services.reasons import plain_reason


def obstacle_to_disconnecting(presence: Presence) -> PortalError | None:
    """Return why the POS cannot be disconnected now, or None.

    Read the presence with select_related("connection__process").
    """
    return None if presence.is_online_at(shared_now()) else NothingToDisconnect()


@transaction.atomic
def disconnect(integration: Integration, *, reason: str = "", actor: Actor) -> None:
    """Close the live connection. Raises NothingToDisconnect or InvalidValue.

    This only marks the connection as closed in its row. The process that holds the socket reads the row and closes
    the socket.
    """
    presences = Presence.objects.select_for_update(of=("self",)).select_related("connection__process")
    presence = presences.get(pk=integration.pk)
    refuse_if(obstacle_to_disconnecting(presence))
    reason = plain_reason(reason)
    connection = cast(Connection, presence.connection)
    connection.closed_at = max(shared_now(), connection.opened_at)
    connection.close_reason = CloseReason.DISCONNECTED
    close_rows([connection])
    wake.on_commit(integration.pk)
    record(Verb.POS_DISCONNECTED, integration, actor=actor, reason=reason)
