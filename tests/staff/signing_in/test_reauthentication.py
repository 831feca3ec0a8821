"""A sensitive action requires reauthentication if the person last authenticated more than 15 minutes ago."""

import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from integrations.models import ApiKey, Integration, Outlet
from integrations.services.api_keys import api_keys
from integrations.services.notices import webhooks
from integrations.services.people.groups import OPERATOR, VIEWER, ensure_groups
from integrations.staff.base import choices
from integrations.staff.signing_in import records
from integrations.staff.signing_in.typed import STILL_TO_DO
from tests.staff.people.test_staff_people import make_person, page_of
from tests.staff.signing_in.test_second_factors import add_app, code_of
from tests.staff.signing_in.test_sign_in import PASSWORD
from tests.support.factories import ADOPTED, ANNA, Enabled
from tests.support.signing_in import prove
from tests.support.staff.pages import act_url, enable_url, text

CONFIRM = reverse("account_reauthenticate")
AT_LEAST, STALE = 900, 901


@pytest.fixture(autouse=True)
def _frozen_clock(time_machine: Any) -> None:
    time_machine.move_to("2026-03-01T12:00:10Z", tick=False)


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss", password=PASSWORD)


@pytest.fixture
def stale(client: Client, boss: User) -> Client:
    """A signed-in browser whose last authentication is a little more than 15 minutes old."""
    client.force_login(boss)
    prove(client, boss, ago=STALE)
    return client


def assert_reauthentication_required(client: Client, url: str) -> None:
    for answer in (client.get(url), client.post(url, {"reason": "x"})):
        assert answer.status_code == 302, url
        assert answer["Location"].startswith(f"{CONFIRM}?next="), url


def sensitive_pages(enabled: Enabled, outlet: Outlet) -> list[str]:
    """Return the URL of each page that requires reauthentication."""
    ensure_groups()
    otto = make_person("otto", VIEWER)
    key = ApiKey.objects.create(name="Web shop")
    endpoint, _ = webhooks.create_endpoint(
        name="Hook", url="https://x.example/", kinds=["alert.began"], organisation=None, actor=ANNA
    )
    return [
        enable_url(outlet),
        reverse("admin:integrations_outlet_enable_new"),
        act_url(enabled.integration, "rotate"),
        act_url(enabled.integration, "replace_secret"),
        reverse("admin:integrations_apikey_add"),
        reverse("admin:integrations_apikey_rotate", args=(key.pk,)),
        reverse("admin:integrations_apikey_change_access", args=(key.pk,)),
        reverse("admin:integrations_webhookendpoint_add"),
        reverse("admin:integrations_webhookendpoint_rotate", args=(endpoint.pk,)),
        reverse("admin:integrations_outlet_enable_from_file"),
        reverse("admin:auth_user_add"),
        page_of(otto),
        reverse("admin:auth_user_password_change", args=(otto.pk,)),
        reverse("admin:auth_user_reset_factors", args=(otto.pk,)),
        reverse("admin:auth_user_unlink_identity", args=(otto.pk, 1)),
        reverse("admin:password_change"),
        reverse("mfa_activate_totp"),
        reverse("mfa_add_webauthn"),
        reverse("mfa_generate_recovery_codes"),
    ]


def test_every_sensitive_action_requires_reauthentication_for_its_form_and_its_submission(
    stale: Client, boss: User, enabled: Enabled, outlet: Outlet
) -> None:
    for url in sensitive_pages(enabled, outlet):
        assert_reauthentication_required(stale, url)
    for url, values in (
        (reverse("admin:integrations_integration_many", args=("rotate",)), {"checked": "x", "overlap": "0"}),
        (
            reverse("admin:integrations_outlet_changelist"),
            {"action": "rotate_many", "_selected_action": [enabled.integration.outlet_id]},
        ),
    ):
        assert stale.post(url, values)["Location"].startswith(CONFIRM)
    assert Integration.objects.count() == 1
    assert enabled.fresh().generation == enabled.integration.generation


def test_other_pages_do_not_require_reauthentication(stale: Client, enabled: Enabled) -> None:
    for url in (
        reverse("admin:index"),
        act_url(enabled.integration, "disable"),
        reverse("admin:auth_user_changelist"),
        reverse("mfa_index"),
    ):
        assert stale.get(url).status_code == 200, url


