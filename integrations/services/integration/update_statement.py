"""The UPDATE statement that all actions on integrations share."""

from collections.abc import Mapping, Sequence

from django.db.models import F

from integrations.models import Integration
from integrations.models.clock import shared_now
from integrations.services import wake
from integrations.services.rows.chunks import chunks

# Tokens contain the generation of their integration; a new generation voids them and closes the sockets they opened.
VOID_TOKENS: Mapping[str, object] = {"generation": F("generation") + 1}


def change_integrations(integrations: Sequence[Integration], **values: object) -> None:
    """Store these values in all of the rows, and wake the server processes after the commit."""
    now = shared_now()
    for part in chunks([each.pk for each in integrations]):
        Integration.objects.filter(pk__in=part).update(changed_at=now, **values)
    if integrations:  # a process woken for one row reads all changed rows
        wake.on_commit(integrations[0].pk)
