"""How a connection ended, as text for staff. These functions do no I/O: callers pass in the current time."""

from datetime import datetime

from integrations.models import Connection
from integrations.text.moments import lasted


def ending(connection: Connection, now: datetime) -> str:
    """Return how a connection ended, or "open"."""
    if connection.is_open_at(now):
        return "open"
    if connection.closed_at is None:
        return "its server process stopped responding"
    return connection.get_close_reason_display() or "reason unknown"


def last_ending(connection: Connection, now: datetime) -> str:
    """Return when the last connection ended, why, and how long it lasted.

    `connection` must have been read with select_related("process").
    """
    ended_at = connection.closed_at or connection.process.heartbeat_at
    code = "" if connection.close_code is None else f" ({connection.close_code})"
    online = lasted(ended_at - connection.opened_at)
    return f"Offline for {lasted(now - ended_at)}: {ending(connection, now)}{code}. Before that online for {online}."
