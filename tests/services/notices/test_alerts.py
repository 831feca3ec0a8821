"""Staff get one message when an alert begins and one when it ends; related alerts share a message."""

from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest
import time_machine
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.models import (
    Alert,
    AlertMember,
    AlertRecipient,
    Credential,
    Integration,
    Mail,
    Notice,
    Organisation,
    Outlet,
)
from integrations.models.notices.alert import AlertKind, MailState
from integrations.models.notices.notice import NoticeKind
from integrations.services.api_keys.api_keys import create_api_key
from integrations.services.integration.enabling import disable, enable_outlet
from integrations.services.integration.pos_secrets import end_overlap, rotate_secret
from integrations.services.notices import alert_conditions, alerts, mailing
from integrations.services.notices.alert_recipients import save_recipient
from integrations.services.notices.presences import BLIND
from portal import service_urls
from tests.support.factories import (
    ANNA,
    BELLA,
    NOON,
    STATION,
    Enabled,
    make_enabled_outlet,
    make_organisation,
    make_outlet,
)
from tests.support.in_process import InProcess, in_main
from tests.support.notice_factories import go_offline, go_online, make_endpoint, make_refusal
from tests.support.servers.mail_sink import mail_sink

MINUTE = timedelta(minutes=1)
MAIL = {"EMAIL_URL": "set"}


@pytest.fixture
def clock() -> Any:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def watched(enabled: Enabled, clock: Any) -> Integration:
    """Return Station, which was online before alerts were first checked; one recipient gets e-mail of all alerts."""
    go_online(enabled.integration, NOON - timedelta(hours=2))
    add_recipient("all@example.com")
    alerts.update()
    wait(clock, 10 * MINUTE)
    return enabled.integration


def add_recipient(email: str, organisation: str | None = None) -> None:
    whose = make_organisation(organisation) if organisation else None
    save_recipient(AlertRecipient(email=email, organisation=whose), actor=ANNA)


def wait(clock: Any, span: timedelta) -> datetime:
    """Let time pass, and update the alerts just often enough for the portal to count as running."""
    end = timezone.now() + span
    while timezone.now() < end:
        clock.move_to(min(timezone.now() + BLIND, end))
        alerts.update()
    return timezone.now()


def subjects() -> list[str]:
    return list(Mail.objects.order_by("pk").values_list("subject", flat=True))


def another(name: str, since: datetime, *, organisation: str = BELLA) -> Integration:
    outlet = make_outlet(name, organisation=organisation)
    enable_outlet(outlet, pos_remote_id=f"remote-{name}", actor=ANNA)
    integration = Integration.objects.select_related("outlet__organisation").get(outlet=outlet)
    go_online(integration, since)
    return integration


@override_settings(**MAIL)
def test_an_outlet_offline_beyond_the_limit_is_reported_once_at_its_start_and_end(
    watched: Integration, clock: Any
) -> None:
    go_offline(watched, timezone.now())
    wait(clock, 9 * MINUTE)
    assert subjects() == []
    wait(clock, 20 * MINUTE)
    assert subjects() == ["Alert: Trattoria Bella – Station is offline"]
    go_online(watched, timezone.now())
    wait(clock, 5 * MINUTE)
    assert subjects()[1:] == ["Ended: Trattoria Bella – Station was offline"]
    wait(clock, 5 * MINUTE)
    assert len(subjects()) == 2


@override_settings(**MAIL)
def test_an_outlet_may_have_a_limit_of_its_own(watched: Integration, clock: Any) -> None:
    Outlet.objects.update(alert_after_minutes=60)
    go_offline(watched, timezone.now())
    wait(clock, 50 * MINUTE)
    assert subjects() == []
    wait(clock, 15 * MINUTE)
    assert len(subjects()) == 1


@override_settings(**MAIL)
def test_outlets_of_a_chain_that_go_offline_together_share_a_message(watched: Integration, clock: Any) -> None:
    since = NOON - timedelta(hours=2)
    chain = [watched, *(another(f"Shop {number}", since) for number in range(60))]
    stranger = another("Elsewhere", since, organisation="Café Anna")
    for number, each in enumerate([*chain, stranger]):
        go_offline(each, timezone.now() + timedelta(seconds=number % 40))
    wait(clock, 15 * MINUTE)
    assert sorted(subjects()) == [
        "Alert: 61 outlets of Trattoria Bella are offline",
        "Alert: Café Anna – Elsewhere is offline",
    ]
    body = Mail.objects.get(subject__contains="61").body
    assert "... and 11 more." in body
    for each in chain[:-1]:
        go_online(each, timezone.now())
    wait(clock, 5 * MINUTE)
    assert len(subjects()) == 2
    go_online(chain[-1], timezone.now())
    wait(clock, 5 * MINUTE)
    assert subjects()[2:] == ["Ended: 61 outlets of Trattoria Bella were offline"]


@override_settings(**MAIL)
def test_outlets_that_never_connected_or_are_disabled_raise_no_alert(watched: Integration, clock: Any) -> None:
    make_enabled_outlet("Never")
    disable(watched, reason="closed for good", actor=ANNA)
    go_offline(watched, timezone.now())
    wait(clock, 30 * MINUTE)
    assert subjects() == []


