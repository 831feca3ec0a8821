"""Door 2: what staff see, what they may do, and that a secret is shown once and kept nowhere."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.admin import ModelAdmin, site
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import (
    AuditEvent,
    AuthAttempt,
    Connection,
    Credential,
    Integration,
    NoticeCursor,
    Organisation,
    Outlet,
    Presence,
    StrayFrame,
)
from integrations.models.attempt import Door, Outcome, StrayFrameKind
from integrations.models.audit import Verb
from integrations.models.connection import CloseReason
from integrations.security import secret_digests
from integrations.security.secret_digests import SecretKind
from integrations.services.integration import enabling, pos_secrets
from tests.support.factories import ADOPTED, ANNA, BELLA, Enabled, make_enabled_outlet, make_outlet, make_process

SECRET = re.compile(r"ONPS(?:-[0-9A-Z]{5}){7}")
LISTS = ("organisation", "outlet", "integration", "connection", "authattempt", "strayframe", "auditevent")
BACKEND_LISTS = ("request", "apikey", "messagetype")  # api_keys/test_staff_backend_pages.py
NOTICE_LISTS = ("alert", "alertrecipient", "webhookendpoint", "delivery")  # notices/test_staff_notice_pages.py
MANY_LISTS = ("handoverlink",)  # bulk/test_staff_many.py
RECORDS = ("connection", "authattempt", "strayframe", "auditevent")
ACTS = ("rotate", "end_overlap", "disable", "reenable", "change_pos_remote_id")

MaxQueries = Callable[..., Any]


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss", password="boss-password")


@pytest.fixture
def staff(client: Client, boss: User) -> Client:
    """A browser in which somebody signed in who may do everything."""
    client.force_login(boss)
    return client


def client_of(*rights: str) -> Client:
    """A browser in which somebody signed in who has these rights alone."""
    user = User.objects.create_user(f"user-{User.objects.count()}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights, content_type__app_label="integrations"))
    assert user.user_permissions.count() == len(rights)
    client = Client()
    client.force_login(user)
    return client


def list_url(name: str) -> str:
    return reverse(f"admin:integrations_{name}_changelist")


def outlet_url(outlet: Outlet) -> str:
    return reverse("admin:integrations_outlet_change", args=(outlet.pk,))


def enable_url(outlet: Outlet) -> str:
    return reverse("admin:integrations_outlet_enable", args=(outlet.pk,))


def page_url(integration: Integration) -> str:
    return reverse("admin:integrations_integration_change", args=(integration.pk,))


def act_url(integration: Integration, act: str) -> str:
    return reverse(f"admin:integrations_integration_{act}", args=(integration.pk,))


def text(response: Any) -> str:
    """The page without its tags, blanks folded, as a reader sees it."""
    without_tags = re.sub(r"<[^>]+>", " ", response.content.decode())
    return re.sub(r"\s+", " ", without_tags).replace("\xa0", " ").replace("&nbsp;", " ").replace("&#x27;", "'")


def shown_secret(response: Any) -> str:
    (secret,) = set(SECRET.findall(response.content.decode()))
    return str(secret)


def rotate(staff: Client, integration: Integration, *, overlap: str = "0") -> HttpResponse:
    seen = integration.current_credential().pk
    return staff.post(act_url(integration, "rotate"), {"overlap": overlap, "seen": seen})  # type: ignore[return-value]


def be_seen(integration: Integration, *, heartbeat_at: datetime, closed: bool = False) -> Connection:
    """Let the integration's POS have a connection, as the recorder would write it."""
    now = timezone.now()
    connection = Connection.objects.create(
        integration=integration,
        credential=integration.current_credential(),
        generation=1,
        process=make_process(heartbeat_at=heartbeat_at),
        opened_at=now - timedelta(hours=2),
        closed_at=now - timedelta(hours=1) if closed else None,
        close_reason=CloseReason.BY_POS if closed else "",
        close_code=1000 if closed else None,
        address="198.51.100.7",
        user_agent="PowerEPOS/8.1",
    )
    Presence.objects.filter(pk=integration.pk).update(
        is_online=not closed,
        since=connection.closed_at or connection.opened_at,
        last_seen_at=connection.closed_at or connection.opened_at,
        connection=connection,
    )
    return connection


