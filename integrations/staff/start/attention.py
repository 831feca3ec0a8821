"""The first part of the start page: what needs attention now. Each entry links to a page that explains the problem."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import HttpRequest
from django.urls import reverse

from integrations.models import Alert, AuthAttempt, HandoverLink, Integration, WebhookEndpoint
from integrations.models.handover_link import LinkState
from integrations.models.notices.alert import AlertKind
from integrations.services.overview.attention import (
    SHOWN,
    Concern,
    Pending,
    RefusedOutlet,
    read_pending,
    read_refused,
)
from integrations.services.overview.fleet_state import LATEST, FleetState, Organisations, WentOffline
from integrations.staff.base import rights
from integrations.text.characters import show_hidden
from integrations.text.moments import distance, exactly, lasted

NAMELESS = "Unknown outlet"
_MODELS = {
    Concern.ALERT: Alert,
    Concern.WEBHOOK: WebhookEndpoint,
    Concern.LINK: HandoverLink,
    Concern.UNUSED: Integration,
}


@dataclass(frozen=True)
class Entry:
    """One thing that needs attention: its name, the reason, and the URL of the page that explains it."""

    key: str
    name: str
    url: str
    words: str


@dataclass(frozen=True)
class Group:
    """The entries of one kind. If there are more than shown, `more_url` is the URL of a list with all of them.

    If that list has no filter for such entries, it shows other rows too.
    """

    name: str
    title: str
    entries: tuple[Entry, ...]
    more_url: str = ""

    @property
    def more_label(self) -> str:
        return "All of them" if "?" in self.more_url else "The whole list"


def groups_of(request: HttpRequest, fleet: FleetState, organisations: Organisations) -> list[Group]:
    """Return the groups with entries that this person may open, the most urgent first."""
    may_check = rights.may_see(request, Integration)
    concerns = [concern for concern, model in _MODELS.items() if rights.may_see(request, model)]
    refused = read_refused(organisations, fleet.at) if may_check and rights.may_see(request, AuthAttempt) else []
    pending = read_pending(organisations, concerns)
    known = [each for each in refused if each.integration]
    unknown = [each for each in refused if not each.integration]
    groups = [_offline(fleet) if may_check else None, _refused_group("refused", "Refused", known, fleet.at)]
    groups.append(_refused_group("unknown", "Refused, outlet unknown", unknown, fleet.at))
    groups += [_pending(concern, pending, fleet.at) for concern in Concern]
    return [group for group in groups if group and group.entries]


def _offline(fleet: FleetState) -> Group:
    entries = tuple(_offline_entry(each, fleet.at) for each in fleet.went_offline)
    more = f"{reverse('admin:integrations_outlet_changelist')}?state=offline" if fleet.offline > LATEST else ""
    return Group("offline", "Offline", entries, more)


def _offline_entry(outlet: WentOffline, now: datetime) -> Entry:
    span = f"for {_span(outlet.since, now)}" if outlet.since else ""
    reason = f": {outlet.reason}" if outlet.reason else ""
    return Entry(
        f"offline-{outlet.integration_id}", outlet.name, _url_of_check(outlet.integration_id), f"{span}{reason}"
    )


def _refused_group(name: str, title: str, rows: Sequence[RefusedOutlet], now: datetime) -> Group:
    url = reverse("admin:integrations_authattempt_changelist")
    return Group(name, title, tuple(_entry(each, now) for each in rows[:SHOWN]), _more(rows, url))


def _entry(row: RefusedOutlet, now: datetime) -> Entry:
    often = "" if row.count == 1 else f", {row.count} times in the last hour"
    words = f"{row.reason}, {distance(row.attempt.at, now)}{often}{'; the wait is over' if row.is_wait_over else ''}"
    if row.integration is None:
        url = reverse("admin:integrations_authattempt_change", args=(row.attempt.pk,))
        name = _name_of_unknown(row.attempt)
        return Entry(f"refused-{name}", name, url, words)
    return Entry(f"refused-{row.integration.pk}", str(row.integration), _url_of_check(row.integration.pk), words)


def _name_of_unknown(attempt: AuthAttempt) -> str:
    """Return a name for the unknown outlet that made this attempt, from the IDs that it sent, if any."""
    sent, pos_remote_id = show_hidden(attempt.provider_outlet_id), show_hidden(attempt.pos_remote_id)
    if sent:
        return f"Unknown outlet “{sent}”"
    return f"No ProviderOutletID, POSRemoteID “{pos_remote_id}”" if pos_remote_id else NAMELESS


def _pending(concern: Concern, rows: Sequence[Pending], now: datetime) -> Group:
    kind = _KINDS[concern]
    own = [each for each in rows if each.concern == concern]
    entries = tuple(
        Entry(f"{concern}-{each.key}", kind.name_of(each), kind.url_of(each), kind.words_of(each, now))
        for each in own[:SHOWN]
    )
    return Group(concern.value, kind.title, entries, _more(own, reverse(kind.list_url, query=kind.filters)))


def _more(rows: Sequence[object], url: str) -> str:
    return url if len(rows) > SHOWN else ""


def _url_of_check(integration_id: int | None) -> str:
    return reverse("admin:integrations_integration_check", args=(integration_id,))


def _url_of_page(name: str) -> Callable[[Pending], str]:
    return lambda row: reverse(f"admin:integrations_{name}_change", args=(row.key,))


def _span(since: datetime, now: datetime) -> str:
    """Return the time since `since` as text. It omits seconds, which would change the live part at each refresh."""
    length = now - since
    return lasted(length) if length >= timedelta(minutes=1) else "less than a minute"


def _subject(row: Pending) -> str:
    return row.subject or "The whole portal"


def _beginning(shown: str) -> str:
    """Return a secret's beginning with an ellipsis appended, unless it already has one (as for an adopted secret)."""
    return shown if "…" in shown else f"{shown}…"


@dataclass(frozen=True)
class _Display:
    """How to show the rows of one concern."""

    title: str
    list_url: str
    name_of: Callable[[Pending], str]
    url_of: Callable[[Pending], str]
    words_of: Callable[[Pending, datetime], str]
    filters: Mapping[str, str] | None = None  # the parameters of the list that select the rows of this concern


_KINDS = {
    Concern.ALERT: _Display(
        "Open alerts",
        "admin:integrations_alert_changelist",
        lambda row: f"{AlertKind(row.about).label}: {_subject(row)}",
        _url_of_page("alert"),
        lambda row, now: f"for {_span(row.begun_at, now)}",
        {"open": "yes"},
    ),
    Concern.WEBHOOK: _Display(
        "Failing webhooks",
        "admin:integrations_webhookendpoint_changelist",
        _subject,
        _url_of_page("webhookendpoint"),
        lambda row, now: f"for {_span(row.begun_at, now)}",
    ),
    Concern.LINK: _Display(
        "Links not opened yet",
        "admin:integrations_handoverlink_changelist",
        _subject,
        _url_of_page("handoverlink"),
        lambda row, now: f"created {distance(row.begun_at, now)}, valid until {exactly(row.ends_at or now)}",
        {"state": LinkState.LIVE},
    ),
    Concern.UNUSED: _Display(
        "Secrets never used",
        "admin:integrations_outlet_changelist",
        _subject,
        lambda row: _url_of_check(row.of_integration),
        lambda row, now: f"{_beginning(row.about)}, created {distance(row.begun_at, now)}",
    ),
}
