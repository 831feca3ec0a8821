"""The figures of the start page. Each links to a list of the rows that it counts."""

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from integrations.models.attempt import Outcome
from integrations.models.outlet_state import OutletState
from integrations.models.request import RequestState
from integrations.services.overview.fleet_state import DAY, HOUR, FleetState
from integrations.staff.start.chart import chart_of

TEMPLATE = "staff/start/figures.html"


@dataclass(frozen=True)
class Figure:
    """A number, what it counts, and the URL of a list with the counted rows."""

    count: int
    words: str
    url: str
    kind: str


def context_of(fleet: FleetState) -> dict[str, object]:
    """Return the context of the start page's live part."""
    return {
        "fragment": TEMPLATE,
        "sentence": sentence_of(fleet),
        "kind": _kind_of(fleet),
        "outlets": _outlets(fleet),
        "refusals": _refusals(fleet),
        "requests": _requests(fleet),
        "chart": chart_of(fleet),
    }


def _kind_of(fleet: FleetState) -> OutletState:
    """Return the state whose symbol the page shows: online only if an outlet is online and none is offline."""
    if fleet.offline:
        return OutletState.OFFLINE
    return OutletState.ONLINE if fleet.online else OutletState.NEVER_SEEN


def sentence_of(fleet: FleetState) -> str:
    """Return the state of all outlets in one sentence."""
    if not fleet.enabled:
        return "No outlet is enabled."
    if not fleet.online and not fleet.offline:
        whose = "its POS has" if fleet.enabled == 1 else "their POSes have"
        return f"{_outlets_in_words(fleet.enabled)} enabled; {whose} not connected yet."
    if not fleet.offline:
        return _all_online(fleet)
    first = fleet.went_offline[0].name if fleet.went_offline else ""
    named = f"; the last to go offline was {first}" if first else ""
    verb = "is" if fleet.offline == 1 else "are"
    return f"{fleet.offline} of {_outlets_in_words(fleet.enabled)} {verb} offline{named}."


def _all_online(fleet: FleetState) -> str:
    if fleet.never_seen:
        return (
            f"All enabled outlets that ever connected are online ({fleet.online}); {fleet.never_seen} never connected."
        )
    return "The enabled outlet is online." if fleet.enabled == 1 else f"All {fleet.enabled} enabled outlets are online."


def _outlets_in_words(count: int) -> str:
    return "1 outlet" if count == 1 else f"{count} outlets"


def _outlets(fleet: FleetState) -> list[Figure]:
    counts = {
        OutletState.ONLINE: fleet.online,
        OutletState.OFFLINE: fleet.offline,
        OutletState.NEVER_SEEN: fleet.never_seen,
        OutletState.DISABLED: fleet.disabled,
    }
    url = reverse("admin:integrations_outlet_changelist")
    words = {OutletState.NEVER_SEEN: "never connected"}
    return [
        Figure(count, words.get(state, state.value), f"{url}?state={state.value}", state.value)
        for state, count in counts.items()
    ]


def _refusals(fleet: FleetState) -> list[Figure]:
    url, since = reverse("admin:integrations_authattempt_changelist"), _moment(fleet.at - HOUR)
    return [
        Figure(count, Outcome(outcome).label, f"{url}?outcome__exact={outcome}&at__gt={since}", "refused")
        for outcome, count in fleet.refusals
    ]


def _requests(fleet: FleetState) -> list[Figure]:
    url, since = reverse("admin:integrations_request_changelist"), _moment(fleet.at - DAY)
    kinds = {RequestState.ANSWERED: "online", RequestState.CANCELLED: "ended"}
    return [
        Figure(
            count,
            RequestState(state).label,
            f"{url}?state__exact={state}&ended_at__gt={since}",
            kinds.get(RequestState(state), "refused"),
        )
        for state, count in fleet.requests
    ]


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:00Z}"