@pytest.mark.parametrize("has_replaced", [True, False])
def test_two_tills_with_the_same_credentials_are_shown_on_the_outlets_pages(
    staff: Client, enabled: Enabled, *, has_replaced: bool
) -> None:
    now = timezone.now()
    if has_replaced:
        replaced = be_seen(enabled.integration, heartbeat_at=now, closed=True)
        Connection.objects.filter(pk=replaced.pk).update(closed_at=now, close_reason=CloseReason.REPLACED)
    else:
        be_refused(enabled.integration, Outcome.SECOND_TILL)
    be_seen(enabled.integration, heartbeat_at=now)
    Integration.objects.filter(pk=enabled.integration.pk).update(changed_at=now - timedelta(days=1))
    assert "Two tills use these credentials" in text(staff.get(page_url(enabled.integration)))


def be_refused(integration: Integration | None, outcome: Outcome, **values: Any) -> AuthAttempt:
    return AuthAttempt.objects.create(
        at=timezone.now(), door=Door.AUTH, outcome=outcome, integration=integration, address="198.51.100.7", **values
    )


# --- Lists ---


@pytest.mark.parametrize("name", LISTS)
def test_an_empty_list_shows_its_text(staff: Client, name: str) -> None:
    page = staff.get(list_url(name))
    words = page.context["cl"].model_admin.when_empty
    assert words
    assert words in unescape(text(page))


@pytest.mark.parametrize("name", LISTS)
def test_a_search_without_a_find_says_so(staff: Client, name: str) -> None:
    assert "No matches. Show the whole list" in text(staff.get(list_url(name), {"q": "no such thing"}))


def test_the_first_page_of_an_empty_portal_leads_to_the_first_outlet(staff: Client) -> None:
    page = staff.get(reverse("admin:index"))
    assert reverse("admin:integrations_outlet_add") in page.content.decode()
    assert "There is no outlet yet" in text(page)


def test_the_first_page_leads_on_to_enabling(staff: Client, outlet: Outlet) -> None:
    assert "No outlet is enabled yet" in text(staff.get(reverse("admin:index")))


def test_the_first_page_says_what_was_done_last(staff: Client, enabled: Enabled) -> None:
    page = text(staff.get(reverse("admin:index")))
    assert "Next step" not in page
    assert "anna enabled Order N Pay Trattoria Bella – Station" in page


def test_the_lists_stand_in_the_order_of_the_work(staff: Client) -> None:
    page = staff.get(reverse("admin:index"))
    ours = page.context["app_list"][0]
    shown = [model["object_name"].lower() for model in ours["models"]]
    assert shown == [*LISTS[:3], *MANY_LISTS, *BACKEND_LISTS, *NOTICE_LISTS, *LISTS[3:]]


def test_a_list_whose_admin_class_says_no_position_comes_last(staff: Client) -> None:
    site.register(NoticeCursor, ModelAdmin)
    try:
        page = staff.get(reverse("admin:index"))
    finally:
        site.unregister(NoticeCursor)
    assert page.status_code == 200
    shown = [model["object_name"] for model in page.context["app_list"][0]["models"]]
    assert shown[-2:] == ["AuditEvent", "NoticeCursor"]


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


def test_a_state_says_since_when(staff: Client, enabled: Enabled) -> None:
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
    integrations = text(staff.get(list_url("integration"), {"state": state}))
    assert {name for name in names if name in integrations} == names - {"Harbour"}


def test_outlets_are_found_by_every_id_and_name(staff: Client, outlet: Outlet, enabled: Enabled) -> None:
    for query in ("Station", enabled.handover.provider_outlet_id, enabled.handover.pos_remote_id):
        assert set(states_in(staff.get(list_url("outlet"), {"q": query}))) == {"Station"}
    assert set(states_in(staff.get(list_url("outlet"), {"q": BELLA}))) == {"Station", "Harbour"}