def test_no_reauthentication_is_required_within_the_configured_period(
    client: Client, boss: User, outlet: Outlet, settings: Any
) -> None:
    client.force_login(boss)
    prove(client, boss, ago=AT_LEAST)
    assert client.get(enable_url(outlet)).status_code == 200
    settings.REAUTHENTICATE_SECONDS = 60
    assert_reauthentication_required(client, enable_url(outlet))


def test_a_session_without_a_recorded_authentication_must_reauthenticate(
    client: Client, boss: User, outlet: Outlet
) -> None:
    client.force_login(boss)
    session = client.session
    session["account_authentication_methods"] = []
    session.save()
    assert_reauthentication_required(client, enable_url(outlet))


def test_after_the_password_the_action_can_be_completed(stale: Client, outlet: Outlet) -> None:
    confirm_url = stale.get(enable_url(outlet))["Location"]
    assert "Enter your password again, boss" in text(stale.get(confirm_url))
    answer = stale.post(confirm_url, {"password": "wrong", "next": enable_url(outlet)})
    assert "The password is incorrect" in text(answer)
    assert_reauthentication_required(stale, enable_url(outlet))
    answer = stale.post(confirm_url, {"password": PASSWORD, "next": enable_url(outlet)})
    assert answer["Location"] == enable_url(outlet)
    assert stale.post(enable_url(outlet), {"pos_remote_id": "B"}).status_code == 200
    assert Integration.objects.filter(outlet=outlet).exists()


# Each item has the URL of a form, its input, and patterns that the refilled form must match.
Typed = list[tuple[str, dict[str, Any], list[str]]]


def typed_outlets_and_keys(enabled: Enabled, outlet: Outlet) -> Typed:
    """Return the sensitive forms of outlets and API keys, each with its input and the patterns to match."""
    key, _ = api_keys.create_api_key("Web shop", actor=ANNA)
    own = outlet.organisation_id
    return [
        (enable_url(outlet), {"pos_remote_id": "Typed-1"}, ['value="Typed-1"']),
        (
            reverse("admin:integrations_outlet_enable_new"),
            {"organisation": "Typed", "outlet": "Site", "provider_outlet_id": "own-1", "hand_over": "link"},
            ['value="Typed"', 'value="Site"', 'value="own-1"', 'value="link"[^>]* checked', '"onp-more" open'],
        ),
        (
            act_url(enabled.integration, "rotate"),
            {"overlap": "24h", "link_hours": "5"},
            ['value="24h"[^>]* checked', 'value="5"'],
        ),
        (
            reverse("admin:integrations_apikey_add"),
            {"name": "Typed", "organisation": own, "scopes": "events:read", "last_day": "2026-09-01"},
            ['value="Typed"', f'value="{own}" selected', '"events:read"[^>]* checked', 'value="2026-09-01"'],
        ),
        (reverse("admin:integrations_apikey_rotate", args=(key.pk,)), {"overlap": "1h"}, ['value="1h"[^>]* checked']),
    ]


def typed_webhooks_and_people() -> Typed:
    """Return the sensitive forms of webhook endpoints and people, each with its input and the patterns to match."""
    ensure_groups()
    otto = make_person("otto", VIEWER)
    hook: dict[str, Any] = {"name": "Hook", "url": "https://x.example/", "kinds": ["alert.began"]}
    endpoint, _ = webhooks.create_endpoint(**hook, organisation=None, actor=ANNA)
    return [
        (
            reverse("admin:integrations_webhookendpoint_add"),
            {**hook, "name": "Typed"},
            ['value="Typed"', 'value="https://x.example/"', 'value="alert.began"[^>]* checked'],
        ),
        (
            reverse("admin:integrations_webhookendpoint_change_url", args=(endpoint.pk,)),
            {"url": "https://typed.example/", "kinds": ["outlet.online"]},
            ['value="https://typed.example/"', 'value="outlet.online"[^>]* checked'],
        ),
        (
            reverse("admin:auth_user_add"),
            {"username": "typed", "usable_password": "false", "email": "t@example.com", "role": OPERATOR},
            ['value="typed"', "t@example.com", 'value="operator"[^>]* checked', 'value="false"[^>]* checked'],
        ),
        (page_of(otto), {"username": "otto", "first_name": "Typed", "is_limited": "on"}, ['value="Typed"', "checked"]),
    ]


