"""Events are detected from stored rows, once each, even when a row becomes visible late."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.models import Delivery, Integration, Notice, NoticeCursor, ReportedPresence
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


def reported() -> list[str]:
    return list(Notice.objects.order_by("pk").values_list("kind", flat=True))


def run_at(clock: Any, moment: datetime) -> None:
    clock.move_to(moment)
    event_detection.poll()


def run_for(clock: Any, integration: Integration, span: timedelta = LATER) -> datetime:
    """Detect events every minute of the span, as the chore does, and return the time at the end."""
    end = timezone.now() + span
    while timezone.now() < end:
        run_at(clock, timezone.now() + timedelta(minutes=1))
    return timezone.now()


def test_no_event_is_collected_without_subscribed_endpoints(enabled: Enabled) -> None:
    make_finished_request(enabled.integration)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        event_detection.poll()
    assert len(queries) <= 4
    assert reported() == []
    assert not NoticeCursor.objects.exists()


def test_a_finished_request_is_reported_once_without_its_contents(enabled: Enabled, clock: Any) -> None:
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


def test_a_finished_request_is_reported_with_the_trace_of_its_call(enabled: Enabled, clock: Any) -> None:
    make_endpoint(kinds=[NoticeKind.REQUEST_FINISHED])
    event_detection.poll()
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    make_finished_request(enabled.integration, traceparent=trace)
    make_finished_request(enabled.integration)
    event_detection.poll()
    traced, untraced = Notice.objects.order_by("pk")
    assert traced.data["traceparent"] == trace
    assert "traceparent" not in untraced.data


def test_an_open_request_is_not_reported(enabled: Enabled, clock: Any) -> None:
    make_endpoint()
    event_detection.poll()
    row = make_finished_request(enabled.integration)
    type(row).objects.update(state=RequestState.SENT, ended_at=None)
    event_detection.poll()
    assert reported() == []


def test_events_before_the_first_endpoint_are_not_reported(enabled: Enabled, clock: Any) -> None:
    make_finished_request(enabled.integration, ended_at=NOON - timedelta(seconds=1))
    make_endpoint()
    event_detection.poll()
    event_detection.poll()
    assert reported() == []


def test_a_row_that_becomes_visible_late_is_reported_and_no_row_twice(enabled: Enabled, clock: Any) -> None:
    make_endpoint(kinds=[NoticeKind.REQUEST_FINISHED])
    event_detection.poll()
    for second in range(0, 300, 10):
        run_at(clock, NOON + timedelta(seconds=second))
        late = timezone.now() - timedelta(seconds=min(second, 50))
        make_finished_request(enabled.integration, ended_at=late)
        event_detection.poll()
    assert len(reported()) == 30


def test_rows_written_after_a_database_failure_are_reported(enabled: Enabled, clock: Any) -> None:
    """The recorder keeps rows that it cannot write, and later writes them with their original times."""
    make_endpoint(kinds=[NoticeKind.AUTHENTICATION_REFUSED])
    event_detection.poll()
    run_at(clock, NOON + timedelta(seconds=30))
    run_at(clock, NOON + timedelta(hours=1))  # no run in between, because the database was unavailable
    clock.move_to(NOON + timedelta(hours=1, seconds=20))
    make_refusal(enabled.integration, at=NOON + timedelta(minutes=5))
    event_detection.poll()
    assert reported() == [NoticeKind.AUTHENTICATION_REFUSED]


def test_the_cursor_advances_even_without_new_rows(enabled: Enabled, clock: Any) -> None:
    make_endpoint(kinds=[NoticeKind.REQUEST_FINISHED])
    for minute in range(10):
        run_at(clock, NOON + timedelta(minutes=minute))
    assert NoticeCursor.objects.get(name="requests").at >= timezone.now() - 2 * LOOK_BACK


def test_a_refused_authentication_is_reported_with_its_reason_even_for_an_unknown_outlet(
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


def test_an_unrecognised_frame_is_reported_without_its_contents(enabled: Enabled, clock: Any) -> None:
    make_endpoint()
    event_detection.poll()
    make_unrecognised_frame(enabled.integration)
    event_detection.poll()
    (notice,) = Notice.objects.all()
    assert notice.kind == NoticeKind.UNRECOGNISED_FRAME
    assert (notice.data["what"], notice.data["size_bytes"]) == ("unknown", 20)
    assert "4111" not in json.dumps(notice.data)


def test_an_endpoint_gets_events_of_its_organisation_or_of_all(enabled: Enabled, clock: Any) -> None:
    own, _ = make_endpoint(name="own", organisation=make_organisation("Café Anna"))
    bella, _ = make_endpoint(name="bella", organisation=enabled.integration.outlet.organisation)
    everything, _ = make_endpoint(name="everything")
    event_detection.poll()
    make_finished_request(enabled.integration)
    make_refusal(None)
    event_detection.poll()
    assert [each.deliveries.count() for each in (own, bella, everything)] == [0, 1, 2]


def test_an_endpoint_gets_the_kinds_that_it_subscribed_to(enabled: Enabled, clock: Any) -> None:
    make_endpoint(kinds=[NoticeKind.UNRECOGNISED_FRAME])
    event_detection.poll()
    make_finished_request(enabled.integration)
    make_refusal(enabled.integration)
    make_unrecognised_frame(enabled.integration)
    event_detection.poll()
    assert reported() == [NoticeKind.UNRECOGNISED_FRAME]


def test_an_endpoint_that_is_off_gets_no_events(enabled: Enabled, clock: Any) -> None:
    endpoint, _ = make_endpoint()
    event_detection.poll()
    webhooks.disable_endpoint(endpoint, reason="maintenance", actor=ANNA)
    make_finished_request(enabled.integration)
    event_detection.poll()
    assert reported() == []
    assert not NoticeCursor.objects.exists()


def test_an_outlet_that_stays_online_is_reported_after_the_grace_period(enabled: Enabled, clock: Any) -> None:
    make_endpoint()
    event_detection.poll()
    go_online(enabled.integration, NOON + timedelta(seconds=1))
    run_at(clock, NOON + timedelta(seconds=20))
    assert reported() == []
    run_at(clock, NOON + timedelta(seconds=40))
    run_at(clock, NOON + timedelta(seconds=50))
    assert reported() == [NoticeKind.OUTLET_ONLINE]
    assert Notice.objects.get().data["since"] == "2026-03-01T12:00:01Z"


def test_an_outlet_that_was_already_online_is_not_reported(enabled: Enabled, clock: Any) -> None:
    go_online(enabled.integration, NOON - timedelta(hours=1))
    make_endpoint()
    event_detection.poll()
    run_at(clock, NOON + timedelta(minutes=5))
    assert reported() == []


def test_an_outlet_that_stays_offline_is_reported_with_the_reason(enabled: Enabled, clock: Any) -> None:
    go_online(enabled.integration, NOON - timedelta(hours=1))
    make_endpoint()
    event_detection.poll()
    offline_at = run_for(clock, enabled.integration)
    go_offline(enabled.integration, offline_at)
    run_at(clock, offline_at + timedelta(seconds=20))
    assert reported() == []
    run_at(clock, offline_at + timedelta(seconds=40))
    run_at(clock, offline_at + timedelta(seconds=50))
    assert reported() == [NoticeKind.OUTLET_OFFLINE]


def test_a_flapping_connection_is_not_reported(enabled: Enabled, clock: Any) -> None:
    go_online(enabled.integration, NOON - timedelta(hours=1))
    make_endpoint()
    event_detection.poll()
    run_for(clock, enabled.integration)
    for _ in range(20):
        go_offline(enabled.integration, timezone.now())
        run_at(clock, timezone.now() + timedelta(seconds=20))
        go_online(enabled.integration, timezone.now())
        run_at(clock, timezone.now() + timedelta(seconds=20))
    assert reported() == []


def test_outlets_have_time_to_reconnect_after_the_portal_was_down(enabled: Enabled, clock: Any) -> None:
    go_online(enabled.integration, NOON - timedelta(hours=1))
    make_endpoint()
    event_detection.poll()
    last = run_for(clock, enabled.integration)
    go_offline(enabled.integration, last)
    back = last + timedelta(hours=1)  # no run in between
    run_at(clock, back)
    run_at(clock, back + timedelta(seconds=100))
    assert reported() == []
    run_for(clock, enabled.integration)
    assert reported() == [NoticeKind.OUTLET_OFFLINE]


def test_ten_thousand_outlets_that_come_online_are_reported_in_bounded_runs(enabled: Enabled, clock: Any) -> None:
    """Thirty outlets are enough, because the number of queries in a run must not grow with the outlets."""
    make_endpoint(kinds=[NoticeKind.OUTLET_ONLINE])
    event_detection.poll()
    others = [make_enabled_outlet(f"Shop {number}").integration for number in range(30)]
    for each in others:
        go_online(each, NOON + timedelta(seconds=1))
    clock.move_to(NOON + timedelta(minutes=1))
    with CaptureQueriesContext(connection) as queries:
        event_detection.poll()
    assert reported() == [NoticeKind.OUTLET_ONLINE] * 30
    assert ReportedPresence.objects.filter(is_online=True).count() == 30
    assert len(queries) < 40


def test_old_events_are_deleted_and_waiting_ones_are_kept(enabled: Enabled, clock: Any) -> None:
    endpoint, _ = make_endpoint()
    waiting, ended = (webhooks.send_test(endpoint, actor=ANNA), webhooks_later(clock, endpoint))
    Delivery.objects.filter(pk=ended.pk).update(state=DeliveryState.DELIVERED)
    event_detection.prune(NOON + timedelta(days=31), days=30)
    assert list(Delivery.objects.all()) == [waiting]


def test_old_events_that_wait_at_a_disabled_endpoint_are_deleted(enabled: Enabled, clock: Any) -> None:
    endpoint, _ = make_endpoint()
    webhooks.send_test(endpoint, actor=ANNA)
    webhooks.disable_endpoint(endpoint, reason="moved", actor=ANNA)
    event_detection.prune(NOON + timedelta(days=29), days=30)
    assert Delivery.objects.exists()
    event_detection.prune(NOON + timedelta(days=31), days=30)
    assert not Delivery.objects.exists()
    assert not Notice.objects.exists()


def webhooks_later(clock: Any, endpoint: Any) -> Delivery:
    clock.move_to(NOON + timedelta(seconds=1))
    return webhooks.send_test(endpoint, actor=ANNA)
