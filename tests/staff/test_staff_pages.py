"""Tests the start page, lists and integration page, the permissions that each of them needs, and the error pages."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import Connection, Integration, Outlet, StaffLimit, UnrecognisedFrame
from integrations.models.attempt import Outcome, UnrecognisedFrameKind
from integrations.models.connection import CloseReason
from integrations.services.integration import enabling, pos_secrets
from tests.support.factories import ANNA, BELLA, Enabled, make_enabled_outlet, make_outlet
from tests.support.staff.pages import (
    LISTS,
    MaxQueries,
    act_url,
    be_refused,
    be_seen,
    client_of,
    count_queries,
    enable_url,
    list_url,
    outlet_url,
    page_url,
    shown_secret,
    text,
)

ACTIONS = ("rotate", "replace_secret", "end_overlap", "disable", "reenable", "change_pos_remote_id")


@pytest.mark.parametrize("has_replaced", [True, False])
def test_two_tills_with_the_same_credentials_are_shown_on_the_outlets_pages(
    staff: Client, enabled: Enabled, *, has_replaced: bool
) -> None:
    now = timezone.now()
    if has_replaced:
        for _ in range(2):
            be_replaced(enabled.integration)
    else:
        be_refused(enabled.integration, Outcome.SECOND_TILL)
    be_seen(enabled.integration, heartbeat_at=now)
    Integration.objects.filter(pk=enabled.integration.pk).update(changed_at=now - timedelta(days=1))
    assert "Two tills use these credentials" in text(staff.get(page_url(enabled.integration)))


def test_a_till_that_replaced_its_own_lost_connection_is_not_taken_for_two(staff: Client, enabled: Enabled) -> None:
    be_replaced(enabled.integration)
    be_seen(enabled.integration, heartbeat_at=timezone.now())
    assert "Two tills" not in text(staff.get(page_url(enabled.integration)))


def be_replaced(integration: Integration) -> None:
    replaced = be_seen(integration, heartbeat_at=timezone.now(), closed=True)
    Connection.objects.filter(pk=replaced.pk).update(closed_at=timezone.now(), close_reason=CloseReason.REPLACED)


# --- Lists ---


@pytest.mark.parametrize("name", LISTS)
def test_an_empty_list_shows_its_text(staff: Client, name: str) -> None:
    page = staff.get(list_url(name))
    words = page.context["cl"].model_admin.when_empty
    assert words
    assert words in unescape(text(page))


@pytest.mark.parametrize("name", LISTS)
def test_a_search_without_results_says_so(staff: Client, name: str) -> None:
    assert "No matches. Show the whole list" in text(staff.get(list_url(name), {"q": "no such thing"}))


def test_a_person_limited_to_no_organisation_is_told_whom_to_ask(db: None) -> None:
    person = client_of("add_outlet", "add_integration", "add_organisation")
    StaffLimit.objects.create(user=User.objects.get())
    page = text(person.get(reverse("admin:index")))
    assert "Ask an administrator of the portal to choose yours." in page
    assert "Enable the first one" not in page


def test_the_first_page_of_an_empty_portal_leads_to_enabling_an_outlet(staff: Client) -> None:
    page = staff.get(reverse("admin:index"))
    assert page.context["next_step"].url == reverse("admin:integrations_outlet_enable_new")
    assert "No outlet is enabled yet" in text(page)


def test_the_first_page_shows_the_latest_actions(staff: Client, enabled: Enabled) -> None:
    page = text(staff.get(reverse("admin:index")))
    assert "Next step" not in page
    assert "anna enabled Order N Pay Trattoria Bella – Station" in page


def test_an_outlet_shows_each_state_at_a_glance(staff: Client, outlet: Outlet) -> None:
    now = timezone.now()
    make_enabled_outlet("Never")
    be_seen(make_enabled_outlet("On").integration, heartbeat_at=now)
    be_seen(make_enabled_outlet("Off").integration, heartbeat_at=now, closed=True)
    be_seen(make_enabled_outlet("Killed").integration, heartbeat_at=now - timedelta(minutes=5))
    enabling.disable(make_enabled_outlet("Shut").integration, reason="Holiday", actor=ANNA)
    states = states_in(staff.get(list_url("outlet")))
    assert states == {
        "Harbour": "not-enabled",
        "Never": "never-seen",
        "On": "online",
        "Off": "offline",
        "Killed": "offline",
        "Shut": "disabled",
    }
    assert "Holiday" in text(staff.get(list_url("outlet")))


def states_in(page: Any) -> dict[str, str]:
    rows = re.findall(r'field-name"><a[^>]*>([^<]+)</a>.*?onp-state onp-([a-z-]+)', page.content.decode(), re.DOTALL)
    return dict(rows)


def test_a_state_shows_its_start_time(staff: Client, enabled: Enabled) -> None:
    be_seen(enabled.integration, heartbeat_at=timezone.now())
    page = staff.get(list_url("outlet"))
    assert re.search(r"Online since .*?2 hours", text(page))
    assert re.search(r'<time datetime="[0-9T:+-]+" title="[^"]+ UTC">', page.content.decode())


@pytest.mark.parametrize(
    ("state", "names"),
    [
        ("not-enabled", {"Harbour"}),
        ("never-seen", {"Never"}),
        ("online", {"On"}),
        ("offline", {"Off", "Killed"}),
        ("disabled", {"Shut"}),
    ],
)
def test_outlets_are_found_by_their_state(staff: Client, outlet: Outlet, state: str, names: set[str]) -> None:
    now = timezone.now()
    make_enabled_outlet("Never")
    be_seen(make_enabled_outlet("On").integration, heartbeat_at=now)
    be_seen(make_enabled_outlet("Off").integration, heartbeat_at=now, closed=True)
    be_seen(make_enabled_outlet("Killed").integration, heartbeat_at=now - timedelta(minutes=5))
    enabling.disable(make_enabled_outlet("Shut").integration, reason="Holiday", actor=ANNA)
    assert set(states_in(staff.get(list_url("outlet"), {"state": state}))) == names


def test_outlets_are_found_by_every_id_and_name(staff: Client, outlet: Outlet, enabled: Enabled) -> None:
    for query in ("Station", enabled.handover.provider_outlet_id, enabled.handover.pos_remote_id):
        assert set(states_in(staff.get(list_url("outlet"), {"q": query}))) == {"Station"}
    assert set(states_in(staff.get(list_url("outlet"), {"q": BELLA}))) == {"Station", "Harbour"}


def test_outlets_are_found_by_their_organisation(staff: Client, outlet: Outlet) -> None:
    make_outlet("Elsewhere", organisation="Another")
    chosen = staff.get(list_url("outlet"), {"organisation": outlet.organisation_id})
    assert set(states_in(chosen)) == {"Harbour"}


def test_a_list_takes_as_many_queries_for_60_outlets_as_for_2(
    staff: Client, django_assert_max_num_queries: MaxQueries
) -> None:
    def query_counts() -> dict[str, int]:
        return {name: count_queries(staff, list_url(name), django_assert_max_num_queries) for name in LISTS}

    make_busy_outlets(range(2))
    few = query_counts()
    make_busy_outlets(range(2, 60))
    assert query_counts() == few


def test_the_page_of_an_integration_takes_a_fixed_number_of_queries(
    staff: Client, enabled: Enabled, django_assert_max_num_queries: MaxQueries
) -> None:
    url = page_url(enabled.integration)
    bare = count_queries(staff, url, django_assert_max_num_queries)
    for _ in range(30):
        be_seen(enabled.integration, heartbeat_at=timezone.now(), closed=True)
        be_refused(enabled.integration, Outcome.WRONG_SECRET)
    for _ in range(5):
        pos_secrets.rotate_secret(enabled.fresh(), actor=ANNA)
    assert count_queries(staff, url, django_assert_max_num_queries) == bare


def make_busy_outlets(numbers: range) -> None:
    for number in numbers:
        integration = make_enabled_outlet(f"Outlet {number}").integration
        be_seen(integration, heartbeat_at=timezone.now())
        be_refused(integration, Outcome.WRONG_SECRET)
        UnrecognisedFrame.objects.create(
            at=timezone.now(), integration=integration, connection_id="0" * 32,
            kind=UnrecognisedFrameKind.NOT_JSON, size=5, excerpt="hello",
        )  # fmt: skip


# --- The page of an integration ---


def test_the_page_says_why_a_pos_is_refused(staff: Client, enabled: Enabled) -> None:
    values = {"pos_remote_id": "Bella-Harbour", "pos_remote_id_of": make_enabled_outlet("Harbour").integration}
    be_refused(enabled.integration, Outcome.WRONG_POS_REMOTE_ID, **values)
    page = text(staff.get(page_url(enabled.integration)))
    assert "The POS has never been connected. 3 of 7 steps are done. The POSRemoteID does not match." in page
    assert "is that of outlet Trattoria Bella – Harbour" in page


def test_the_page_says_how_the_last_connection_ended(staff: Client, enabled: Enabled) -> None:
    be_seen(enabled.integration, heartbeat_at=timezone.now(), closed=True)
    page = text(staff.get(page_url(enabled.integration)))
    assert "Offline for 1 h 0 min: the POS closed the connection (1000). Before that online for 1 h 0 min." in page


def test_the_page_of_an_integration_whose_server_was_killed_does_not_say_online(
    staff: Client, enabled: Enabled
) -> None:
    be_seen(enabled.integration, heartbeat_at=timezone.now() - timedelta(minutes=5))
    page = text(staff.get(page_url(enabled.integration)))
    assert re.search(r"Offline since .*?5 minutes", page)
    assert "its server process stopped responding" in page


def test_the_page_of_a_disabled_outlet_gives_the_reason_and_the_button_once(staff: Client, enabled: Enabled) -> None:
    enabling.disable(enabled.integration, reason="The till is replaced", actor=ANNA)
    page = staff.get(page_url(enabled.integration))
    head, _, _ = text(page).partition("Values PowerEPOS needs")
    assert (head.count("The till is replaced"), head.lower().count("enable it again")) == (1, 1)
    assert page.content.decode().count(act_url(enabled.integration, "reenable")) == 1


def test_the_page_of_a_new_integration_explains_its_empty_sections(staff: Client, enabled: Enabled) -> None:
    page = text(staff.get(page_url(enabled.integration)))
    for sentence in ("has not tried to connect yet", "No attempts yet", "No connections yet", "No unrecognised frames"):
        assert sentence in page


def test_the_page_of_a_missing_integration_redirects_to_the_list(staff: Client) -> None:
    assert staff.get(reverse("admin:integrations_integration_change", args=(99,))).status_code == 302
    assert staff.get(reverse("admin:integrations_integration_rotate", args=(99,))).status_code == 404
    assert staff.get(reverse("admin:integrations_outlet_enable", args=(99,))).status_code == 404


# --- Permissions ---


def test_every_page_requires_a_sign_in(client: Client, enabled: Enabled, outlet: Outlet) -> None:
    urls = [
        page_url(enabled.integration),
        enable_url(outlet),
        *(act_url(enabled.integration, action) for action in ACTIONS),
    ]
    for url in urls:
        for answer in (client.get(url), client.post(url)):
            assert answer.status_code == 302
            assert answer["Location"].startswith(reverse("admin:login"))


def test_a_person_with_view_rights_only_is_refused_every_action_and_sees_no_button(
    enabled: Enabled, outlet: Outlet
) -> None:
    viewer = client_of("view_integration", "view_outlet")
    for url in (enable_url(outlet), *(act_url(enabled.integration, action) for action in ACTIONS)):
        assert viewer.get(url).status_code == 403
        assert viewer.post(url).status_code == 403
        for page in (page_url(enabled.integration), list_url("outlet"), outlet_url(outlet)):
            assert url not in viewer.get(page).content.decode()


def test_a_person_may_enable_without_the_right_to_rotate(enabled: Enabled, outlet: Outlet) -> None:
    enabler = client_of("view_integration", "view_outlet", "add_integration")
    assert enable_url(outlet) in enabler.get(list_url("outlet")).content.decode()
    assert enabler.get(act_url(enabled.integration, "rotate")).status_code == 403
    assert shown_secret(enabler.post(enable_url(outlet), {"pos_remote_id": "B"}))


def test_a_person_with_the_rights_sees_the_buttons(enabled: Enabled) -> None:
    operator = client_of("view_outlet", "change_integration")
    page = operator.get(page_url(enabled.integration)).content.decode()
    for action in ("rotate", "disable", "change_pos_remote_id"):
        assert act_url(enabled.integration, action) in page
    assert "Audit events" not in page


def test_a_person_without_rights_sees_an_explanation(enabled: Enabled) -> None:
    without_rights = client_of()
    for url in (page_url(enabled.integration), *(list_url(name) for name in LISTS)):
        answer = without_rights.get(url)
        assert answer.status_code == 403
        assert "You are not allowed to do this" in text(answer)


def test_an_action_without_the_csrf_token_is_refused_with_an_explanation(boss: User, enabled: Enabled) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(boss)
    answer = strict.post(act_url(enabled.integration, "disable"), {"reason": "Forged"})
    assert answer.status_code == 403
    assert "This form has expired" in text(answer)
    assert enabled.fresh().is_enabled


# --- Error pages and the content security policy ---


def test_an_unknown_url_links_to_the_first_page(client: Client) -> None:
    answer = client.get("/no-such-page")
    assert answer.status_code == 404
    assert "Page not found" in text(answer)
    assert 'href="/admin/"' in answer.content.decode()


def test_an_unknown_host_name_is_refused_with_an_explanation(client: Client) -> None:
    answer = client.get("/admin/", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert "ALLOWED_HOSTS" in text(answer)


def test_an_internal_error_shows_a_page_that_says_what_to_do(
    staff: Client, monkeypatch: pytest.MonkeyPatch, enabled: Enabled
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr("integrations.staff.integration.page.context_of", fail)
    staff.raise_request_exception = False
    answer = staff.get(page_url(enabled.integration))
    assert answer.status_code == 500
    assert "Something went wrong in the portal" in text(answer)


def test_no_page_contains_an_inline_script_or_style(staff: Client, enabled: Enabled) -> None:
    outlet = make_outlet("Inline")
    pages = [
        *(staff.get(list_url(name)) for name in LISTS),
        staff.get(reverse("admin:index")),
        staff.get(page_url(enabled.integration)),
        staff.get(outlet_url(outlet)),
        staff.get(enable_url(outlet)),
        staff.post(enable_url(outlet), {"pos_remote_id": "B"}),
        staff.get(act_url(enabled.integration, "rotate")),
        staff.get("/no-such-page"),
    ]
    for page in pages:
        inline = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son\w+=|javascript:", page.content.decode())
        assert inline == []
