"""Store events in the event log: one row for each event, and one delivery for each subscribed endpoint.

An event is stored if a webhook endpoint subscribes to it, or an API key may read it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.db import connection, transaction

from integrations.models import ApiKeySecret, Delivery, Integration, Notice, NoticeCursor, WebhookEndpoint
from integrations.models.api_key import Scope
from integrations.models.clock import shared_now
from integrations.models.notices.notice import NoticeKind
from integrations.text.moments import iso

STEP = 400  # rows per statement
LOG = "log"  # the name of the row that is locked to add events

WITH_OUTLET = "integration__outlet__organisation"


class Subscriber(Protocol):
    """Gets the events of these `kinds` from one organisation, or from all if `organisation_id` is None."""

    @property
    def kinds(self) -> Sequence[str]: ...
    @property
    def organisation_id(self) -> int | None: ...
    @property
    def created_at(self) -> datetime: ...


@dataclass(frozen=True)
class Reader:
    """API keys that may read the events of one organisation or of all."""

    organisation_id: int | None
    created_at: datetime  # when the newest of these keys was created
    kinds: Sequence[str] = tuple(NoticeKind.values)


def subscribers() -> list[Subscriber]:
    """Return the enabled endpoints, and the API keys in use that may read events. There are few."""
    endpoints = WebhookEndpoint.objects.filter(is_enabled=True).defer("sealed_secret", "sealed_older_secret")
    return [*endpoints, *_readers()]


def lock_log() -> None:
    """Let no other transaction add events until this one ends, so that events are committed in the order of their keys.

    Call this before you lock a webhook endpoint, because `store_events` locks the log first. SQLite has only one writer
    at a time, and needs no lock.
    """
    if not connection.features.has_select_for_update:
        return
    now = shared_now()
    begin = {"begun_at": now, "at": now, "mark": now, "polled_at": now}
    NoticeCursor.objects.select_for_update().get_or_create(name=LOG, defaults=begin)


@transaction.atomic
def store_events(notices: Sequence[Notice], wanted_by: Sequence[Subscriber], *, now: datetime) -> None:
    """Store the events that have subscribers, with their deliveries. An event that is already stored is skipped."""
    wanted = {_notice_key(each): each for each in notices if any(_wants(subscriber, each) for subscriber in wanted_by)}
    rows = list(wanted.values())
    if rows:
        lock_log()
    endpoints = _existing([each for each in wanted_by if isinstance(each, WebhookEndpoint)] if rows else [])
    for start in range(0, len(rows), STEP):
        _store(rows[start : start + STEP], endpoints, now)


def about(integration: Integration | None) -> dict[str, Any]:
    """Return the fields that name an event's organisation and outlet. Both are null without an integration.

    To save queries, load the integration with select_related("outlet__organisation").
    """
    if integration is None:
        return {"organisation": None, "outlet": None}
    outlet = integration.outlet
    return {
        "organisation": {"id": outlet.organisation_id, "name": outlet.organisation.name},
        "outlet": {"provider_outlet_id": outlet.provider_outlet_id, "name": outlet.name},
    }


def content_of(notice: Notice) -> dict[str, Any]:
    """Return an event's content in the form that webhook endpoints and readers of the event log receive."""
    return {"type": notice.kind, "timestamp": iso(notice.at), "data": notice.data}


def of_integration(integration: Integration | None, **values: Any) -> Notice:
    """Return an unsaved event about an outlet. `data` is added to the fields that name the outlet."""
    return Notice(
        integration=integration,
        organisation_id=integration.outlet.organisation_id if integration else None,
        **{**values, "data": {**about(integration), **values["data"]}},
    )


def _readers() -> list[Reader]:
    live = ApiKeySecret.objects.live(shared_now()).order_by("api_key__created_at")
    keys = live.values_list("api_key__organisation_id", "api_key__created_at", "api_key__scopes")
    newest = {pk: created_at for pk, created_at, scopes in keys if Scope.EVENTS_READ in scopes}
    return [Reader(pk, created_at) for pk, created_at in newest.items()]


def _existing(endpoints: Sequence[WebhookEndpoint]) -> list[WebhookEndpoint]:
    """Return the endpoints that still exist.

    The caller has locked the log, so no other transaction can delete an endpoint before the caller's transaction ends.
    """
    if not endpoints:
        return []
    keys = set(WebhookEndpoint.objects.filter(pk__in=[each.pk for each in endpoints]).values_list("pk", flat=True))
    return [each for each in endpoints if each.pk in keys]


def _store(notices: Sequence[Notice], endpoints: Sequence[WebhookEndpoint], now: datetime) -> None:
    Notice.objects.bulk_create(notices, ignore_conflicts=True)
    if not endpoints:
        return
    # An event that was stored earlier has another UUID, so this finds only the events stored by this call.
    written = Notice.objects.filter(uuid__in=[each.uuid for each in notices]).in_bulk(field_name="uuid")
    Delivery.objects.bulk_create(
        [
            Delivery(notice=notice, endpoint=endpoint, next_at=max(now, endpoint.paused_until or now))
            for notice in written.values()
            for endpoint in endpoints
            if _wants(endpoint, notice)
        ],
        batch_size=STEP,
        ignore_conflicts=True,
    )


def _notice_key(notice: Notice) -> tuple[str, int, datetime]:
    return notice.kind, notice.subject, notice.at


def _wants(subscriber: Subscriber, notice: Notice) -> bool:
    return notice.kind in subscriber.kinds and subscriber.organisation_id in (None, notice.organisation_id)
