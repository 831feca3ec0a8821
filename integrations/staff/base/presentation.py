"""Text and HTML for staff pages: states, times, details. Reads no clock: callers pass in the current time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import dateformat, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from integrations.models import Connection, Integration
from integrations.models.kept_secret import KeptSecret
from integrations.models.outlet_state import OutletState, state_of
from integrations.text.moments import distance, exactly

DETAIL_NAMES = {
    "pos_remote_id": "POSRemoteID",
    "provider_outlet_id": "ProviderOutletID",
    "shown": "secret",
    "sessions": "ended sessions",
    "replaced": "replaced secret",
    "bits": "strength in bits",
}


@dataclass(frozen=True)
class DatedState:
    """A state, and when it began if that is known."""

    state: OutletState
    since: datetime | None = None


def standing_of(integration: Integration | None, now: datetime) -> DatedState:
    """Return an outlet's state, and since when the outlet is online or offline. Runs the same queries as `state_of`."""
    state = state_of(integration, now)
    is_dated = state in (OutletState.ONLINE, OutletState.OFFLINE)
    return DatedState(state, integration.presence.since_at(now) if integration and is_dated else None)


def badge(standing: DatedState, now: datetime) -> SafeString:
    """Return the state as text with a coloured shape; the shape differs as well, for colour-blind users."""
    since = clock(standing.since, now) if standing.since else ""
    return format_html(
        '<span class="onp-state onp-{}"><span class="onp-shape"></span><span>{}{}</span></span>',
        standing.state.value,
        standing.state.label,
        since,
    )


def state_cell(integration: Integration | None, now: datetime) -> SafeString:
    """Return the state for a list: the badge, and the reason below it if the integration is disabled."""
    shown = badge(standing_of(integration, now), now)
    if integration is None or integration.is_enabled:
        return shown
    return format_html('{}<div class="onp-detail">{}</div>', shown, integration.disabled_reason)


def marked(words: str, kind: str) -> SafeString:
    """Return the text with a coloured shape in front of it."""
    return format_html(
        '<span class="onp-state onp-{}"><span class="onp-shape"></span><span>{}</span></span>', kind, words
    )


def ago(moment: datetime | None, now: datetime) -> SafeString | str:
    """Return the relative time ("5 minutes ago") with the exact time as its title; a dash for None."""
    if moment is None:
        return "–"
    return _time(moment, distance(moment, now))


def clock(moment: datetime, now: datetime) -> SafeString:
    """Return HTML such as ` since 14:02` with the elapsed time below. It has the date if `moment` is not today."""
    span = timesince(moment, now, depth=1) if (now - moment).total_seconds() >= 60 else "just now"
    since = format_html('since {} <small class="onp-span">{}</small>', _clock(moment, now), span)
    return format_html(" {}", _time(moment, since))


def to_the_millisecond(moment: datetime) -> str:
    """Return a moment as text in local time, to the millisecond and with the time zone."""
    local = timezone.localtime(moment)
    return f"{dateformat.format(local, 'j M Y, H:i:s')}.{local.microsecond // 1000:03} {dateformat.format(local, 'T')}"


def frames(connection: Connection) -> str:
    """Return the counts of frames received, sent and unrecognised; a dash until the connection has ended."""
    if connection.closed_at is None:
        return "–"
    return f"{connection.frames_in} / {connection.frames_out} / {connection.unrecognised_frames}"


def secret_state(credential: KeptSecret, now: datetime) -> str:
    """Return the state of a secret in a word; the template adds the time."""
    if credential.retired_at is not None:
        return "Retired"
    if not credential.is_live(now):
        return "Expired"
    return "Current" if credential.is_current else "Overlap"


def details(values: Mapping[str, Any]) -> str:
    """Return an audit event's detail as one line."""
    return "; ".join(f"{_name(name)}: {_detail_value(value)}" for name, value in values.items() if value)


def _name(name: str) -> str:
    return DETAIL_NAMES.get(name) or name.replace("_", " ")


def _detail_value(value: Any) -> str:
    if isinstance(value, dict) and {"before", "after"} <= value.keys():
        return f"{_side(value['before'])} → {_side(value['after'])}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "none" if value == "0" else str(value)


def _side(value: Any) -> str:
    return "none" if value in (None, "", []) else _detail_value(value)


def _time(moment: datetime, words: str | SafeString) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(timespec="seconds"),
        exactly(moment),
        words,
    )


def _clock(moment: datetime, now: datetime) -> str:
    local, today = timezone.localtime(moment), timezone.localtime(now)
    if local.date() == today.date():
        return dateformat.format(local, "H:i")
    return dateformat.format(local, "j M, H:i" if local.year == today.year else "j M Y")
