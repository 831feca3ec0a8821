"""Close the socket of an outlet's POS without voiding its token: the POS can reconnect at once."""

from django.db import transaction

from integrations.models import Integration, Presence
from integrations.models.audit import Verb
from integrations.models.clock import shared_now
from integrations.models.connection import CloseReason
from integrations.services import wake
from integrations.services.audit import Actor, record
from integrations.services.connections.presence import close_rows
from integrations.services.integration.errors import NothingToDisconnect
from integrations.services.reasons import plain_reason


@transaction.atomic
def disconnect(integration: Integration, *, reason: str = "", actor: Actor) -> None:
    """Close the live connection. Raises NothingToDisconnect or InvalidValue.

    This ends the row of the connection. The process that holds the socket closes it after reading the row.
    """
    presences = Presence.objects.select_for_update(of=("self",)).select_related("connection__process")
    presence, now = presences.get(pk=integration.pk), shared_now()
    if presence.connection is None or not presence.is_online_at(now):
        raise NothingToDisconnect
    reason = plain_reason(reason)
    presence.connection.closed_at = max(shared_now(), presence.connection.opened_at)
    presence.connection.close_reason = CloseReason.DISCONNECTED
    close_rows([presence.connection])
    wake.on_commit(integration.pk)
    record(Verb.POS_DISCONNECTED, integration, actor=actor, reason=reason)
