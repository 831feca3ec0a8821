"""The start page shows first what needs attention, and each entry leads to the page that explains it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from integrations.models import (
    Alert,
    AuthAttempt,
    Connection,
    Credential,
    HandoverLink,
    Integration,
    Outlet,
    Presence,
    WebhookEndpoint,
)
from integrations.models.attempt import Outcome, PosEndpoint
from integrations.models.notices.alert import AlertKind
from integrations.services.integration import pos_secrets, waits
from integrations.services.integration.enabling import disable
from integrations.services.overview import attention
from integrations.services.overview.attention import SENDERS, Concern, read_pending, read_refused
from tests.support.factories import ANNA, Enabled, make_enabled_outlet, make_organisation
from tests.support.staff.pages import act_url, be_refused, be_seen, client_of, text

MOST_QUERIES = 9  # queries of the page, including those for the session and the person
START = reverse("admin:index")
OTHER_ID = "b90066de-1a2b-4c3d-8e9f-0123456789ab"


def group(page: Any, name: str) -> str:
    """Return the HTML of one group of entries, or an empty text."""
    found = re.search(rf'<section data-key="{name}".*?</section>', page.content.decode(), re.DOTALL)
    return found[0] if found else ""


def refused(organisations: frozenset[int] | None = None) -> list[tuple[Integration | None, Outcome, int]]:
    return [(each.integration, each.cause, each.count) for each in read_refused(organisations, timezone.now())]


def test_nothing_needs_attention_when_the_only_outlet_works(staff: Client, enabled: Enabled) -> None:
    be_seen(enabled.integration, heartbeat_at=timezone.now())
    Credential.objects.update(last_used_at=timezone.now())
    assert "Needs attention now Nothing needs attention." in text(staff.get(START))


def test_an_outlet_that_is_offline_leads_to_its_check(staff: Client, enabled: Enabled) -> None:
    be_seen(enabled.integration, heartbeat_at=timezone.now(), closed=True)
    entry = group(staff.get(START), "offline")
    assert act_url(enabled.integration, "check") in entry
    assert "for 1 h 0 min: the POS closed the connection" in entry


@pytest.mark.parametrize("outcome", [Outcome.WRONG_SECRET, Outcome.WRONG_POS_REMOTE_ID, Outcome.DISABLED])
def test_a_refused_outlet_leads_to_its_check_with_the_reason(staff: Client, enabled: Enabled, outcome: Outcome) -> None:
    for _ in range(3):
        be_refused(enabled.integration, outcome)
    entry = group(staff.get(START), "refused")
    assert act_url(enabled.integration, "check") in entry
    assert f"{outcome.label}, just now, 3 times in the last hour" in entry


def test_a_block_does_not_hide_the_reason(enabled: Enabled) -> None:
    be_refused(enabled.integration, Outcome.RETIRED_SECRET)
    be_refused(enabled.integration, Outcome.THROTTLED)
    assert refused() == [(enabled.integration, Outcome.RETIRED_SECRET, 2)]
    be_refused(enabled.integration, Outcome.THROTTLED, cause=Outcome.MISTYPED_SECRET)
    assert refused() == [(enabled.integration, Outcome.MISTYPED_SECRET, 3)]


def test_an_unknown_id_with_a_known_pos_remote_id_leads_to_the_outlet_that_was_meant(enabled: Enabled) -> None:
    be_refused(None, Outcome.UNKNOWN_OUTLET, provider_outlet_id="mistyped", pos_remote_id_of=enabled.integration)
    be_refused(None, Outcome.UNKNOWN_OUTLET, provider_outlet_id="other")
    assert refused() == [(enabled.integration, Outcome.UNKNOWN_OUTLET, 1), (None, Outcome.UNKNOWN_OUTLET, 1)]


@pytest.mark.parametrize("outcome", [Outcome.WRONG_SECRET, Outcome.MISTYPED_SECRET])
def test_a_till_with_the_provider_outlet_id_of_another_outlet_is_refused_at_both(
    staff: Client, enabled: Enabled, outcome: Outcome
) -> None:
    own, other = enabled.integration, make_enabled_outlet("Harbour").integration
    be_refused(other, outcome, pos_remote_id_of=own)
    assert {each for each, _, _ in refused()} == {own, other}
    entry = group(staff.get(START), "refused")
    assert entry.count("ProviderOutletID and POSRemoteID of different outlets, just now") == 2
    be_refused(own, outcome, pos_remote_id_of=other)
    assert {(each, count) for each, _, count in refused()} == {(own, 2), (other, 2)}
    be_refused(own, Outcome.ACCEPTED)
    assert refused() == [(other, outcome, 2)]


def test_a_till_that_proved_its_secret_is_refused_at_its_own_outlet_only(enabled: Enabled) -> None:
    other = make_enabled_outlet("Harbour").integration
    be_refused(enabled.integration, Outcome.WRONG_POS_REMOTE_ID, pos_remote_id_of=other)
    assert refused() == [(enabled.integration, Outcome.WRONG_POS_REMOTE_ID, 1)]


def test_a_limited_person_does_not_learn_from_start_which_ids_others_have(enabled: Enabled) -> None:
    own, foreign = enabled.integration, make_enabled_outlet("Foreign").integration
    Outlet.objects.filter(pk=foreign.outlet_id).update(organisation=make_organisation("Another"))
    be_refused(own, Outcome.WRONG_SECRET, pos_remote_id_of=foreign)
    be_refused(foreign, Outcome.WRONG_SECRET, pos_remote_id_of=own)
    (seen,) = read_refused(frozenset({own.outlet.organisation_id}), timezone.now())
    assert (seen.integration, seen.reason, seen.count) == (own, "Wrong secret", 1)


def test_an_unknown_outlet_leads_to_its_attempt(staff: Client, enabled: Enabled) -> None:
    attempt = be_refused(None, Outcome.UNKNOWN_OUTLET, provider_outlet_id="other")
    entry = group(staff.get(START), "unknown")
    assert reverse("admin:integrations_authattempt_change", args=(attempt.pk,)) in entry
    assert "Unknown outlet “other”" in entry


def test_known_and_unknown_refused_outlets_do_not_displace_each_other(staff: Client) -> None:
    known = [make_enabled_outlet(f"Outlet {number}").integration for number in range(7)]
    attempts = [be_refused(None, Outcome.UNKNOWN_OUTLET, provider_outlet_id=f"other-{n}") for n in range(8)]
    for each in known:
        be_refused(each, Outcome.WRONG_SECRET)
    page = staff.get(START)
    shown = [act_url(each, "check") in group(page, "refused") for each in known]
    assert shown == [False] * 2 + [True] * 5
    shown = [
        reverse("admin:integrations_authattempt_change", args=(each.pk,)) in group(page, "unknown") for each in attempts
    ]
    assert shown == [False] * 3 + [True] * 5
    assert "The whole list" in group(page, "refused")
    assert "The whole list" in group(page, "unknown")


def test_the_spellings_of_an_unknown_id_are_one_entry(enabled: Enabled) -> None:
    for sent in (OTHER_ID, OTHER_ID.upper(), f"{{{OTHER_ID}}}"):
        be_refused(None, Outcome.UNKNOWN_OUTLET, provider_outlet_id=sent, pos_remote_id="Bella-1")
    be_refused(None, Outcome.UNKNOWN_OUTLET, provider_outlet_id=OTHER_ID, pos_remote_id="Bella-2")
    assert refused() == [(None, Outcome.UNKNOWN_OUTLET, 4)]


def test_the_many_refusals_of_one_till_hide_no_other(enabled: Enabled) -> None:
    quiet, noisy = enabled.integration, make_enabled_outlet("Harbour").integration
    be_refused(quiet, Outcome.MISTYPED_SECRET)
    be_refused(None, Outcome.UNKNOWN_OUTLET, provider_outlet_id="quiet")
    now = timezone.now()
    for sender in ({"integration": noisy}, {"provider_outlet_id": "noisy"}):
        values = {"at": now, "endpoint": PosEndpoint.AUTH, "outcome": Outcome.WRONG_SECRET, **sender}
        AuthAttempt.objects.bulk_create([AuthAttempt(**values) for _ in range(500)])
    assert refused() == [
        (noisy, Outcome.WRONG_SECRET, 500),
        (quiet, Outcome.MISTYPED_SECRET, 1),
        (None, Outcome.UNKNOWN_OUTLET, 500),
        (None, Outcome.UNKNOWN_OUTLET, 1),
    ]


@pytest.mark.django_db
def test_in_a_flood_only_the_newest_attempts_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "ATTEMPTS", 2)
    for name in ("first", "second", "third", "fourth"):
        be_refused(None, Outcome.UNKNOWN_OUTLET, provider_outlet_id=name)
    names = [each.attempt.provider_outlet_id for each in read_refused(None, timezone.now())]
    assert names[:2] == ["fourth", "third"]
    assert "first" not in names


def test_the_many_refused_outlets_that_recovered_hide_no_other(enabled: Enabled) -> None:
    be_refused(enabled.integration, Outcome.MISTYPED_SECRET)
    for number in range(SENDERS + 5):
        recovered = make_enabled_outlet(f"Outlet {number}").integration
        be_refused(recovered, Outcome.WRONG_SECRET)
        be_refused(recovered, Outcome.ACCEPTED)
    assert refused() == [(enabled.integration, Outcome.MISTYPED_SECRET, 1)]


def test_the_beginning_of_an_adopted_secret_has_one_ellipsis(staff: Client, enabled: Enabled) -> None:
    assert "ONPS-" in group(staff.get(START), "unused")
    assert "…, created" in group(staff.get(START), "unused")
    Credential.objects.update(shown="g… (19 characters)")
    assert "g… (19 characters), created" in group(staff.get(START), "unused")


def test_a_refusal_is_over_when_the_outlet_connects_is_disabled_or_gets_new_values(enabled: Enabled) -> None:
    be_refused(enabled.integration, Outcome.WRONG_SECRET)
    assert len(refused()) == 1
    connection = be_seen(enabled.integration, heartbeat_at=timezone.now())
    assert len(refused()) == 1
    Connection.objects.filter(pk=connection.pk).update(opened_at=timezone.now())
    assert refused() == []
    be_refused(enabled.integration, Outcome.WRONG_SECRET)
    assert len(refused()) == 1
    pos_secrets.rotate_secret(enabled.integration, overlap="24h", actor=ANNA)
    assert refused() == []
    be_refused(enabled.integration, Outcome.WRONG_SECRET)
    assert len(refused()) == 1
    pos_secrets.replace_unused_secret(enabled.integration, actor=ANNA)
    assert refused() == []
    be_refused(enabled.integration, Outcome.WRONG_SECRET)
    disable(enabled.integration, reason="A pause", actor=ANNA)
    assert refused() == []


def test_an_outlet_stays_refused_after_the_end_of_its_wait_or_overlap(staff: Client, enabled: Enabled) -> None:
    own = enabled.integration
    pos_secrets.rotate_secret(own, overlap="24h", actor=ANNA)
    be_refused(own, Outcome.WRONG_SECRET)
    pos_secrets.end_overlap(own, actor=ANNA)
    assert "Wrong secret, just now</span>" in group(staff.get(START), "refused")
    be_refused(own, Outcome.THROTTLED, cause=Outcome.WRONG_SECRET)
    assert "Wrong secret, just now, 2 times in the last hour</span>" in group(staff.get(START), "refused")
    waits.end_wait(own, actor=ANNA)
    assert "2 times in the last hour; the wait is over</span>" in group(staff.get(START), "refused")


def test_two_tills_need_attention_while_one_is_connected(enabled: Enabled) -> None:
    be_refused(enabled.integration, Outcome.SECOND_TILL)
    be_seen(enabled.integration, heartbeat_at=timezone.now())
    Presence.objects.update(since=timezone.now())
    assert refused() == [(enabled.integration, Outcome.SECOND_TILL, 1)]
    AuthAttempt.objects.update(at=timezone.now() - timedelta(minutes=6))
    assert refused() == []


def test_alerts_webhooks_links_and_unused_secrets_need_attention(enabled: Enabled) -> None:
    now = timezone.now()
    organisation = enabled.integration.outlet.organisation
    Alert.objects.create(kind=AlertKind.OFFLINE, organisation=organisation, since=now, notify_at=now, notified_at=now)
    Alert.objects.create(kind=AlertKind.REFUSALS, since=now, notify_at=now, notified_at=now)
    HandoverLink.objects.create(
        integration=enabled.integration, credential=enabled.integration.current_credential(), token_digest="d",
        salt="s", created_by="anna", expires_at=now + timedelta(hours=1),
    )  # fmt: skip
    WebhookEndpoint.objects.create(name="Tills", url="https://example.com/", failing_since=now, secret_created_at=now)
    WebhookEndpoint.objects.create(name="Well", url="https://example.com/2", secret_created_at=now)
    found = {(each.concern, each.subject, each.about) for each in read_pending(None, list(Concern))}
    station, shown = "Trattoria Bella – Station", enabled.integration.current_credential().shown
    assert found == {
        (Concern.ALERT, "Trattoria Bella", "offline"),
        (Concern.ALERT, None, "refusals"),
        (Concern.WEBHOOK, "Tills", "Tills"),
        (Concern.LINK, station, shown),
        (Concern.UNUSED, station, shown),
    }
    assert read_pending(frozenset({0}), list(Concern)) == []
    assert read_pending(None, []) == []


def test_each_kind_shows_five_entries_and_a_link_to_the_rest(staff: Client) -> None:
    for number in range(6):
        make_enabled_outlet(f"Outlet {number}")
    entries = group(staff.get(START), "unused")
    assert entries.count("<li") == 5
    assert "The whole list" in entries


def test_start_leads_to_a_list_of_all_open_alerts_and_of_all_links_that_were_not_opened(staff: Client) -> None:
    now = timezone.now()
    alert = {"kind": AlertKind.REFUSALS, "since": now, "notify_at": now, "notified_at": now}
    for number in range(7):
        Alert.objects.create(
            organisation=make_organisation(f"Chain {number}"), ended_at=None if number else now, **alert
        )
        own = make_enabled_outlet(f"Outlet {number}").integration
        HandoverLink.objects.create(
            integration=own,
            credential=own.current_credential(),
            token_digest=f"digest-{number}",
            sealed="x",
            expires_at=now + timedelta(hours=1 if number else -1),
        )
    page = staff.get(START)
    for name in ("alert", "link"):
        (url,) = re.findall(r'<p><a href="([^"]+)">All of them</a>', group(page, name))
        assert len(staff.get(url).context["cl"].result_list) == 6


def test_a_person_sees_only_what_they_may_open(enabled: Enabled) -> None:
    be_refused(enabled.integration, Outcome.WRONG_SECRET)
    page = client_of("view_outlet").get(START)
    assert "Nothing needs attention." in text(page)
    page = client_of("view_outlet", "view_integration").get(START)
    assert "Secrets never used" in text(page)
    assert "Wrong secret, just now" not in text(page)


def test_the_light_is_green_only_if_an_outlet_is_online(staff: Client, enabled: Enabled) -> None:
    light = re.compile(r"onp-sentence onp-state onp-([a-z-]+)")
    assert light.findall(staff.get(START).content.decode()) == ["never-seen"]
    be_seen(enabled.integration, heartbeat_at=timezone.now())
    assert light.findall(staff.get(START).content.decode()) == ["online"]
    Presence.objects.update(is_online=False)
    assert light.findall(staff.get(START).content.decode()) == ["offline"]


def test_the_text_does_not_change_with_each_second(staff: Client, enabled: Enabled) -> None:
    since = timezone.now() - timedelta(seconds=20)
    WebhookEndpoint.objects.create(
        name="Tills", url="https://example.com/", failing_since=since, secret_created_at=since
    )
    assert "for less than a minute" in group(staff.get(START), "webhook")


def test_the_start_page_takes_at_most_nine_queries(staff: Client, enabled: Enabled) -> None:
    be_seen(enabled.integration, heartbeat_at=timezone.now(), closed=True)
    be_refused(enabled.integration, Outcome.WRONG_SECRET)
    # Open the page once before counting, because the first page of a session also adds the session to a list.
    staff.get(START)
    with CaptureQueriesContext(connection) as queries:
        page = staff.get(START)
    assert group(page, "offline")
    assert group(page, "refused")
    assert group(page, "unused")
    assert len(queries) <= MOST_QUERIES
