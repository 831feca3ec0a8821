"""Writes unrecognised frames. Runs in a database thread."""

from collections.abc import Iterable

from integrations.models import (
    UnrecognisedFrame,
)
from integrations.services.rows.chunks import CHUNK

FRAMES_PER_INTEGRATION = 50


def write_unrecognised(frames: Iterable[UnrecognisedFrame]) -> None:
    rows = list(frames)
    UnrecognisedFrame.objects.bulk_create(rows, batch_size=CHUNK)
    for integration_id in {row.integration_id for row in rows}:
        of_integration = UnrecognisedFrame.objects.filter(integration=integration_id)
        kept = list(of_integration.values_list("pk", flat=True)[:FRAMES_PER_INTEGRATION])
        of_integration.exclude(pk__in=kept).delete()
