"""Read the evidence in the database about one outlet's connection, for the outlet check. Call from synchronous code.

Only evidence after the last action that invalidated earlier evidence counts, for example a rotation.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery

from integrations.models import AuditEvent, AuthAttempt, Connection, Credential, Integration, MessageType, Request
from integrations.models.attempt import Outcome, PosEndpoint
from integrations.models.audit import Verb
from integrations.models.connection import CloseReason
from integrations.models.request import OPEN_STATES, RequestState
from integrations.services.integration.pairings import OWNER_NAMED, alike, explain, twin_words
from integrations.services.requests.asking import HARMLESS

BEGINNINGS = {
    Verb.ENABLED: "the outlet was enabled",
    Verb.REENABLED: "the integration was enabled again",
    Verb.SECRET_ROTATED: "the secret was rotated",
    Verb.POS_REMOTE_ID_CHANGED: "the POSRemoteID was changed",
}
ANSWERED = (RequestState.ANSWERED, RequestState.REFUSED)
UNDECIDED = (Outcome.BUSY, Outcome.DATABASE_AWAY, Outcome.DRAINING)
STRANGERS = timedelta(hours=24)  # how far back to search for an attempt under another ProviderOutletID
SECOND_TILL = timedelta(minutes=5)  # how long to report two tills with the same credentials
NEWEST = 10  # connections and attempts to search for two tills
PREFIX = "check_"  # of the columns of key_columns
RECENT_REQUESTS = 500  # requests to search for the last answer


@dataclass(frozen=True)
class Evidence:
    """The newest evidence of each kind since `since`, the time of the action named by `action`.

    Four are attempts. `attempt` was accepted or refused at the auth endpoint. `before_block` is the newest of these
    that was not refused because of a block. `undecided` could not be checked. `handshake` was refused at the websocket.
    `connection` was opened after `since`, and is open (`is_online`) or closed. `stranger` is an attempt with this
    outlet's POSRemoteID under another ProviderOutletID. `request` is the newest test request, or another request that
    the POS answered.
    """

    at: datetime
    integration: Integration
    current: Credential
    since: datetime
    action: str
    older: Credential | None = None  # an earlier secret that still works
    attempt: AuthAttempt | None = None
    before_block: AuthAttempt | None = None
    undecided: AuthAttempt | None = None
    handshake: AuthAttempt | None = None
    stranger: AuthAttempt | None = None
    connection: Connection | None = None
    second_till_at: datetime | None = None  # when two tills last used this outlet's credentials
    twin: str = ""  # text about another outlet with the same POSRemoteID
    is_online: bool = False
    harmless: int | None = None
    request: Request | None = None


@dataclass(frozen=True)
class OutletRows:
    """The rows of one outlet that its page shows too: all secrets, and the newest connections and attempts.

    `requests` are the newest NEWEST requests, and `keys` the values of `key_columns`; None if they were not read.
    """

    credentials: Sequence[Credential]
    connections: Sequence[Connection]
    attempts: Sequence[AuthAttempt]
    requests: Sequence[Request] | None = None
    keys: Mapping[str, Any] | None = None

    @classmethod
    def read(cls, integration: Integration) -> "OutletRows":
        """Return the rows, with three queries."""
        return cls(
            list(integration.credentials.all()),
            list(integration.connections.select_related("process")[:NEWEST]),
            list(integration.attempts.select_related(OWNER_NAMED)[:NEWEST]),
        )


def read_evidence(
    integration: Integration, now: datetime, organisations: frozenset[int] | None, *, rows: OutletRows | None = None
) -> Evidence:
    """Return the evidence that a viewer of these organisations (None: all) may see.

    Takes at most two queries in addition to those for `rows`, and one for each rare finding. Before the call, select
    the presence, its connection and the process with the integration, and call `pairings.explain` for `rows.attempts`.
    """
    explained = rows.attempts if rows else ()
    rows = rows or OutletRows.read(integration)
    keys = rows.keys or _read_keys(integration, now, organisations)
    current = next(each for each in rows.credentials if each.is_current)
    since, action = _beginning(current, keys)
    found = _attempts(keys, rows, since)
    explain([each for each in (found["attempt"],) if each and each not in explained], organisations)
    return Evidence(
        at=now,
        integration=integration,
        current=current,
        since=since,
        action=action,
        older=next((each for each in rows.credentials if each.is_in_overlap(now)), None),
        **found,
        connection=next((each for each in rows.connections if each.opened_at >= since), None),
        second_till_at=second_till_at(rows.connections, rows.attempts, max(since, now - SECOND_TILL)),
        twin=twin_words(integration, organisations) if keys["twin"] else "",
        is_online=integration.presence.is_online_at(now),
        harmless=keys["harmless"],
        request=_known_request(rows, keys["harmless"], since) or _request(integration, rows, keys["harmless"], since),
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


def key_columns(now: datetime, organisations: frozenset[int] | None, *, path: str = "") -> dict[str, Subquery]:
    """Return, as columns for a query, the primary keys of the attempts to read and the few values that need no row.

    `path` leads from the rows of the query to their integration, for example "integration__". Each part reads the
    newest row of an index, whatever its time. If that row is older than `Evidence.since`, no row is newer.
    """
    own = OuterRef(f"{path}pk")
    events = AuditEvent.objects.filter(integration=own, verb__in=BEGINNINGS)
    attempts = AuthAttempt.objects.filter(integration=own)
    at_auth = attempts.filter(endpoint=PosEndpoint.AUTH)
    at_socket = attempts.filter(endpoint=PosEndpoint.WEBSOCKET).exclude(outcome=Outcome.SECOND_TILL)
    twins = Integration.objects.filter(alike(OuterRef(f"{path}match_id"), OuterRef(f"{path}pos_remote_id")))
    parts: dict[str, QuerySet[Any]] = {
        "begun_at": events.values("at"),
        "verb": events.values("verb"),
        "attempt": at_auth.exclude(outcome__in=UNDECIDED).values("pk"),
        "before_block": at_auth.exclude(outcome__in=(*UNDECIDED, Outcome.THROTTLED)).values("pk"),
        "undecided": at_auth.filter(outcome__in=UNDECIDED).values("pk"),
        "handshake": at_socket.values("pk"),
        "stranger": _strangers(own, now, organisations).values("pk"),
        "twin": twins.exclude(pk=own).values("pk"),
        "harmless": MessageType.objects.filter(name=HARMLESS).values("number"),
    }
    return {f"{PREFIX}{name}": Subquery(part[:1]) for name, part in parts.items()}


def keys_in(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of `key_columns` in a row."""
    return {name.removeprefix(PREFIX): value for name, value in row.items() if name.startswith(PREFIX)}