def test_outlets_are_found_by_their_organisation(staff: Client, outlet: Outlet) -> None:
    make_outlet("Elsewhere", organisation="Another")
    chosen = staff.get(list_url("outlet"), {"organisation": outlet.organisation_id})
    assert set(states_in(chosen)) == {"Harbour"}


def test_a_list_asks_as_many_questions_for_60_outlets_as_for_2(
    staff: Client, django_assert_max_num_queries: MaxQueries
) -> None:
    def questions() -> dict[str, int]:
        return {name: count_queries(staff, list_url(name), django_assert_max_num_queries) for name in LISTS}

    make_busy_outlets(range(2))
    few = questions()
    make_busy_outlets(range(2, 60))
    assert questions() == few


def test_a_page_of_an_integration_asks_a_fixed_number_of_questions(
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
        StrayFrame.objects.create(
            at=timezone.now(), integration=integration, connection_id="0" * 32,
            kind=StrayFrameKind.NOT_JSON, size=5, excerpt="hello",
        )  # fmt: skip


def count_queries(staff: Client, url: str, at_most: MaxQueries) -> int:
    with at_most(14) as asked:
        assert staff.get(url).status_code == 200
    return len(asked)


# --- Organisations and outlets ---


def test_a_new_organisation_is_an_audit_event(staff: Client) -> None:
    staff.post(reverse("admin:integrations_organisation_add"), {"name": "Café Zero"}, REMOTE_ADDR="198.51.100.9")
    event = AuditEvent.objects.get(verb=Verb.ORGANISATION_CREATED)
    assert (event.actor_name, event.address, event.subject) == ("boss", "198.51.100.9", "Café Zero")


def test_a_renamed_organisation_is_an_audit_event_with_both_names(staff: Client, outlet: Outlet) -> None:
    staff.post(reverse("admin:integrations_organisation_change", args=(outlet.organisation_id,)), {"name": "Bella Due"})
    event = AuditEvent.objects.get(verb=Verb.ORGANISATION_CHANGED)
    assert event.detail == {"name": {"before": BELLA, "after": "Bella Due"}}
    assert "Trattoria Bella → Bella Due" in text(staff.get(list_url("auditevent")))


def test_saving_what_did_not_change_leaves_no_event(staff: Client, outlet: Outlet) -> None:
    staff.post(reverse("admin:integrations_organisation_change", args=(outlet.organisation_id,)), {"name": BELLA})
    assert not AuditEvent.objects.filter(verb=Verb.ORGANISATION_CHANGED).exists()


def test_a_second_organisation_of_the_same_name_is_an_error_of_the_form(staff: Client, outlet: Outlet) -> None:
    answer = staff.post(reverse("admin:integrations_organisation_add"), {"name": f"{BELLA}\u200b"})
    assert "already exists" in text(answer)
    answer = staff.post(reverse("admin:integrations_organisation_add"), {"name": "Be\u200blla"})
    assert "It contains U+200B ZERO WIDTH SPACE" in text(answer)
    answer = staff.post(reverse("admin:integrations_organisation_add"), {"name": BELLA})
    assert "already exists" in text(answer)
    assert Organisation.objects.count() == 1


def test_a_name_that_looks_like_another_is_saved_with_a_warning(staff: Client, outlet: Outlet) -> None:
    add = reverse("admin:integrations_organisation_add")
    page = text(staff.post(add, {"name": f"{BELLA}\u2019s"}, follow=True))
    assert "differs from" not in page
    page = text(staff.post(add, {"name": f"{BELLA}'s"}, follow=True))
    assert f"“{BELLA}'s” differs from “{BELLA}\u2019s” only in characters that look alike" in page
    page = text(staff.get(add_outlet(staff, outlet.organisation, outlet.name.upper())["Location"]))
    assert f"“{outlet.name.upper()}” differs from “{outlet.name}” only in letter case or accents." in page


def test_a_new_outlet_leads_to_its_page_and_the_next_step(staff: Client, outlet: Outlet) -> None:
    answer = add_outlet(staff, outlet.organisation, "Airport", provider_outlet_id="provider-7")
    made = Outlet.objects.get(name="Airport")
    assert answer["Location"] == outlet_url(made)
    assert enable_url(made) in staff.get(outlet_url(made)).content.decode()
    assert AuditEvent.objects.get(outlet=made).verb == Verb.OUTLET_CREATED


def add_outlet(staff: Client, organisation: Organisation, name: str, **values: str) -> Any:
    values = {"organisation": str(organisation.pk), "name": name, "provider_outlet_id": "an-id"} | values
    return staff.post(reverse("admin:integrations_outlet_add"), values)


@pytest.mark.parametrize(
    ("name", "provider_outlet_id"), [("Harbour", "free"), ("Free", "taken"), ("", "free"), ("Free", "")]
)
def test_an_outlet_that_cannot_be_is_an_error_of_the_form(staff: Client, name: str, provider_outlet_id: str) -> None:
    outlet = make_outlet(provider_outlet_id="taken")
    answer = add_outlet(staff, outlet.organisation, name, provider_outlet_id=provider_outlet_id)
    assert answer.status_code == 200
    assert "Please correct the error" in text(answer)
    assert Outlet.objects.count() == 1


def test_two_people_who_add_the_same_outlet_at_the_same_moment_see_a_sentence(
    staff: Client, outlet: Outlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Outlet, "validate_unique", lambda *_args, **_kwargs: None)
    monkeypatch.setattr(Outlet, "validate_constraints", lambda *_args, **_kwargs: None)
    answer = add_outlet(staff, outlet.organisation, "Harbour")
    assert answer.status_code == 302
    assert [str(message) for message in get_messages(answer.wsgi_request)] == [
        "The organisation already has an outlet with this name. Choose another name."
    ]


def test_the_id_of_an_enabled_outlet_cannot_be_edited(staff: Client, enabled: Enabled) -> None:
    outlet = enabled.integration.outlet
    values = {"organisation": outlet.organisation_id, "name": "Central", "provider_outlet_id": "another"}
    staff.post(outlet_url(outlet), values)
    outlet.refresh_from_db()
    assert (outlet.name, outlet.provider_outlet_id) == ("Central", enabled.handover.provider_outlet_id)
    assert 'name="provider_outlet_id"' not in staff.get(outlet_url(outlet)).content.decode()


def test_an_outlet_that_was_never_enabled_may_be_deleted_and_the_event_outlives_it(
    staff: Client, outlet: Outlet
) -> None:
    staff.post(reverse("admin:integrations_outlet_delete", args=(outlet.pk,)), {"post": "yes"})
    assert not Outlet.objects.exists()
    event = AuditEvent.objects.get(verb=Verb.OUTLET_DELETED)
    assert event.subject == "Trattoria Bella – Harbour"
    assert staff.get(list_url("auditevent")).status_code == 200
    assert staff.get(reverse("admin:integrations_auditevent_change", args=(event.pk,))).status_code == 200


def test_nothing_on_which_something_hangs_is_deleted(staff: Client, enabled: Enabled) -> None:
    outlet = enabled.integration.outlet
    for name, pk in (("outlet", outlet.pk), ("organisation", outlet.organisation_id)):
        assert (
            'class="deletelink"'
            not in staff.get(reverse(f"admin:integrations_{name}_change", args=(pk,))).content.decode()
        )
        url = reverse(f"admin:integrations_{name}_delete", args=(pk,))
        assert staff.post(url, {"post": "yes"}).status_code == 403
    assert Outlet.objects.count() == 1


# --- Records ---


@pytest.mark.parametrize("name", [*RECORDS, "integration"])
def test_records_are_added_changed_and_deleted_by_nobody(staff: Client, enabled: Enabled, name: str) -> None:
    pk = a_record(enabled.integration, name)
    change = reverse(f"admin:integrations_{name}_change", args=(pk,))
    assert staff.get(change).status_code == 200
    assert staff.post(change, {}).status_code in (403, 405)
    assert staff.post(reverse(f"admin:integrations_{name}_add"), {}).status_code == 403
    delete = reverse(f"admin:integrations_{name}_delete", args=(pk,))
    assert staff.post(delete, {"post": "yes"}).status_code == 403


def a_record(integration: Integration, name: str) -> object:
    if name == "integration":
        return integration.pk
    if name == "connection":
        return be_seen(integration, heartbeat_at=timezone.now()).pk
    if name == "authattempt":
        return be_refused(integration, Outcome.WRONG_SECRET).pk
    if name == "strayframe":
        return StrayFrame.objects.create(
            at=timezone.now(), integration=integration, connection_id="0" * 32, kind="binary", size=1
        ).pk
    return AuditEvent.objects.latest("id").pk


def test_what_a_stranger_sent_is_shown_and_not_run(staff: Client, enabled: Enabled) -> None:
    script = "<script>alert(1)</script>"
    be_refused(None, Outcome.UNKNOWN_OUTLET, provider_outlet_id=script, pos_remote_id=script, user_agent=script)
    be_refused(enabled.integration, Outcome.WRONG_POS_REMOTE_ID, pos_remote_id=script, detail=script)
    StrayFrame.objects.create(
        at=timezone.now(), integration=enabled.integration, connection_id="0" * 32, kind="not_json", size=9,
        excerpt=script,
    )  # fmt: skip
    for url in (list_url("authattempt"), list_url("strayframe"), page_url(enabled.integration)):
        page = staff.get(url).content.decode()
        assert script not in page
        assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("name", RECORDS)
def test_the_page_of_an_integration_leads_to_all_its_records(staff: Client, enabled: Enabled, name: str) -> None:
    for each in (enabled.integration, make_enabled_outlet("Other").integration):
        for record in RECORDS:
            a_record(each, record)
    (link,) = set(re.findall(rf"/admin/integrations/{name}/\?integration__id__exact=\d+", page_of(staff, enabled)))
    answer = staff.get(link)
    assert answer.status_code == 200
    assert "Station" in text(answer)
    assert "Other" not in text(answer)


def page_of(staff: Client, enabled: Enabled) -> str:
    return str(staff.get(page_url(enabled.integration)).content.decode())


# --- Enabling ---


def test_enabling_shows_the_five_values(staff: Client, outlet: Outlet) -> None:
    answer = staff.post(enable_url(outlet), {"pos_remote_id": "Bella-1"})
    page = answer.content.decode()
    secret = shown_secret(answer)
    assert secret_digests.recognise(SecretKind.POS_SECRET, secret) == secret
    for value in (
        outlet.provider_outlet_id,
        "Bella-1",
        "http://127.0.0.1:8000/api/powerepos/v1/auth",
        "ws://127.0.0.1:8000",
    ):
        assert value in page
    assert page.count("data-copy=") == 5


def test_the_page_with_the_secret_is_stored_by_nobody(staff: Client, outlet: Outlet) -> None:
    answer = staff.post(enable_url(outlet), {"pos_remote_id": "Bella-1"})
    secret = shown_secret(answer)
    assert "no-store" in answer["Cache-Control"]
    assert list(get_messages(answer.wsgi_request)) == []
    assert secret not in str(dict(staff.session))
    assert secret not in str(answer.headers) + str(answer.cookies)
    assert all(secret not in str(event.detail) for event in AuditEvent.objects.all())


def test_the_same_form_sent_twice_says_in_words_that_it_is_done(staff: Client, outlet: Outlet) -> None:
    first = staff.post(enable_url(outlet), {"pos_remote_id": "Bella-1"})
    again = staff.post(enable_url(outlet), {"pos_remote_id": "Bella-1"})
    integration = Integration.objects.get()
    assert again.status_code == 409
    assert "already enabled" in text(again)
    assert shown_secret(first) not in again.content.decode()
    assert page_url(integration) in again.content.decode()
    assert act_url(integration, "rotate") in again.content.decode()
    assert "already enabled" in text(staff.get(enable_url(outlet)))


def test_enabling_is_an_audit_event_with_person_and_address(staff: Client, boss: User, outlet: Outlet) -> None:
    staff.post(enable_url(outlet), {"pos_remote_id": "Bella-1"}, REMOTE_ADDR="2001:db8::7")
    event = AuditEvent.objects.get(verb=Verb.ENABLED)
    assert (event.actor, event.actor_name, event.address) == (boss, "boss", "2001:db8::7")


def test_an_adopted_secret_is_shown_with_its_weakness(staff: Client, outlet: Outlet) -> None:
    answer = staff.post(enable_url(outlet), {"pos_remote_id": "Bella-1", "adopted_secret": ADOPTED})
    assert ADOPTED in answer.content.decode()
    assert "This secret is weak: 85 bits at most" in text(answer)
    page = staff.get(page_url(Integration.objects.get()))
    assert "The secret is weak" in text(page)
    assert ADOPTED not in page.content.decode()


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"pos_remote_id": ""}, "This field is required"),
        ({"pos_remote_id": "x" * 129}, "at most 128 characters"),
        ({"pos_remote_id": "a\x07b"}, "It contains U+0007 CONTROL CHARACTER"),
        ({"pos_remote_id": "Bella-Station"}, "Another outlet's integration has this POSRemoteID"),
        ({"pos_remote_id": "B", "adopted_secret": "sh0rt!"}, "too short to adopt"),
        ({"pos_remote_id": "a\u200bb"}, "It contains U+200B ZERO WIDTH SPACE, which is invisible"),
        ({"pos_remote_id": "B", "adopted_secret": "a\u00a0blank within"}, "U+00A0 NO-BREAK SPACE"),
        ({"pos_remote_id": "B", "adopted_secret": "x" * 300}, "at most 256 characters"),
        ({"pos_remote_id": "B", "adopted_secret": "ONPS-ABCDE-ABCDE-ABCDE-ABCDE-ABCDE-ABCDE-ABCDE"}, "mistyped"),
    ],
)
def test_what_is_wrong_with_the_form_is_said_and_nothing_is_done(
    staff: Client, outlet: Outlet, enabled: Enabled, values: dict[str, str], complaint: str
) -> None:
    answer = staff.post(enable_url(outlet), values)
    assert answer.status_code == 200
    assert complaint in text(answer)
    assert Integration.objects.count() == 1
    if "adopted_secret" in values:
        assert values["adopted_secret"] not in answer.content.decode()


