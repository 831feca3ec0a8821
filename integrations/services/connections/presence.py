"""Store ended connections and the presence of outlets. Runs in a database thread."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter

from integrations.models import Connection, Presence
from integrations.services.rows import plain_rows

COUNTS = ("frames_in", "frames_out", "unrecognised_frames")
ENDING = ("closed_at", "close_code", "close_reason", *COUNTS)


def close_rows(rows: Sequence[Connection]) -> None:
    """Store ended connections and mark their outlets as offline. The caller has set `closed_at` and the reason."""
    plain_rows.update_rows(Connection, {row.pk: {name: getattr(row, name) for name in ENDING} for row in rows})
    ended: dict[uuid.UUID | None, datetime | None] = {row.pk: row.closed_at for row in rows}
    presences = list(Presence.objects.filter(connection__in=ended, is_online=True))
    for presence in presences:
        presence.is_online = False
        presence.since = presence.last_seen_at = ended[presence.connection_id]
    save_presences(presences)


def save_presences(presences: Iterable[Presence]) -> None:
    """Insert these rows, or update those that exist."""
    names = ("integration_id", "is_online", "since", "last_seen_at", "connection_id")
    plain_rows.insert_rows(Presence, names, map(attrgetter(*names), presences), key="integration_id", update=names[1:])
