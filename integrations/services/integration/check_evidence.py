"""Read the evidence in the database about one outlet's connection, for the outlet check. Call from synchronous code.

Some actions, for example a rotation, invalidate earlier evidence. Only evidence after the last such action counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, CharField, Exists, OuterRef, Q, QuerySet, Subquery, When

from integrations.models import AuditEvent, AuthAttempt, Connection, Credential, Integration, MessageType, Request
from integrations.models.attempt import UNDECIDED, Outcome, PosEndpoint
from integrations.models.audit import Verb
from integrations.models.connection import CloseReason
from integrations.models.request import OPEN_STATES, RequestState
from integrations.services.integration.pairings import OWNER_NAMED, explain, twin_columns, twin_words
from integrations.services.requests.asking import HARMLESS

BEGINNINGS = {
    Verb.ENABLED: "the outlet was enabled",
    Verb.REENABLED: "the integration was enabled again",
    Verb.SECRET_ROTATED: "the secret was rotated",
    Verb.POS_REMOTE_ID_CHANGED: "the POSRemoteID was changed",
}
ANSWERED = (RequestState.ANSWERED, RequestState.REFUSED)
OTHER_ID = timedelta(hours=24)  # how far back to search for attempts under another ID
SECOND_TILL = timedelta(minutes=5)  # how long to report two tills with the same credentials
NEWEST = 10  # how many of an outlet's latest connections, attempts and requests are read
# The names of attempts in Evidence and key_columns.
ATTEMPTS = ("attempt", "before_block", "undecided", "handshake", "under_another_id")
PREFIX = "check_"  # the beginning of each name in key_columns
INSPECTED = 200  # how many of an outlet's latest attempts the start page searches for the one before a block
RECENT_REQUESTS = 500  # how many of the latest requests are searched for an answer

# Matches attempts that may be those of the outlet whose POSRemoteID they sent. If another outlet's secret was proved,
# the POSRemoteID is wrong, and not the ProviderOutletID.
IS_UNDER_ANOTHER_ID = Q(pos_remote_id_of__isnull=False) & (
    Q(integration=None) | ~Q(outcome=Outcome.WRONG_POS_REMOTE_ID)
)


@dataclass(frozen=True)
class Evidence:
    """The newest evidence of each kind from the time `since` on. `action` says what happened at that time.

    Five fields are attempts. `attempt` was accepted or refused at the auth endpoint. `before_block` is like `attempt`,
    but ignores blocked attempts. `undecided` could not be checked. `handshake` was refused at the websocket.
    `under_another_id` has this outlet's POSRemoteID and another ProviderOutletID.

    `connection` was opened after `since`, and is open (`is_online`) or closed. `request` is the newest test request, or
    another request that the POS answered.
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
    under_another_id: AuthAttempt | None = None
    connection: Connection | None = None
    second_till_at: datetime | None = None  # when two tills last used this outlet's credentials
    twin: str = ""  # text about another outlet with the same POSRemoteID
    is_online: bool = False
    harmless: int | None = None
    request: Request | None = None


@dataclass(frozen=True)
class OutletRows:
    """The rows that an outlet's check and its page both need: all secrets, and the newest connections and attempts.

    `requests` are from `requests_with_test`, and `keys` are the values of `key_columns`. Either is None if it was not
    read. If `keys` were read, `attempts` are from `attempts_with`.
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


def secrets_in(credentials: Sequence[Credential], now: datetime) -> tuple[Credential, Credential | None]:
    """Return an outlet's current secret, and the old secret if an overlap keeps it valid, otherwise None."""
    current = next(each for each in credentials if each.is_current)
    return current, next((each for each in credentials if each.is_in_overlap(now)), None)


def read_evidence(
    integration: Integration, now: datetime, organisations: frozenset[int] | None, *, rows: OutletRows | None = None
) -> Evidence:
    """Return the evidence that a viewer of these organisations (None: all) may see.

    Takes one query each for the keys, the requests and the attempts, unless `rows` has them. Read the integration with
    select_related("presence__connection__process"). Call `pairings.explain` for `rows.attempts` first.
    """
    explained = rows.attempts if rows else ()
    rows = rows or OutletRows.read(integration)
    keys = rows.keys or _read_keys(integration, now, organisations)
    current, older = secrets_in(rows.credentials, now)
    since, action = _beginning(current, keys)
    found = _attempts(keys, rows, since)
    explain([each for each in (found["attempt"],) if each and each not in explained], organisations)
    return Evidence(
        at=now,
        integration=integration,
        current=current,
        since=since,
        action=action,
        older=older,
        **found,
        connection=next((each for each in rows.connections if each.opened_at >= since), None),
        second_till_at=second_till_at(rows.connections, rows.attempts, max(since, now - SECOND_TILL)),
        twin=twin_words(keys, organisations),
        is_online=integration.presence.is_online_at(now),
        harmless=keys["harmless"],
        request=_request(integration, rows, keys["harmless"], since),
    )