def test_every_form_sent_too_late_is_shown_again_as_it_was_filled_in(
    stale: Client, boss: User, enabled: Enabled, outlet: Outlet
) -> None:
    for url, values, shown in typed_outlets_and_keys(enabled, outlet) + typed_webhooks_and_people():
        prove(stale, boss, ago=STALE)
        confirm_url = stale.post(url, values)["Location"]
        assert "to return to the form" in text(stale.get(confirm_url)), url
        assert stale.post(confirm_url, {"password": PASSWORD, "next": url})["Location"] == url
        page = stale.get(url)
        assert STILL_TO_DO in text(page), url
        html = " ".join(page.content.decode().split())
        assert [each for each in shown if not re.search(each, html)] == [], url
        assert STILL_TO_DO not in text(stale.get(url)), url


def test_a_form_sent_too_late_names_the_passphrase_to_enter_again(stale: Client, boss: User, enabled: Enabled) -> None:
    url = act_url(enabled.integration, "rotate")
    for passphrase in ("correct horse battery", ""):
        prove(stale, boss, ago=STALE)
        confirm_url = stale.post(url, {"overlap": "1h", "hand_over": "link", "passphrase": passphrase})["Location"]
        stale.post(confirm_url, {"password": PASSWORD, "next": url})
        page = stale.get(url)
        assert ("Enter again: Passphrase." in text(page)) is bool(passphrase)
        assert "correct horse" not in page.content.decode()


def test_a_form_sent_too_late_names_the_secret_to_enter_again_and_shows_its_field(stale: Client, boss: User) -> None:
    url = reverse("admin:integrations_outlet_enable_new")
    for typed, is_open in (({"adopted_secret": ADOPTED}, True), ({}, False)):
        prove(stale, boss, ago=STALE)
        confirm_url = stale.post(url, {"organisation": "Bella", **typed})["Location"]
        stale.post(confirm_url, {"password": PASSWORD, "next": url})
        page = stale.get(url)
        assert ("Enter again: Secret that PowerEPOS already has." in text(page)) is is_open
        assert ('<details class="onp-more" open>' in page.content.decode()) is is_open
        assert ADOPTED not in str(stale.session.items())


def test_a_selection_sent_too_late_is_shown_again_with_its_outlets_and_its_input(
    stale: Client, boss: User, enabled: Enabled
) -> None:
    many = reverse("admin:integrations_integration_many", args=("rotate",))
    chosen = {"action": "rotate_many", "_selected_action": [enabled.integration.outlet_id]}
    confirm_url = stale.post(reverse("admin:integrations_outlet_changelist"), chosen)["Location"]
    assert stale.post(confirm_url, {"password": PASSWORD, "next": many})["Location"] == many
    page = stale.get(many)
    assert STILL_TO_DO in text(page)
    assert enabled.integration.pos_remote_id in text(page)
    prove(stale, boss, ago=STALE)
    confirm_url = stale.post(many, {"checked": page.context["checked"].sealed, "overlap": "24h"})["Location"]
    stale.post(confirm_url, {"password": PASSWORD, "next": many})
    page = stale.get(many)
    assert enabled.integration.pos_remote_id in text(page)
    assert page.context["form"]["overlap"].value() == "24h"
    done = stale.post(many, {"checked": page.context["checked"].sealed, "overlap": "24h"})
    assert done.status_code == 200
    assert enabled.integration.credentials.count() == 2
    assert stale.get(many)["Location"] == reverse("admin:integrations_outlet_changelist")


def test_typed_names_are_in_the_form_that_is_shown_again(
    stale: Client, boss: User, outlet: Outlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choices, "MOST_TICKED", 0)
    monkeypatch.setattr(choices, "MOST_LISTED", 0)
    ensure_groups()
    forms = {
        reverse("admin:auth_user_add"): ("organisations_name", "Bella\r\n17", ">Bella\n17</textarea>"),
        reverse("admin:integrations_apikey_add"): ("organisation_name", "17", 'value="17"'),
    }
    for url, (field, value, shown) in forms.items():
        prove(stale, boss, ago=STALE)
        confirm_url = stale.post(url, {field: value})["Location"]
        stale.post(confirm_url, {"password": PASSWORD, "next": url})
        assert shown in stale.get(url).content.decode()


