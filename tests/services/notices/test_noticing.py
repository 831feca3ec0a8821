"""What happened is noticed from the rows, once, also when a row becomes visible late."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.models import Delivery, Integration, Notice, NoticeCursor, ToldPresence
from integrations.models.notices.notice import NoticeKind
from integrations.models.notices.webhook import DeliveryState
from integrations.models.request import RequestState
from integrations.services.notices import event_detection, webhooks
from integrations.services.notices.event_detection import LOOK_BACK
from tests.support.factories import ANNA, NOON, Enabled, make_enabled_outlet, make_organisation
from tests.support.notice_factories import (
    go_offline,
    go_online,
    make_endpoint,
    make_finished_request,
    make_refusal,
    make_unrecognised_frame,
)

pytestmark = pytest.mark.django_db
LATER = timedelta(minutes=10)


@pytest.fixture
def clock() -> Any:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def told() -> list[str]:
    return list(Notice.objects.order_by("pk").values_list("kind", flat=True))


def turn_at(clock: Any, moment: datetime) -> None:
    clock.move_to(moment)
    event_detection.poll()


def watch_for(clock: Any, integration: Integration, span: timedelta = LATER) -> datetime:
    """Turn every minute, as the chore does all the time, and return when that was over."""
    end = timezone.now() + span
    while timezone.now() < end:
        turn_at(clock, timezone.now() + timedelta(minutes=1))
    return timezone.now()


def test_nothing_is_read_or_written_while_no_endpoint_wants_it(enabled: Enabled) -> None:
    make_finished_request(enabled.integration)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        event_detection.poll()
    assert len(queries) <= 4
    assert told() == []
    assert not NoticeCursor.objects.exists()


def test_a_finished_request_is_told_once_without_its_contents(enabled: Enabled, clock: Any) -> None:
    make_endpoint(kinds=[NoticeKind.REQUEST_FINISHED])
    event_detection.poll()
    row = make_finished_request(enabled.integration, received_at=NOON - timedelta(seconds=2))
    event_detection.poll()
    event_detection.poll()
    (notice,) = Notice.objects.all()
    assert Delivery.objects.count() == 1
    assert notice.data["request_id"] == row.request_id
    assert (notice.data["state"], notice.data["result_code"], notice.data["duration_ms"]) == ("answered", 0, 2000)
    assert notice.data["outlet"]["name"] == "Station"
    assert notice.data["organisation"]["name"] == "Trattoria Bella"
    text = json.dumps(notice.data)
    assert "4711" not in text
    assert "tables" not in text


def test_a_request_that_is_open_is_no_news(enabled: Enabled, clock: Any) -> None:
    make_endpoint()
    event_detection.poll()
    row = make_finished_request(enabled.integration)
    type(row).objects.update(state=RequestState.SENT, ended_at=None)
    event_detection.poll()
    assert told() == []


def test_what_happened_before_the_first_endpoint_is_no_news(enabled: Enabled, clock: Any) -> None:
    make_finished_request(enabled.integration, ended_at=NOON - timedelta(seconds=1))
    make_endpoint()
    event_detection.poll()
    event_detection.poll()
    assert told() == []


def test_a_row_that_becomes_visible_late_is_told_and_none_twice(enabled: Enabled, clock: Any) -> None:
    make_endpoint(kinds=[NoticeKind.REQUEST_FINISHED])
    event_detection.poll()
    for second in range(0, 300, 10):
        turn_at(clock, NOON + timedelta(seconds=second))
        late = timezone.now() - timedelta(seconds=min(second, 50))
        make_finished_request(enabled.integration, ended_at=late)
        event_detection.poll()
    assert len(told()) == 30


def test_rows_that_were_written_when_the_database_came_back_are_told(enabled: Enabled, clock: Any) -> None:
    """The recorder keeps what it cannot write, and writes it with its own times."""
    make_endpoint(kinds=[NoticeKind.AUTHENTICATION_REFUSED])
    event_detection.poll()
    turn_at(clock, NOON + timedelta(seconds=30))
    turn_at(clock, NOON + timedelta(hours=1))  # nothing in between: the database was away
    clock.move_to(NOON + timedelta(hours=1, seconds=20))
    make_refusal(enabled.integration, at=NOON + timedelta(minutes=5))
    event_detection.poll()
    assert told() == [NoticeKind.AUTHENTICATION_REFUSED]


def test_reading_moves_on(enabled: Enabled, clock: Any) -> None:
    make_endpoint(kinds=[NoticeKind.REQUEST_FINISHED])
    for minute in range(10):
        turn_at(clock, NOON + timedelta(minutes=minute))
    assert NoticeCursor.objects.get(name="requests").at >= timezone.now() - 2 * LOOK_BACK


def test_a_refused_authentication_is_told_with_its_reason_also_of_an_unknown_outlet(
    enabled: Enabled, clock: Any
) -> None:
    make_endpoint()
    event_detection.poll()
    make_refusal(enabled.integration)
    make_refusal(None)
    event_detection.poll()
    known, unknown = Notice.objects.order_by("pk")
    assert (known.data["reason"], known.data["address"]) == ("wrong_secret", "198.51.100.7")
    assert (known.data["outlet"]["name"], unknown.data["outlet"]) == ("Station", None)


def test_a_stray_message_is_told_without_what_it_said(enabled: Enabled, clock: Any) -> None:
    make_endpoint()
    event_detection.poll()
    make_unrecognised_frame(enabled.integration)
    event_detection.poll()
    (notice,) = Notice.objects.all()
    assert (notice.kind, notice.data["what"], notice.data["size_bytes"]) == (NoticeKind.STRAY_MESSAGE, "unknown", 20)
    assert "4111" not in json.dumps(notice.data)


def test_an_endpoint_of_an_organisation_is_told_of_no_other_and_an_endpoint_of_all_is_told_all(
    enabled: Enabled, clock: Any
) -> None:
    own, _ = make_endpoint(name="own", organisation=make_organisation("Café Anna"))
    bella, _ = make_endpoint(name="bella", organisation=enabled.integration.outlet.organisation)
    everything, _ = make_endpoint(name="everything")
    event_detection.poll()
    make_finished_request(enabled.integration)
    make_refusal(None)
    event_detection.poll()
    assert [each.deliveries.count() for each in (own, bella, everything)] == [0, 1, 2]


def test_an_endpoint_gets_the_kinds_that_it_wants(enabled: Enabled, clock: Any) -> None:
    make_endpoint(kinds=[NoticeKind.STRAY_MESSAGE])
    event_detection.poll()
    make_finished_request(enabled.integration)
    make_refusal(enabled.integration)
    make_unrecognised_frame(enabled.integration)
    event_detection.poll()
    assert told() == [NoticeKind.STRAY_MESSAGE]


def test_an_endpoint_that_is_off_is_told_nothing(enabled: Enabled, clock: Any) -> None:
    endpoint, _ = make_endpoint()
    event_detection.poll()
    webhooks.disable_endpoint(endpoint, reason="maintenance", actor=ANNA)
    make_finished_request(enabled.integration)
    event_detection.poll()
    assert told() == []
    assert not NoticeCursor.objects.exists()


def test_an_outlet_that_comes_online_and_stays_is_told_after_the_grace(enabled: Enabled, clock: Any) -> None:
    make_endpoint()
    event_detection.poll()
    go_online(enabled.integration, NOON + timedelta(seconds=1))
    turn_at(clock, NOON + timedelta(seconds=20))
    assert told() == []
    turn_at(clock, NOON + timedelta(seconds=40))
    turn_at(clock, NOON + timedelta(seconds=50))
    assert told() == [NoticeKind.OUTLET_ONLINE]
    assert Notice.objects.get().data["since"] == (NOON + timedelta(seconds=1)).isoformat()


def test_an_outlet_that_was_online_already_is_no_news(enabled: Enabled, clock: Any) -> None:
    go_online(enabled.integration, NOON - timedelta(hours=1))
    make_endpoint()
    event_detection.poll()
    turn_at(clock, NOON + timedelta(minutes=5))
    assert told() == []


def test_an_outlet_that_goes_offline_and_stays_is_told_with_the_reason(enabled: Enabled, clock: Any) -> None:
    go_online(enabled.integration, NOON - timedelta(hours=1))
    make_endpoint()
    event_detection.poll()
    offline_at = watch_for(clock, enabled.integration)
    go_offline(enabled.integration, offline_at)
    turn_at(clock, offline_at + timedelta(seconds=20))
    assert told() == []
    turn_at(clock, offline_at + timedelta(seconds=40))
    turn_at(clock, offline_at + timedelta(seconds=50))
    assert told() == [NoticeKind.OUTLET_OFFLINE]


def test_a_link_that_flaps_is_no_news(enabled: Enabled, clock: Any) -> None:
    go_online(enabled.integration, NOON - timedelta(hours=1))
    make_endpoint()
    event_detection.poll()
    watch_for(clock, enabled.integration)
    for _ in range(20):
        go_offline(enabled.integration, timezone.now())
        turn_at(clock, timezone.now() + timedelta(seconds=20))
        go_online(enabled.integration, timezone.now())
        turn_at(clock, timezone.now() + timedelta(seconds=20))
    assert told() == []


def test_after_the_portal_was_away_outlets_have_time_to_come_back(enabled: Enabled, clock: Any) -> None:
    go_online(enabled.integration, NOON - timedelta(hours=1))
    make_endpoint()
    event_detection.poll()
    last = watch_for(clock, enabled.integration)
    go_offline(enabled.integration, last)
    back = last + timedelta(hours=1)  # no turn in between
    turn_at(clock, back)
    turn_at(clock, back + timedelta(seconds=100))
    assert told() == []
    watch_for(clock, enabled.integration)
    assert told() == [NoticeKind.OUTLET_OFFLINE]


def test_ten_thousand_outlets_that_come_online_are_told_in_bounded_turns(enabled: Enabled, clock: Any) -> None:
    """A tenth of it here: what counts is that the queries of a turn do not grow with the outlets."""
    make_endpoint()
    event_detection.poll()
    others = [make_enabled_outlet(f"Shop {number}").integration for number in range(30)]
    for each in others:
        go_online(each, NOON + timedelta(seconds=1))
    clock.move_to(NOON + timedelta(minutes=1))
    with CaptureQueriesContext(connection) as queries:
        event_detection.poll()
    assert told() == [NoticeKind.OUTLET_ONLINE] * 30
    assert ToldPresence.objects.filter(is_online=True).count() == 30
    assert len(queries) < 40


def test_old_events_are_deleted_and_those_that_wait_are_kept(enabled: Enabled, clock: Any) -> None:
    endpoint, _ = make_endpoint()
    waiting, ended = (webhooks.send_test(endpoint, actor=ANNA), webhooks_later(clock, endpoint))
    Delivery.objects.filter(pk=ended.pk).update(state=DeliveryState.DELIVERED)
    event_detection.prune(NOON + timedelta(days=31), days=30)
    assert list(Delivery.objects.all()) == [waiting]


def webhooks_later(clock: Any, endpoint: Any) -> Delivery:
    clock.move_to(NOON + timedelta(seconds=1))
    return webhooks.send_test(endpoint, actor=ANNA)
