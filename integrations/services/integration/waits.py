"""End the wait of a till that the portal blocked after too many failed attempts."""

from django.db import transaction

from integrations.models import Integration
from integrations.models.audit import Verb
from integrations.services.audit import Actor, record
from integrations.services.integration.update_statement import change_integrations


@transaction.atomic
def end_wait(integration: Integration, *, actor: Actor) -> None:
    """Let the server processes forget the failed attempts of this outlet; its connection and tokens stay valid.

    Each process does so when it reads the changed row, within about two seconds. A block of a whole address ends for
    this outlet, and stays for the other outlets there.
    """
    integration = integration.locked()
    change_integrations([integration])
    record(Verb.WAIT_ENDED, integration, actor=actor)