@override_settings(**MAIL)
def test_outlets_have_their_full_limit_to_reconnect_after_the_portal_was_down(watched: Integration, clock: Any) -> None:
    go_offline(watched, timezone.now())
    clock.move_to(timezone.now() + timedelta(hours=3))  # alerts were not updated, because the portal was down
    alerts.update()
    wait(clock, 8 * MINUTE)
    assert subjects() == []
    wait(clock, 10 * MINUTE)
    assert len(subjects()) == 1


@override_settings(**MAIL)
def test_an_alert_that_ends_before_it_was_reported_is_dropped(watched: Integration, clock: Any) -> None:
    with mock.patch.object(alerts, "ALERT_GROUP_SECONDS", 180):
        go_offline(watched, timezone.now())
        wait(clock, 10 * MINUTE)
        assert Alert.objects.count() == 1
        go_online(watched, timezone.now())
        wait(clock, 10 * MINUTE)
    assert (Alert.objects.count(), AlertMember.objects.count(), subjects()) == (0, 0, [])


@override_settings(**MAIL)
def test_outside_opening_hours_no_alert_is_raised_and_the_limit_starts_at_opening(
    watched: Integration, clock: Any
) -> None:
    # In winter, the outlet opens at 14:00 UTC.
    Outlet.objects.update(opening_hours="mon-sun 15:00-22:00", time_zone="Europe/Vienna")
    go_offline(watched, timezone.now())
    wait(clock, datetime(2026, 3, 1, 14, 9, tzinfo=NOON.tzinfo) - timezone.now())
    assert subjects() == []
    wait(clock, 5 * MINUTE)
    assert len(subjects()) == 1


@pytest.mark.parametrize(
    ("of_outlet", "of_organisation", "used"),
    [("Asia/Tokyo", "Europe/Vienna", "Asia/Tokyo"), ("", "Europe/Vienna", "Europe/Vienna"), ("", "", "Europe/Lisbon")],
)
@override_settings(TIME_ZONE="Europe/Lisbon")
def test_opening_hours_are_in_the_time_zone_of_the_outlet_or_organisation_or_portal(
    of_outlet: str, of_organisation: str, used: str
) -> None:
    outlet = Outlet(time_zone=of_outlet, organisation=Organisation(time_zone=of_organisation))
    assert alert_conditions._zone_of(outlet).key == used


@override_settings(**MAIL)
def test_a_burst_of_refusals_is_reported_once_at_its_start_and_end(watched: Integration, clock: Any) -> None:
    for _ in range(9):
        make_refusal(watched)
    wait(clock, 3 * MINUTE)
    assert subjects() == []
    for _ in range(10):
        make_refusal(watched)
    wait(clock, 3 * MINUTE)
    assert subjects() == ["Alert: many refused authentications (Trattoria Bella – Station)"]
    wait(clock, 10 * MINUTE)
    assert subjects()[1:] == ["Ended: many refused authentications (Trattoria Bella – Station)"]


@override_settings(**MAIL)
@mock.patch.object(alert_conditions, "ALERT_REFUSALS", 20)
def test_a_burst_of_unknown_outlets_is_reported_to_recipients_of_all_alerts(watched: Integration, clock: Any) -> None:
    add_recipient("bella@example.com", BELLA)
    for _ in range(20):
        make_refusal(None)
    wait(clock, 3 * MINUTE)
    assert list(Mail.objects.values_list("recipient", flat=True)) == ["all@example.com"]


@override_settings(**MAIL)
def test_an_overlap_that_ends_while_the_pos_uses_the_old_secret_is_reported(watched: Integration, clock: Any) -> None:
    rotate_secret(watched, overlap="24h", actor=ANNA)
    wait(clock, 5 * MINUTE)
    older = Credential.objects.get(is_current=False)
    Credential.objects.filter(pk=older.pk).update(last_used_at=timezone.now())
    wait(clock, 5 * MINUTE)
    assert subjects() == []
    clock.move_to(timezone.now() + timedelta(hours=12))
    wait(clock, 3 * MINUTE)
    assert subjects() == ["Alert: credentials about to expire (Trattoria Bella – Station)"]
    assert older.shown in Mail.objects.get().body
    Credential.objects.filter(is_current=True).update(last_used_at=timezone.now())
    wait(clock, 3 * MINUTE)
    assert subjects()[1:] == ["Ended: credentials about to expire (Trattoria Bella – Station)"]


@override_settings(**MAIL)
def test_an_overlap_with_an_unused_old_secret_raises_no_alert(watched: Integration, clock: Any) -> None:
    rotate_secret(watched, overlap="1h", actor=ANNA)
    wait(clock, 45 * MINUTE)
    end_overlap(watched, actor=ANNA)
    assert subjects() == []