def test_a_secret_that_another_outlet_has_is_refused(staff: Client, outlet: Outlet) -> None:
    make_enabled_outlet("Other", adopted_secret=ADOPTED)
    answer = staff.post(enable_url(outlet), {"pos_remote_id": "B", "adopted_secret": ADOPTED})
    assert "each integration needs one of its own" in text(answer)
    assert ADOPTED not in answer.content.decode()


def test_blanks_around_a_pasted_pos_remote_id_are_dropped(staff: Client, outlet: Outlet) -> None:
    staff.post(enable_url(outlet), {"pos_remote_id": "  Bella-1 \n"})
    assert Integration.objects.get().pos_remote_id == "Bella-1"


# --- Rotating ---


def test_rotating_shows_the_new_secret_once(staff: Client, enabled: Enabled) -> None:
    answer = rotate(staff, enabled.integration)
    secret = shown_secret(answer)
    assert secret != enabled.handover.auth_secret
    assert "no-store" in answer["Cache-Control"]
    assert secret not in staff.get(page_url(enabled.integration)).content.decode()


def test_a_rotation_sent_twice_rotates_once(staff: Client, enabled: Enabled) -> None:
    seen = enabled.integration.current_credential().pk
    values = {"overlap": "0", "seen": seen}
    url = act_url(enabled.integration, "rotate")
    secret = shown_secret(staff.post(url, values))
    again = staff.post(url, values)
    assert again.status_code == 409
    assert "rotated after this page was opened" in text(again)
    assert secret not in again.content.decode()
    assert Credential.objects.count() == 2


