"""The state of an outlet, in Python for one row and in SQL for many."""

from datetime import datetime

from django.db.models import Case, CharField, Q, TextChoices, Value, When

from integrations.models.connection import is_online
from integrations.models.integration import Integration


class OutletState(TextChoices):
    """The state of an outlet. The value is also the CSS class and the value of the filter's parameter."""

    NOT_ENABLED = "not-enabled", "Not enabled"
    NEVER_SEEN = "never-seen", "Enabled, never connected"
    ONLINE = "online", "Online"
    OFFLINE = "offline", "Offline"
    DISABLED = "disabled", "Disabled"


def state_of(integration: Integration | None, now: datetime) -> OutletState:
    """Return the state; runs no query if `presence__connection__process` was selected with the integration."""
    if integration is None:
        return OutletState.NOT_ENABLED
    if not integration.is_enabled:
        return OutletState.DISABLED
    if integration.presence.last_seen_at is None:
        return OutletState.NEVER_SEEN
    return OutletState.ONLINE if integration.presence.is_online_at(now) else OutletState.OFFLINE


def is_in_state(state: OutletState, now: datetime, path: str = "") -> Q:
    """Return the condition that selects the rows in this state, as defined by `state_of`.

    `path` leads to the integration, for example "integration__".
    """
    if state is OutletState.NOT_ENABLED:
        return Q(**{f"{path}pk": None})
    if state is OutletState.DISABLED:
        return Q(**{f"{path}is_enabled": False})
    is_never_seen = state is OutletState.NEVER_SEEN
    enabled = Q(**{f"{path}is_enabled": True, f"{path}presence__last_seen_at__isnull": is_never_seen})
    if is_never_seen:
        return enabled
    online = is_online(now, f"{path}presence__")
    return enabled & (online if state is OutletState.ONLINE else ~online)


def state_column(now: datetime) -> Case:
    """Return the state of an integration as a column."""
    first = (OutletState.DISABLED, OutletState.NEVER_SEEN, OutletState.ONLINE)
    whens = [When(is_in_state(state, now), then=Value(state.value)) for state in first]
    return Case(*whens, default=Value(OutletState.OFFLINE.value), output_field=CharField())