def _read_keys(integration: Integration, now: datetime, organisations: frozenset[int] | None) -> dict[str, Any]:
    rows = Integration.objects.filter(pk=integration.pk)
    return keys_in(rows.values(**key_columns(now, organisations)).get())


def _beginning(current: Credential, keys: Mapping[str, Any]) -> tuple[datetime, str]:
    if keys["begun_at"] is None or keys["begun_at"] < current.created_at:
        return current.created_at, "the secret was created"
    return keys["begun_at"], BEGINNINGS[Verb(keys["verb"])]


def _attempts(keys: Mapping[str, Any], rows: OutletRows, since: datetime) -> dict[str, AuthAttempt | None]:
    """Return the attempts by their names in Evidence; query only those that `rows` lacks."""
    names = ("attempt", "before_block", "undecided", "handshake", "stranger")
    known = {each.pk: each for each in rows.attempts}
    if missing := {keys[name] for name in names} - {None, *known}:
        known |= AuthAttempt.objects.select_related(OWNER_NAMED).in_bulk(missing)
    found = {name: known.get(keys[name]) for name in names}
    return {name: each if each and each.at >= since else None for name, each in found.items()}


def _strangers(own: OuterRef, now: datetime, organisations: frozenset[int] | None) -> QuerySet[AuthAttempt]:
    """Return the attempts with the outlet's POSRemoteID under another ProviderOutletID.

    A viewer of some organisations sees only those under an ID of one of their outlets.
    """
    sent = AuthAttempt.objects.filter(pos_remote_id_of=own, at__gte=now - STRANGERS)
    sent = sent.filter(Q(integration=None) | ~Q(integration=own))
    if organisations is None:
        return sent
    return sent.filter(integration__outlet__organisation__in=organisations)


def _known_request(rows: OutletRows, harmless: int | None, since: datetime) -> Request | None:
    """Return the request that `_request` would find, if these rows contain it; None if a query is needed."""
    for each in rows.requests or ():
        if each.received_at >= since and not each.is_open and (each.message_type == harmless or each.state in ANSWERED):
            return each
    return None


def _request(integration: Integration, known: OutletRows, harmless: int | None, since: datetime) -> Request | None:
    """Return the last ended test request; if it was not answered, a later request that was answered takes its place.

    A pending test request is returned only if there is no other: it does not invalidate the one before it.
    """
    if known.requests is not None and len(known.requests) < NEWEST and not any(each.is_open for each in known.requests):
        return None  # there are no others
    recent = integration.requests.order_by("-pk").values("pk")[:RECENT_REQUESTS]
    rows = Request.objects.filter(pk__in=recent, received_at__gte=since).order_by("-pk")
    tests = rows.filter(message_type=harmless) if harmless is not None else rows.none()
    parts = (
        tests.exclude(state__in=OPEN_STATES),
        rows.filter(state__in=ANSWERED).exclude(pk__in=tests.values("pk")),
        tests.filter(state__in=OPEN_STATES),
    )
    newest = Q(*(Q(pk=Subquery(part.values("pk")[:1])) for part in parts), _connector=Q.OR)
    found = list(Request.objects.filter(newest).order_by("-pk").defer("payload", "answer"))
    ended = [each for each in found if not each.is_open]
    answered = next((each for each in ended if each.state in ANSWERED and each.message_type != harmless), None)
    test = next((each for each in ended if each.message_type == harmless), None)
    if test and answered and test.state not in ANSWERED and answered.pk > test.pk:
        return answered
    return test or answered or (found[0] if found else None)