def test_an_overlap_is_chosen_on_purpose(staff: Client, enabled: Enabled) -> None:
    url = act_url(enabled.integration, "rotate")
    assert "checked" not in staff.get(url).content.decode()
    assert "This field is required" in text(staff.post(url, {"seen": 1}))
    assert "Select a valid choice" in text(staff.post(url, {"seen": 1, "overlap": "99y"}))
    assert Credential.objects.count() == 1


def test_during_an_overlap_a_rotation_is_refused_and_the_overlap_can_be_ended(staff: Client, enabled: Enabled) -> None:
    assert "stays valid until" in text(rotate(staff, enabled.integration, overlap="24h"))
    refused = rotate(staff, enabled.integration)
    end = act_url(enabled.integration, "end_overlap")
    assert refused.status_code == 409
    assert "is still valid. End its overlap, then rotate" in text(refused)
    assert end in refused.content.decode()
    assert end in staff.get(act_url(enabled.integration, "rotate")).content.decode()
    assert end in staff.get(page_url(enabled.integration)).content.decode()
    assert staff.post(end)["Location"] == page_url(enabled.integration)
    assert shown_secret(rotate(staff, enabled.integration))


def test_the_secrets_of_an_integration_are_told_apart(staff: Client, enabled: Enabled) -> None:
    rotate(staff, enabled.integration)
    rotate(staff, enabled.integration, overlap="7d")
    page = text(staff.get(page_url(enabled.integration)))
    assert "Current" in page
    assert "Overlap, until" in page
    assert "Retired just now : rotated without overlap" in page


