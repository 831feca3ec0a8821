"""Read the evidence in the database about one outlet's connection, for the checklist. Call from synchronous code.

Only evidence after the last action that invalidated earlier evidence counts, for example a rotation.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from integrations.models import AuditEvent, AuthAttempt, Connection, Credential, Integration, Request
from integrations.models.attempt import Outcome, PosEndpoint
from integrations.models.audit import Verb
from integrations.models.connection import CloseReason
from integrations.models.request import OPEN_STATES
from integrations.services.integration.pairings import explain, twin_words
from integrations.services.requests.asking import harmless_number
from integrations.text.characters import identity

BEGINNINGS = {
    Verb.ENABLED: "the outlet was enabled",
    Verb.REENABLED: "the integration was enabled again",
    Verb.SECRET_ROTATED: "the secret was rotated",
    Verb.POS_REMOTE_ID_CHANGED: "the POSRemoteID was changed",
}
UNDECIDED = (Outcome.BUSY, Outcome.DATABASE_AWAY, Outcome.DRAINING)
STRANGERS = timedelta(minutes=15)  # how far back to search for an attempt under another ProviderOutletID
SECOND_TILL = timedelta(minutes=5)  # how long to report two tills with the same credentials
NEWEST = 10  # connections and attempts to search for two tills
RECENT_REQUESTS = 500  # requests to search for the last GetOpenOrders


@dataclass(frozen=True)
class Evidence:
    """The newest evidence of each kind since `since`, the time of the action named by `act`.

    `attempt` is an attempt at the auth endpoint with a decision, `undecided` one without, and `handshake` a refused
    websocket handshake. `connection` was opened since then and is open (`is_online`) or closed. `stranger` is an
    attempt with this outlet's POSRemoteID under another ProviderOutletID.
    """

    at: datetime
    integration: Integration
    current: Credential
    since: datetime
    act: str
    older: Credential | None = None  # an earlier secret that still works
    attempt: AuthAttempt | None = None
    undecided: AuthAttempt | None = None
    handshake: AuthAttempt | None = None
    stranger: AuthAttempt | None = None
    connection: Connection | None = None
    second_till_at: datetime | None = None  # when two tills last used this outlet's credentials
    twin: str = ""  # text about another outlet with the same POSRemoteID
    is_online: bool = False
    harmless: int | None = None
    request: Request | None = None


def read_evidence(integration: Integration, now: datetime, organisations: frozenset[int] | None) -> Evidence:
    """Return the evidence that a viewer of these organisations (None: all) may see. Takes a dozen small queries."""
    current = integration.current_credential()
    since, act = _beginning(integration, current)
    attempts = integration.attempts.filter(at__gte=since)
    at_auth = attempts.filter(door=PosEndpoint.AUTH)
    attempt = at_auth.exclude(outcome__in=UNDECIDED).first()
    connection = integration.connections.filter(opened_at__gte=since).select_related("process").first()
    number = harmless_number()
    explain([attempt] if attempt else [], organisations)
    return Evidence(
        at=now,
        integration=integration,
        current=current,
        since=since,
        act=act,
        older=integration.credentials.in_overlap(now).first(),
        attempt=attempt,
        undecided=at_auth.filter(outcome__in=UNDECIDED).first(),
        handshake=attempts.filter(door=PosEndpoint.WEBSOCKET).exclude(outcome=Outcome.SECOND_TILL).first(),
        stranger=None if attempt or organisations is not None else _stranger(integration, max(since, now - STRANGERS)),
        connection=connection,
        second_till_at=second_till_at(
            integration.connections.all()[:NEWEST], integration.attempts.all()[:NEWEST], max(since, now - SECOND_TILL)
        ),
        twin=twin_words(integration, organisations),
        is_online=integration.presence.is_online_at(now),
        harmless=number,
        request=None if number is None else _request(integration, number, since),
    )


def second_till_at(
    connections: Iterable[Connection], attempts: Iterable[AuthAttempt], since: datetime
) -> datetime | None:
    """Return when a till last replaced another connected till of the outlet, or was last refused beside it.

    The newest few rows of the outlet suffice: two competing tills produce only such rows.
    """
    replaced = [each.closed_at for each in connections if each.close_reason == CloseReason.REPLACED]
    waited = [each.at for each in attempts if each.outcome == Outcome.SECOND_TILL]
    return max((each for each in (*replaced, *waited) if each and each >= since), default=None)


def _beginning(integration: Integration, current: Credential) -> tuple[datetime, str]:
    event = AuditEvent.objects.filter(integration=integration, verb__in=BEGINNINGS).first()
    if event is None or event.at < current.created_at:
        return current.created_at, "the secret was created"
    return event.at, BEGINNINGS[Verb(event.verb)]


def _stranger(integration: Integration, since: datetime) -> AuthAttempt | None:
    own_id, canonical = integration.pos_remote_id, identity(integration.pos_remote_id)
    sent = AuthAttempt.objects.filter(at__gte=since, pos_remote_id__in={own_id, canonical, canonical.upper()})
    own = integration.outlet.provider_outlet_id
    return sent.exclude(provider_outlet_id__in=(own, "")).first()


def _request(integration: Integration, number: int, since: datetime) -> Request | None:
    """Return the last ended request, else the open one: a pending request does not invalidate the one before it."""
    recent = integration.requests.order_by("-pk").values("pk")[:RECENT_REQUESTS]
    rows = Request.objects.filter(pk__in=recent, message_type=number, received_at__gte=since).defer("payload", "answer")
    return rows.exclude(state__in=OPEN_STATES).first() or rows.first()