@override_settings(**MAIL)
def test_an_api_key_near_its_expiry_is_reported(watched: Integration, clock: Any) -> None:
    create_api_key("crm", expires_at=timezone.now() + timedelta(days=15), actor=ANNA)
    wait(clock, 3 * MINUTE)
    assert subjects() == []
    clock.move_to(timezone.now() + timedelta(days=1))
    wait(clock, 3 * MINUTE)
    assert subjects() == ["Alert: credentials about to expire (API key crm)"]


@override_settings(**MAIL)
def test_the_subject_of_an_alert_about_several_credentials_counts_them(watched: Integration, clock: Any) -> None:
    for name in ("crm", "erp"):
        create_api_key(name, expires_at=timezone.now() + timedelta(days=13), actor=ANNA)
    wait(clock, 3 * MINUTE)
    assert subjects() == ["Alert: 2 credentials are about to expire"]


@override_settings(**MAIL)
def test_only_recipients_of_the_organisation_and_of_all_get_one_mail_each(watched: Integration, clock: Any) -> None:
    add_recipient("ALL@example.com", BELLA)  # the same person again
    add_recipient("bella@example.com", BELLA)
    add_recipient("stranger@example.com", "Café Anna")
    go_offline(watched, timezone.now())
    wait(clock, 15 * MINUTE)
    recipients = sorted(Mail.objects.values_list("recipient", flat=True))
    assert recipients == ["all@example.com", "bella@example.com"]


def test_without_a_mail_server_alerts_are_stored_and_sent_only_to_webhooks(watched: Integration, clock: Any) -> None:
    make_endpoint(kinds=[NoticeKind.ALERT_BEGAN, NoticeKind.ALERT_ENDED])
    go_offline(watched, timezone.now())
    wait(clock, 15 * MINUTE)
    go_online(watched, timezone.now())
    wait(clock, 5 * MINUTE)
    assert not Mail.objects.exists()
    began, ended = Notice.objects.order_by("pk")
    assert (began.kind, began.data["what"], began.data["count"]) == (NoticeKind.ALERT_BEGAN, AlertKind.OFFLINE, 1)
    assert began.data["subjects"][0]["name"] == f"{BELLA} – {STATION}"
    assert (ended.kind, ended.data["alert"]) == (NoticeKind.ALERT_ENDED, began.data["alert"])


def test_a_run_takes_a_fixed_number_of_queries(watched: Integration, clock: Any) -> None:
    since = NOON - timedelta(hours=2)
    for number in range(20):
        go_offline(another(f"Shop {number}", since), timezone.now() - timedelta(hours=1))
    wait(clock, 3 * MINUTE)
    assert AlertMember.objects.count() == 20
    with CaptureQueriesContext(connection) as queries:
        alerts.update()
    assert len(queries) < 30


class Mailing(InProcess):
    async def test_an_alert_reaches_a_mail_server(self) -> None:
        with mail_sink() as sink, override_settings(**_to(sink.port)):
            await in_main(add_recipient, "all@example.com")
            await in_main(
                mailing.write, None, subject="Alert: Küche is offline\nBcc: x@example.com", body="Since noon."
            )
            await mailing.send_due()
            await mailing.send_due()
            (mail,) = sink.got
        assert mail["to"] == "all@example.com"
        assert mail["subject"] == "Alert: Küche is offline Bcc: x@example.com"
        assert mail["bcc"] is None
        assert "Since noon." in mail.get_content()
        assert (await in_main(Mail.objects.get)).state == MailState.SENT

    async def test_a_refusing_or_unreachable_mail_server_is_retried_and_blocks_nothing(self) -> None:
        with mail_sink() as sink, override_settings(**_to(sink.port)):
            await in_main(add_recipient, "all@example.com")
            await in_main(mailing.write, None, subject="Alert", body="Since noon.")
            sink.refuses = True
            with self.assertLogs("integrations.services.notices.mailing", "WARNING"):
                await mailing.send_due()
            row = await in_main(Mail.objects.get)
            assert (row.state, row.tries) == (MailState.PENDING, 1)
            assert "try later" in row.error
            await in_main(Mail.objects.update, next_at=timezone.now())
            with override_settings(**_to(9)), self.assertLogs("integrations.services.notices.mailing", "WARNING"):
                await mailing.send_due()
            sink.refuses = False
            await in_main(Mail.objects.update, next_at=timezone.now())
            await mailing.send_due()
            assert len(sink.got) == 1

    async def test_a_mail_that_is_always_rejected_is_abandoned(self) -> None:
        with override_settings(**_to(9)):
            await in_main(add_recipient, "all@example.com")
            await in_main(mailing.write, None, subject="Alert", body="Since noon.")
            for _ in range(len(mailing.SCHEDULE) + 1):
                await in_main(Mail.objects.update, next_at=timezone.now())
                with self.assertLogs("integrations.services.notices.mailing", "WARNING"):
                    await mailing.send_due()
        assert (await in_main(Mail.objects.get)).state == MailState.FAILED


def _to(port: int) -> dict[str, Any]:
    url = f"smtp://127.0.0.1:{port}"
    return {"EMAIL_URL": url, "MAILERS": {"default": service_urls.mail(url)}}