# --- Disabling, enabling again, correcting ---


def test_disabling_needs_a_reason(staff: Client, enabled: Enabled) -> None:
    for reason in ("", "   "):
        answer = staff.post(act_url(enabled.integration, "disable"), {"reason": reason})
        assert "This field is required" in text(answer)
    assert enabled.fresh().is_enabled


def test_an_outlet_is_disabled_and_enabled_again(staff: Client, enabled: Enabled) -> None:
    page = page_url(enabled.integration)
    answer = staff.post(act_url(enabled.integration, "disable"), {"reason": "Till stolen"}, follow=True)
    assert answer.redirect_chain == [(page, 302)]
    assert "Integration disabled." in text(answer)
    assert "Disabled by boss, just now : “Till stolen”" in text(answer)
    answer = staff.post(act_url(enabled.integration, "reenable"), {"reason": "Found"}, follow=True)
    assert "Integration re-enabled." in text(answer)
    assert enabled.fresh().is_enabled
    assert AuditEvent.objects.get(verb=Verb.REENABLED).detail == {"reason": "Found"}


@pytest.mark.parametrize("act", ["disable", "reenable", "end_overlap"])
def test_an_act_that_is_done_already_says_so_and_does_nothing(staff: Client, enabled: Enabled, act: str) -> None:
    if act == "disable":
        enabling.disable(enabled.integration, reason="First", actor=ANNA)
    before = AuditEvent.objects.count()
    answer = staff.post(act_url(enabled.integration, act), {"reason": "Second"})
    assert answer.status_code == 409
    assert "Nothing was changed this time" in text(answer)
    assert "Nothing was changed this time" in text(staff.get(act_url(enabled.integration, act)))
    assert AuditEvent.objects.count() == before