def second_till_at(
    connections: Iterable[Connection], attempts: Iterable[AuthAttempt], since: datetime
) -> datetime | None:
    """Return when a till last replaced the outlet's connected till, or was refused because another was connected.

    A single replacement does not count: a till that lost its connection replaces it when it connects again. The newest
    few rows of the outlet suffice, because two competing tills keep adding rows that show the conflict.
    """
    ended = [each.closed_at for each in connections if each.close_reason == CloseReason.REPLACED]
    replaced = sorted(each for each in ended if each and each >= since)[1:]
    waited = [each.at for each in attempts if each.outcome == Outcome.SECOND_TILL and each.at >= since]
    return max((*replaced, *waited), default=None)


def key_columns(now: datetime, organisations: frozenset[int] | None, *, path: str = "") -> dict[str, Subquery]:
    """Return columns for a query: the primary keys of the AuthAttempts to load, and single values of other rows.

    `path` leads from the rows of the query to their integration, for example "integration__". Each column reads the
    newest matching row from an index, whatever its age. A row from before `Evidence.since` is dropped later. This loses
    no evidence, because no matching row is newer.
    """
    own = OuterRef(f"{path}pk")
    events = AuditEvent.objects.filter(integration=own, verb__in=BEGINNINGS)
    attempts = AuthAttempt.objects.filter(integration=own)
    at_auth = attempts.filter(endpoint=PosEndpoint.AUTH)
    decided, unblocked = _decided(own)
    at_socket = attempts.filter(endpoint=PosEndpoint.WEBSOCKET).exclude(outcome=Outcome.SECOND_TILL)
    disabled = AuditEvent.objects.filter(integration=own, verb=Verb.DISABLED)
    parts: dict[str, QuerySet[Any]] = {
        "begun_at": events.values("at"),
        "verb": events.values("verb"),
        "attempt": decided.values("pk"),
        "before_block": unblocked.values("pk"),
        "undecided": at_auth.filter(outcome__in=UNDECIDED).values("pk"),
        "handshake": at_socket.values("pk"),
        "under_another_id": _under_another_id(own, now, organisations).values("pk"),
        **twin_columns(path),
        "disabled_at": disabled.values("at"),
        "disabled_by": disabled.values("actor_name"),
        "harmless": MessageType.objects.filter(name=HARMLESS).values("number"),
    }
    return {f"{PREFIX}{name}": Subquery(part[:1]) for name, part in parts.items()}


def _decided(own: OuterRef) -> tuple[QuerySet[AuthAttempt], QuerySet[AuthAttempt]]:
    """Return two queries for accepted and refused attempts at the auth endpoint; the second omits blocked attempts."""
    decided = AuthAttempt.objects.filter(integration=own, endpoint=PosEndpoint.AUTH).exclude(outcome__in=UNDECIDED)
    return decided, decided.exclude(outcome=Outcome.THROTTLED)


def unblocked_column() -> Case:
    """Return a column for a query of attempts. If a row was blocked without a cause, the column explains the block.

    It is the outcome of the attempt that Evidence calls `before_block`. Only the newest INSPECTED attempts of the
    outlet are searched for it.
    """
    _, unblocked = _decided(OuterRef("integration"))
    recent, _ = _decided(OuterRef(OuterRef("integration")))
    before = Subquery(unblocked.filter(pk__in=recent.values("pk")[:INSPECTED]).values("outcome")[:1])
    return Case(When(outcome=Outcome.THROTTLED, cause="", then=before), output_field=CharField())


def is_invalidated(own: OuterRef, at: OuterRef) -> Q:
    """Match rows whose evidence about the integration `own`, from the time `at`, no longer counts.

    It is older than `Evidence.since`, or the integration was disabled after it.
    """
    events = AuditEvent.objects.filter(integration=own, verb__in=(*BEGINNINGS, Verb.DISABLED), at__gt=at)
    secrets = Credential.objects.filter(integration=own, is_current=True, created_at__gt=at)
    return Q(Exists(events)) | Q(Exists(secrets))


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
    known = {each.pk: each for each in rows.attempts}
    if missing := {keys[name] for name in ATTEMPTS} - {None, *known}:
        known |= AuthAttempt.objects.select_related(OWNER_NAMED).in_bulk(missing)
    found = {name: known.get(keys[name]) for name in ATTEMPTS}
    return {name: each if each and each.at >= since else None for name, each in found.items()}


