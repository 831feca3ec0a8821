"""The event log holds each event that a webhook endpoint subscribes to or an API key may read."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from integrations.models import ApiKey, Delivery, Notice, Organisation
from integrations.models.api_key import Scope
from integrations.models.notices.notice import NoticeKind
from integrations.services.api_keys.api_keys import create_api_key, retire_api_key
from integrations.services.notices import event_detection
from integrations.services.notices.event_detection import BATCH
from tests.support.factories import ANNA, NOON, Enabled, make_organisation
from tests.support.notice_factories import make_endpoint, make_finished_request, make_refusal

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def make_reader(organisation: Organisation | None = None, **options: Any) -> ApiKey:
    key, _ = create_api_key("CRM", organisation=organisation, scopes=[Scope.EVENTS_READ], actor=ANNA, **options)
    event_detection.poll()
    return key


def logged() -> list[str]:
    event_detection.poll()
    return list(Notice.objects.order_by("pk").values_list("kind", flat=True))


def test_an_event_without_an_endpoint_is_stored_if_an_api_key_may_read_it(enabled: Enabled) -> None:
    make_reader()
    make_finished_request(enabled.integration)
    make_refusal(None)
    assert logged() == [NoticeKind.REQUEST_FINISHED, NoticeKind.AUTHENTICATION_REFUSED]
    assert not Delivery.objects.exists()


def test_an_event_that_an_endpoint_gets_too_is_stored_once(enabled: Enabled) -> None:
    make_reader()
    make_endpoint(kinds=[NoticeKind.REQUEST_FINISHED])
    make_finished_request(enabled.integration)
    make_refusal(enabled.integration)
    assert logged() == [NoticeKind.REQUEST_FINISHED, NoticeKind.AUTHENTICATION_REFUSED]
    assert Delivery.objects.get().notice.kind == NoticeKind.REQUEST_FINISHED


def test_only_events_of_the_organisation_of_the_api_key_are_stored(enabled: Enabled) -> None:
    make_reader(make_organisation("Café Anna"))
    make_finished_request(enabled.integration)
    assert logged() == []
    create_api_key("ERP", organisation=enabled.integration.outlet.organisation, scopes=[Scope.EVENTS_READ], actor=ANNA)
    assert logged() == [NoticeKind.REQUEST_FINISHED]


def test_no_event_is_stored_for_an_api_key_that_lacks_the_scope_or_has_ended(enabled: Enabled, clock: Any) -> None:
    create_api_key("Kiosk", scopes=[Scope.REQUESTS_READ], actor=ANNA)
    retire_api_key(make_reader(), actor=ANNA)
    make_finished_request(enabled.integration)
    assert logged() == []
    create_api_key("Short", scopes=[Scope.EVENTS_READ], actor=ANNA, expires_at=NOON + timedelta(hours=1))
    assert logged() == [NoticeKind.REQUEST_FINISHED]
    clock.move_to(NOON + timedelta(hours=2))
    make_finished_request(enabled.integration)
    assert logged() == [NoticeKind.REQUEST_FINISHED]


def test_events_are_deleted_after_their_retention_period_in_several_batches(enabled: Enabled) -> None:
    rows = [Notice(kind=NoticeKind.REQUEST_FINISHED, subject=number, at=NOON) for number in range(BATCH + 1)]
    Notice.objects.bulk_create(rows)
    event_detection.prune(timezone.now() + timedelta(days=29), days=30)
    assert Notice.objects.count() == BATCH + 1
    event_detection.prune(timezone.now() + timedelta(days=31), days=30)
    assert not Notice.objects.exists()