def test_a_pos_remote_id_is_corrected(staff: Client, enabled: Enabled) -> None:
    make_enabled_outlet("Other", pos_remote_id="Taken")
    url = act_url(enabled.integration, "change_pos_remote_id")
    assert "Another outlet's integration has this" in text(staff.post(url, {"pos_remote_id": "Taken"}))
    assert "already has this POSRemoteID" in text(staff.post(url, {"pos_remote_id": enabled.handover.pos_remote_id}))
    assert staff.post(url, {"pos_remote_id": "Corrected"}).status_code == 302
    assert enabled.fresh().pos_remote_id == "Corrected"


# --- The page of an integration ---


def test_the_page_says_why_a_pos_is_not_let_in(staff: Client, enabled: Enabled) -> None:
    values = {"pos_remote_id": "Bella-Harbour", "pos_remote_id_of": make_enabled_outlet("Harbour").integration}
    be_refused(enabled.integration, Outcome.WRONG_POS_REMOTE_ID, **values)
    page = text(staff.get(page_url(enabled.integration)))
    assert "The POS has never been connected. Its last attempt, just now : POSRemoteID does not match" in page
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


def test_the_page_of_a_new_integration_explains_its_empty_sections(staff: Client, enabled: Enabled) -> None:
    page = text(staff.get(page_url(enabled.integration)))
    for sentence in ("has not tried to connect yet", "No attempts yet", "No connections yet", "No unrecognised frames"):
        assert sentence in page


