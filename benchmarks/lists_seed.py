"""Fills a database with the records of a month: outlets of chains, and the activity of their POSes."""

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.utils import timezone
from lists_copy import BLOCK, BLOCKS, MONTH, copy, insert

from integrations.models import (
    ApiKey,
    AuditEvent,
    AuthAttempt,
    Connection,
    Credential,
    Delivery,
    FleetSample,
    Integration,
    MessageType,
    Notice,
    Organisation,
    Outlet,
    Presence,
    Request,
    ServerProcess,
    StaffLimit,
    UnrecognisedFrame,
    WebhookEndpoint,
)
from integrations.services.api_keys.api_keys import create_api_key
from integrations.services.audit import Actor
from integrations.services.people.groups import ADMINISTRATOR

OUTLETS_OF_A_CHAIN = 200
RARE_TYPE = 4711
COMMON_TYPES = (1, 2, 3, 4, 5, 6, 7, 8)

SECRET_COLUMNS: Any = {"algorithm": "hmac-sha256", "key_id": "k", "bits": 130}


@dataclass(frozen=True)
class Size:
    """The number of rows in the tables that grow."""

    requests: int
    connections: int
    outlets: int

    @property
    def organisations(self) -> int:
        """The number of chains, at least four. The second chain has no requests for most of the month."""
        return max(4, self.outlets // OUTLETS_OF_A_CHAIN)


def seed(size: Size, chance: random.Random) -> None:
    """Fill an empty, migrated database. The same state of `chance` gives the same rows."""
    now = timezone.now()
    integrations = _outlets(size, now)
    _staff()
    _disable_sync()
    with transaction.atomic():
        _requests(size, integrations, now, chance)
        _connections(size, integrations, now, chance)
        _attempts(size, integrations, now, chance)
        _audit(size, now, chance)
        _deliveries(size, integrations, now, chance)
        _samples(now)
    _analyse()


def _outlets(size: Size, now: datetime) -> list[int]:
    """Create chains with outlets, and enable every outlet except the last. Return the ids of the integrations."""
    Organisation.objects.bulk_create([Organisation(name=f"Chain {n:03}") for n in range(size.organisations)])
    Organisation.objects.bulk_create([Organisation(name=f"Restaurant {n:02}") for n in range(50)])  # to fill one page
    chains = list(Organisation.objects.order_by("pk")[: size.organisations])
    outlets = [
        Outlet(organisation=chains[n % len(chains)], name=f"Outlet {n:05}", provider_outlet_id=f"seeded-{n:05}")
        for n in range(size.outlets)
    ]
    Outlet.objects.bulk_create(outlets, batch_size=500)
    made = list(Outlet.objects.order_by("pk"))[:-1]
    Integration.objects.bulk_create(
        [Integration(outlet=each, pos_remote_id=f"Remote-{each.name}", changed_at=now) for each in made], batch_size=500
    )
    integrations = list(Integration.objects.order_by("pk").values_list("pk", flat=True))
    Credential.objects.bulk_create(
        [
            Credential(integration_id=pk, shown=f"ONPS-{pk:05}", digest=f"digest-{pk}", **SECRET_COLUMNS)
            for pk in integrations
        ],
        batch_size=500,
    )
    Presence.objects.bulk_create([Presence(integration_id=pk) for pk in integrations], batch_size=500)
    return integrations


def _staff() -> None:
    """Create an administrator of all organisations, and one limited to the third chain."""
    group = Group.objects.get(name=ADMINISTRATOR)
    for name in ("administrator", "limited"):
        person = User.objects.create_user(name, is_staff=True)
        person.groups.add(group)
    limit = StaffLimit.objects.create(user=User.objects.get(username="limited"))
    limit.organisations.add(Organisation.objects.order_by("pk")[2])
    create_api_key("seeded", actor=Actor("seed"))


def _requests(size: Size, integrations: list[int], now: datetime, chance: random.Random) -> None:
    """Store requests to all outlets; the second chain has requests only in the first `BLOCK` of the month."""
    count = size.requests // BLOCKS
    same = {"api_key_id": ApiKey.objects.get().pk, "device_id": "kiosk-1", "content_digest": "0" * 64, "times_sent": 1}

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(count):
            received = now - MONTH + BLOCK * number / count
            yield {
                **_ending(chance, received),
                **same,
                "uuid": uuid.UUID(int=chance.getrandbits(128)),
                "integration_id": chance.choice(integrations),
                "request_id": f"web-{chance.getrandbits(32):08x}-{number}",
                "message_type": RARE_TYPE if number % 20_000 == 7 else chance.choice(COMMON_TYPES),
                "payload": '{"ServiceModeEntityID": "7", "Products": []}',
                "received_at": received,
                "send_before": received + timedelta(seconds=30),
                "answer_before": received + timedelta(minutes=10),
                "sent_at": received,
            }

    insert(Request, rows())
    closed = Organisation.objects.order_by("pk")[1]
    open_ones = "integration_id NOT IN (SELECT i.id FROM integrations_integration i JOIN integrations_outlet o"
    copy(
        Request,
        {"request_id": "request_id || '-' || {block}"},
        where=f"{open_ones} ON o.id = i.outlet_id WHERE o.organisation_id = {closed.pk})",
    )


def _ending(chance: random.Random, received: datetime) -> dict[str, Any]:
    ended, draw = received + timedelta(milliseconds=chance.randrange(100, 3000)), chance.random()
    code, state = None, "failed"
    if draw < 0.96:
        code, state = 0, "answered"
    elif draw < 0.98:
        code, state = min(int(chance.expovariate(0.3)) + 1, 60), "refused"
    elif draw < 0.9995:
        state = "expired" if draw < 0.99 else "cancelled"
    return {"state": state, "result_code": code, "answer": "{}" if code == 0 else None, "ended_at": ended}


def _connections(size: Size, integrations: list[int], now: datetime, chance: random.Random) -> None:
    """Write closed connections for all outlets, and an open one for nine in ten. All belong to one invented process."""
    process = ServerProcess.objects.create(host="seeded", pid=1, started_at=now, heartbeat_at=now + MONTH)
    credentials = dict(Credential.objects.values_list("integration", "pk"))
    count = (size.connections - len(integrations) * 9 // 10) // BLOCKS

    def row(pk: int, opened: datetime, **values: Any) -> dict[str, Any]:
        return {
            "id": uuid.UUID(int=chance.getrandbits(128)),
            "integration_id": pk,
            "credential_id": credentials[pk],
            "generation": 1,
            "process_id": process.pk,
            "opened_at": opened,
            "address": f"198.51.{chance.randrange(100)}.{chance.randrange(250)}",
            "user_agent": "PowerEPOS/8.1",
            **values,
        }

    def ended() -> Iterator[dict[str, Any]]:
        for number in range(count):
            opened = now - MONTH + BLOCK * number / count
            reason = "flooding" if number % 500 == 3 else "by_pos"
            yield row(chance.choice(integrations), opened, closed_at=opened + BLOCK / 60, close_reason=reason)

    insert(Connection, ended())
    copy(Connection, {})
    insert(Connection, (row(pk, now - timedelta(minutes=pk % 999)) for pk in integrations if pk % 10))
    _be_online(now)


def _be_online(now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations_presence SET is_online = %s, last_seen_at = %s, since = %s, connection_id = "
            "(SELECT c.id FROM integrations_connection c WHERE c.integration_id = integrations_presence.integration_id"
            " AND c.closed_at IS NULL) WHERE integration_id IN "
            "(SELECT integration_id FROM integrations_connection WHERE closed_at IS NULL)",
            [True, _now(now), _now(now)],
        )


def _now(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)


def _attempts(size: Size, integrations: list[int], now: datetime, chance: random.Random) -> None:
    count = size.connections // BLOCKS

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(count):
            outcome = _outcome_of(number)
            is_unknown = outcome == "unknown_outlet"
            yield {
                "at": now - MONTH + BLOCK * number / count,
                "endpoint": "auth",
                "outcome": outcome,
                "integration_id": None if is_unknown else chance.choice(integrations),
                "provider_outlet_id": f"nobody-{number}" if is_unknown else "seeded",
                "pos_remote_id": f"mistyped-{number}" if outcome == "wrong_pos_remote_id" else "",
                "address": f"198.51.{chance.randrange(100)}.{chance.randrange(250)}",
            }

    insert(AuthAttempt, rows())
    copy(AuthAttempt, {})
    _unrecognised_frames(count // 4, integrations, now)


def _outcome_of(number: int) -> str:
    if number % 1000 == 5:
        return "unknown_outlet"
    return {9: "wrong_secret", 11: "wrong_pos_remote_id"}.get(number % 200, "accepted")


def _unrecognised_frames(count: int, integrations: list[int], now: datetime) -> None:
    insert(
        UnrecognisedFrame,
        (
            {
                "at": now - MONTH + BLOCK * number / count,
                "integration_id": integrations[number % len(integrations)],
                "connection_id": uuid.UUID(int=number),
                "kind": "unknown",
                "size": 20,
                "excerpt": "{}",
            }
            for number in range(count)
        ),
    )
    copy(UnrecognisedFrame, {})


def _audit(size: Size, now: datetime, chance: random.Random) -> None:
    outlets = list(
        Integration.objects.values_list("pk", "outlet", "outlet__organisation", "outlet__name").order_by("pk")
    )

    count = size.connections // BLOCKS

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(count):
            pk, outlet, organisation, name = chance.choice(outlets)
            yield {
                "at": now - MONTH + BLOCK * number / count,
                "verb": "disabled" if number % 2000 == 11 else "pos_asked",
                "actor_name": f"person {number % 50:02}",
                "address": "192.0.2.10",
                "organisation_id": organisation,
                "outlet_id": outlet,
                "integration_id": pk,
                "subject": f"Chain – {name}",
                "detail": {},
            }

    insert(AuditEvent, rows())
    copy(AuditEvent, {})


def _deliveries(size: Size, integrations: list[int], now: datetime, chance: random.Random) -> None:
    chains = list(Organisation.objects.order_by("pk")[1:4])
    for chain in (None, *chains):
        WebhookEndpoint.objects.create(
            name=f"hook of {chain}", url="https://example.com/", organisation=chain, secret_created_at=now
        )
    endpoints = list(WebhookEndpoint.objects.order_by("pk").values_list("pk", flat=True))
    count = size.requests // 4 // BLOCKS
    first = _notices(count, integrations, now, chance)
    insert(
        Delivery,
        (
            {
                "notice_id": first + number,
                "endpoint_id": endpoints[number % len(endpoints)],
                "state": "failed" if number % 3000 == 13 else "delivered",
                "tries": 1,
                "next_at": now,
                "ended_at": now,
                "status": 200,
            }
            for number in range(count)
        ),
    )
    copy(Delivery, {"notice_id": f"notice_id + {{block}} * {count}"})


def _notices(count: int, integrations: list[int], now: datetime, chance: random.Random) -> int:
    """Write the events, and return the primary key of the first."""
    insert(
        Notice,
        (
            {
                "uuid": uuid.UUID(int=chance.getrandbits(128)),
                "kind": "request.finished",
                "subject": number,
                "at": now,
                "integration_id": chance.choice(integrations),
                "data": {},
                "noticed_at": now - MONTH + BLOCK * number / count,
            }
            for number in range(count)
        ),
    )
    copy(Notice, {})
    return Notice.objects.order_by("pk").values_list("pk", flat=True)[0]


def _samples(now: datetime) -> None:
    chains = list(Organisation.objects.values_list("pk", flat=True).filter(outlets__isnull=False).distinct())
    insert(
        FleetSample,
        (
            {"at": now - timedelta(minutes=5 * step), "organisation_id": pk, "enabled": 5, "online": 4, "answered": 9}
            for step in range(12 * 24)
            for pk in chains
        ),
    )
    MessageType.objects.get_or_create(number=RARE_TYPE, defaults={"name": "Seldom"})


def _disable_sync() -> None:
    """Speed up SQLite's writes. They are not synced to disk: the data need not survive a power failure."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous = OFF")
            cursor.execute("PRAGMA cache_size = -500000")


def _analyse() -> None:
    """Analyse PostgreSQL's tables, as autovacuum would do later. Reconnect, so queries start with a small cache."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
