"""End the wait of a till that the portal blocked after too many failed attempts."""

from datetime import datetime, timedelta

from django.db import transaction

from integrations.models import AuthAttempt, Integration
from integrations.models.audit import Verb
from integrations.services.audit import Actor, record
from integrations.services.integration.update_statement import change_integrations

LONGEST_MINUTES = 15  # the longest block; pos/limits/throttle.py begins with shorter ones


def is_over(attempt: AuthAttempt, integration: Integration, now: datetime) -> bool:
    """Return whether the block that refused this attempt has ended. Any change of the integration ends a block."""
    return integration.changed_at > attempt.at or now - attempt.at > timedelta(minutes=LONGEST_MINUTES)


@transaction.atomic
def end_wait(integration: Integration, *, actor: Actor) -> None:
    """Let the server processes forget the failed attempts of this outlet; its connection and tokens stay valid.

    Each process does so when it reads the changed row, within about two seconds. If a whole address is blocked, the
    block ends for this outlet and continues for the other outlets at that address.
    """
    integration = integration.locked()
    change_integrations([integration])
    record(Verb.WAIT_ENDED, integration, actor=actor)