def test_an_integration_that_is_not_there_leads_back(staff: Client) -> None:
    assert staff.get(reverse("admin:integrations_integration_change", args=(99,))).status_code == 302
    assert staff.get(reverse("admin:integrations_integration_rotate", args=(99,))).status_code == 404
    assert staff.get(reverse("admin:integrations_outlet_enable", args=(99,))).status_code == 404


# --- Rights ---


def test_without_signing_in_every_page_asks_for_it(client: Client, enabled: Enabled, outlet: Outlet) -> None:
    urls = [page_url(enabled.integration), enable_url(outlet), *(act_url(enabled.integration, act) for act in ACTS)]
    for url in urls:
        for answer in (client.get(url), client.post(url)):
            assert answer.status_code == 302
            assert answer["Location"].startswith(reverse("admin:login"))


def test_who_may_only_look_is_refused_every_act_and_sees_no_button(enabled: Enabled, outlet: Outlet) -> None:
    viewer = client_of("view_integration", "view_outlet")
    for url in (enable_url(outlet), *(act_url(enabled.integration, act) for act in ACTS)):
        assert viewer.get(url).status_code == 403
        assert viewer.post(url).status_code == 403
        for page in (page_url(enabled.integration), list_url("outlet"), outlet_url(outlet)):
            assert url not in viewer.get(page).content.decode()


def test_who_may_enable_need_not_be_able_to_rotate(enabled: Enabled, outlet: Outlet) -> None:
    enabler = client_of("view_integration", "view_outlet", "add_integration")
    assert enable_url(outlet) in enabler.get(list_url("outlet")).content.decode()
    assert enabler.get(act_url(enabled.integration, "rotate")).status_code == 403
    assert shown_secret(enabler.post(enable_url(outlet), {"pos_remote_id": "B"}))


def test_who_may_act_sees_the_buttons(enabled: Enabled) -> None:
    operator = client_of("change_integration")
    page = operator.get(page_url(enabled.integration)).content.decode()
    for act in ("rotate", "disable", "change_pos_remote_id"):
        assert act_url(enabled.integration, act) in page
    assert "Audit events" not in page


def test_who_may_see_nothing_is_told_so_in_words(enabled: Enabled) -> None:
    nobody = client_of()
    for url in (page_url(enabled.integration), *(list_url(name) for name in LISTS)):
        answer = nobody.get(url)
        assert answer.status_code == 403
        assert "You are not allowed to do this" in text(answer)


def test_an_act_without_the_csrf_token_is_refused_in_words(boss: User, enabled: Enabled) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(boss)
    answer = strict.post(act_url(enabled.integration, "disable"), {"reason": "Forged"})
    assert answer.status_code == 403
    assert "This form has expired" in text(answer)
    assert enabled.fresh().is_enabled


# --- Errors, and what a strict browser allows ---


def test_an_unknown_address_leads_to_the_first_page(client: Client) -> None:
    answer = client.get("/no-such-page")
    assert answer.status_code == 404
    assert "Page not found" in text(answer)
    assert 'href="/admin/"' in answer.content.decode()


def test_a_foreign_host_name_is_refused_in_words(client: Client) -> None:
    answer = client.get("/admin/", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert "ALLOWED_HOSTS" in text(answer)


def test_an_error_of_ours_is_a_page_that_says_what_to_do(
    staff: Client, monkeypatch: pytest.MonkeyPatch, enabled: Enabled
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr("integrations.staff.integration.page.context_of", fail)
    staff.raise_request_exception = False
    answer = staff.get(page_url(enabled.integration))
    assert answer.status_code == 500
    assert "Something went wrong in the portal" in text(answer)


def test_no_page_of_ours_holds_a_script_or_a_style_of_its_own(staff: Client, enabled: Enabled) -> None:
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