def _under_another_id(
    own: OuterRef | Integration, now: datetime, organisations: frozenset[int] | None
) -> QuerySet[AuthAttempt]:
    """Return the attempts that sent the outlet's POSRemoteID, but not its ProviderOutletID.

    Unless `organisations` is None, the other ProviderOutletID must be that of an outlet in one of them.
    """
    sent = AuthAttempt.objects.filter(IS_UNDER_ANOTHER_ID, pos_remote_id_of=own, at__gte=now - OTHER_ID)
    if organisations is None:
        return sent
    return sent.filter(integration__outlet__organisation__in=organisations)


def attempts_with(
    integration: Integration, now: datetime, organisations: frozenset[int] | None, keys: Mapping[str, Any]
) -> list[AuthAttempt]:
    """Return the attempts for an outlet's check and page, the latest first. Runs one query.

    The query finds all attempts in `keys`, up to NEWEST of the outlet's latest attempts, and up to NEWEST of the
    latest attempts under another ID. For `organisations` see `_under_another_id`.
    """
    named = AuthAttempt.objects.filter(pk__in={keys[name] for name in ATTEMPTS} - {None})
    others = _under_another_id(integration, now, organisations)
    newest = [AuthAttempt.objects.filter(pk__in=rows.values("pk")[:NEWEST]) for rows in (integration.attempts, others)]
    wanted = named.order_by().values("pk").union(*(rows.order_by().values("pk") for rows in newest))
    return list(AuthAttempt.objects.filter(pk__in=wanted).select_related(OWNER_NAMED))


def requests_with_test(integration: Integration, keys: Mapping[str, Any], current: Credential) -> QuerySet[Request]:
    """Return a query for the outlet's latest requests (at most NEWEST) and for the requests that its check shows."""
    newest = Request.objects.filter(pk__in=integration.requests.order_by("-pk").values("pk")[:NEWEST])
    wanted = newest.order_by().values("pk")
    if integration.presence.is_online:  # the check needs the test request only while the POS is online
        since, _ = _beginning(current, keys)
        wanted = wanted.union(*(_one_of(part) for part in _candidates(integration, keys["harmless"], since)))
    return Request.objects.filter(pk__in=wanted).order_by("-pk").defer("payload", "answer")


def _one_of(rows: QuerySet[Request]) -> QuerySet[Any, Any]:
    return Request.objects.filter(pk__in=rows.values("pk")[:1]).order_by().values("pk")


def _request(integration: Integration, known: OutletRows, harmless: int | None, since: datetime) -> Request | None:
    """Return the last test request that ended or, if that was not answered, a later request that was answered.

    If no test request has ended, return the last request that was answered, or else a pending test request. A pending
    one comes last, because it does not invalidate earlier evidence.
    """
    found = known.requests
    if found is None:
        parts = _candidates(integration, harmless, since)
        newest = Q(*(Q(pk=Subquery(part.values("pk")[:1])) for part in parts), _connector=Q.OR)
        found = list(Request.objects.filter(newest).order_by("-pk").defer("payload", "answer"))
    valid = [each for each in found if each.received_at >= since]
    tests = [each for each in valid if harmless is not None and each.message_type == harmless]
    test = next((each for each in tests if not each.is_open), None)
    answered = next((each for each in valid if each.state in ANSWERED and each not in tests), None)
    if test and answered and test.state not in ANSWERED and answered.pk > test.pk:
        return answered
    return test or answered or next(iter(tests), None)


def _candidates(integration: Integration, harmless: int | None, since: datetime) -> tuple[QuerySet[Request], ...]:
    """Return queries for test requests that ended, other answered requests and open test requests, the latest first."""
    recent = integration.requests.order_by("-pk").values("pk")[:RECENT_REQUESTS]
    rows = Request.objects.filter(pk__in=recent, received_at__gte=since).order_by("-pk")
    tests = rows.filter(message_type=harmless) if harmless is not None else rows.none()
    return (
        tests.exclude(state__in=OPEN_STATES),
        rows.filter(state__in=ANSWERED).exclude(pk__in=tests.values("pk")),
        tests.filter(state__in=OPEN_STATES),
    )