def test_an_unticked_checkbox_is_still_unticked_when_the_form_is_shown_again(stale: Client, boss: User) -> None:
    ensure_groups()
    otto = make_person("otto", VIEWER)
    confirm_url = stale.post(page_of(otto), {"username": "otto"})["Location"]
    stale.post(confirm_url, {"password": PASSWORD, "next": page_of(otto)})
    assert stale.get(page_of(otto)).context["adminform"].form["is_active"].value() is False


def test_a_page_without_a_stored_form_says_that_nothing_was_changed(stale: Client, boss: User) -> None:
    ensure_groups()
    for url in (
        reverse("admin:auth_user_password_change", args=(make_person("otto", VIEWER).pk,)),
        reverse("admin:password_change"),
    ):
        prove(stale, boss, ago=STALE)
        confirm_url = stale.post(url, {"password1": "a new secret", "new_password1": "a new secret"})["Location"]
        stale.post(confirm_url, {"password": PASSWORD, "next": url})
        assert STILL_TO_DO in text(stale.get(url))


def test_the_stored_form_is_shown_to_the_same_person_only(stale: Client, outlet: Outlet) -> None:
    stale.post(enable_url(outlet), {"pos_remote_id": "Typed-1"})
    session = stale.session
    session["typed_before_confirming"] |= {"user": 0}
    session.save()
    prove(stale, User.objects.get(username="boss"))
    assert "Typed-1" not in stale.get(enable_url(outlet)).content.decode()


def test_no_secret_from_a_form_sent_too_late_is_stored(stale: Client, outlet: Outlet) -> None:
    values = {"pos_remote_id": "B", "adopted_secret": ADOPTED, "passphrase": "correct horse"}
    answer = stale.post(enable_url(outlet), values)
    assert "Nothing was changed yet" in text(stale.get(answer["Location"]))
    stored = [row.get_decoded() for row in Session.objects.all()]
    assert ADOPTED not in str(stored)
    assert "correct horse" not in str(stored)
    answer = stale.post(CONFIRM, {"password": PASSWORD, "next": enable_url(outlet)})
    assert answer["Location"] == enable_url(outlet)
    assert not Integration.objects.filter(outlet=outlet).exists()


def test_reauthentication_redirects_only_within_the_portal(stale: Client) -> None:
    answer = stale.post(CONFIRM, {"password": PASSWORD, "next": "https://evil.example/admin/"})
    assert answer["Location"] == reverse("admin:index")


def test_password_guessing_is_limited_on_the_reauthentication_page(stale: Client, outlet: Outlet) -> None:
    for _ in range(5):
        stale.post(CONFIRM, {"password": "wrong"})
    assert "Too many failed attempts" in text(stale.post(CONFIRM, {"password": PASSWORD}))
    assert_reauthentication_required(stale, enable_url(outlet))


def test_the_second_factor_is_accepted_for_reauthentication(client: Client, boss: User, outlet: Outlet) -> None:
    secret = add_app(boss)
    client.force_login(boss)
    prove(client, boss, method=records.FACTOR, type="totp", ago=STALE)
    confirm_url = client.get(enable_url(outlet))["Location"]
    by_code = reverse("mfa_reauthenticate")
    assert f"{by_code}?next=" in client.get(confirm_url).content.decode()
    answer = client.post(by_code, {"code": code_of(secret), "next": enable_url(outlet)})
    assert answer["Location"] == enable_url(outlet)
    assert client.get(enable_url(outlet)).status_code == 200
    assert Authenticator.objects.get().last_used_at


def test_a_person_without_a_password_or_factor_signs_in_again(client: Client, boss: User, outlet: Outlet) -> None:
    boss.set_unusable_password()
    boss.save()
    client.force_login(boss)
    prove(client, boss, ago=STALE)
    answer = client.get(enable_url(outlet), follow=True)
    assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))
    assert "Sign in again" in text(answer)


def test_permissions_are_checked_before_reauthentication(client: Client, enabled: Enabled, outlet: Outlet) -> None:
    ensure_groups()
    vic = make_person("vic", VIEWER)
    client.force_login(vic)
    prove(client, vic, ago=STALE)
    assert client.get(enable_url(outlet)).status_code == 403
    assert client.post(enable_url(outlet)).status_code == 403
